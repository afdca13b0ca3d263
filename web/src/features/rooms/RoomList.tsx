import { useMemo } from 'react';
import { ErrorNote } from '../../components/ErrorNote';
import { titleOf, useMe, usePeople, usePresence } from '../../components/use-people';
import { byActivity } from '../../realtime/rooms/entry';
import { useSnapshot, useWarren } from '../../realtime/use-snapshot';
import { RoomItem } from './RoomItem';
import './rooms.css';

export function RoomList({ current, onOpen }: { current: string | null; onOpen: (room: string) => void }) {
  const { rooms } = useWarren();
  const view = useSnapshot(rooms.view);
  const me = useMe();
  const entries = useMemo(() => [...view.rooms.values()].sort(byActivity), [view.rooms]);
  const peers = entries.flatMap(({ peer }) => peer ?? []);
  const speakers = entries.flatMap(({ lastMessage }) => lastMessage?.sender ?? []);
  const people = usePeople([...peers, ...speakers]);
  const statusOf = usePresence(peers);

  return (
    <nav className="room-list" aria-label="Rooms" data-testid="room-list">
      {view.error !== null && <ErrorNote>{view.error}</ErrorNote>}
      {view.state === 'loading' && view.error === null && <RoomListSkeleton />}
      {view.state === 'ready' && entries.length === 0 && (
        <p className="room-list-empty">No rooms yet. Start one with the plus above.</p>
      )}
      <ul>
        {entries.map((entry) => (
          <li key={entry.room.id}>
            <RoomItem
              entry={entry}
              title={titleOf(entry, people)}
              speaker={entry.lastMessage === null ? undefined : people.get(entry.lastMessage.sender)}
              status={entry.peer === null ? null : statusOf(entry.peer)}
              me={me}
              isCurrent={entry.room.id === current}
              onOpen={onOpen}
            />
          </li>
        ))}
      </ul>
    </nav>
  );
}

function RoomListSkeleton() {
  return (
    <div className="skeleton" aria-label="Loading rooms" role="status">
      {[0, 1, 2, 3, 4].map((row) => (
        <i key={row} />
      ))}
    </div>
  );
}
