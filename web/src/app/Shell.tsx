import { useEffect, useState } from 'react';
import type { User } from '../api/types';
import { ConnectionBanner } from '../components/ConnectionBanner';
import { ErrorNote } from '../components/ErrorNote';
import { Logo } from '../components/Logo';
import { cx } from '../lib/cx';
import { useSnapshot, useWarren } from '../realtime/use-snapshot';
import { RoomPage } from './RoomPage';
import { go } from './routes';
import { Sidebar } from './Sidebar';

const openRoom = (room: string): void => {
  go(`/rooms/${room}`);
};

/** Two panes, rooms and the open one; on a phone one at a time. */
export function Shell({ user, room }: { user: User; room: string | null }) {
  const warren = useWarren();
  const link = useSnapshot(warren.link);
  const view = useSnapshot(warren.rooms.view);
  const entry = room === null ? undefined : view.rooms.get(room);
  const [membersOpen, setMembersOpen] = useState(() => window.innerWidth > 1180);
  const unread = [...view.rooms.values()].reduce((sum, each) => sum + each.unread, 0);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Warren` : 'Warren';
  }, [unread]);

  return (
    <div className={cx('shell', room !== null && 'has-room')} data-testid="shell" data-link={link.state}>
      <Sidebar user={user} link={link} current={room} onOpen={openRoom} />
      <main className="main">
        <ConnectionBanner link={link} />
        {entry !== undefined ? (
          <RoomPage key={entry.room.id} entry={entry} membersOpen={membersOpen} onMembers={setMembersOpen} />
        ) : (
          <Nothing loading={view.state === 'loading'} missing={room !== null && view.state === 'ready'} />
        )}
      </main>
    </div>
  );
}

function Nothing({ loading, missing }: { loading: boolean; missing: boolean }) {
  if (loading) return <div className="nothing" role="status" aria-label="Loading" />;
  return (
    <div className="nothing">
      <Logo size={72} />
      {missing ? (
        <>
          <ErrorNote>There is no such room, or you are not a member of it.</ErrorNote>
          <button
            type="button"
            className="button button-quiet"
            onClick={() => {
              go('/');
            }}
          >
            Back to your rooms
          </button>
        </>
      ) : (
        <>
          <h2>Pick a room</h2>
          <p>Or start one: the plus beside your rooms makes a group, opens a direct conversation or joins by id.</p>
        </>
      )}
    </div>
  );
}
