import { Avatar } from '../components/Avatar';
import { Icon } from '../components/Icon';
import { PresenceDot } from '../components/PresenceDot';
import { titleOf, usePeople, usePresence } from '../components/use-people';
import { Composer } from '../features/composer/Composer';
import { MembersPanel } from '../features/members/MembersPanel';
import { Timeline } from '../features/timeline/Timeline';
import { TypingLine } from '../features/timeline/TypingLine';
import type { RoomEntry } from '../realtime/rooms/entry';
import { go } from './routes';

interface RoomPageProps {
  entry: RoomEntry;
  membersOpen: boolean;
  onMembers: (open: boolean) => void;
}

const goHome = (): void => {
  go('/');
};

export function RoomPage({ entry, membersOpen, onMembers }: RoomPageProps) {
  const { room, peer } = entry;
  const direct = room.kind === 'direct';
  const peers = peer === null ? [] : [peer];
  const people = usePeople(peers);
  const statusOf = usePresence(peers);
  const title = titleOf(entry, people);

  return (
    <div className="room" data-testid="room" data-room={room.id}>
      <header className="room-head">
        <button type="button" className="icon-button room-back" aria-label="Back to rooms" onClick={goHome}>
          <Icon name="back" />
        </button>
        <Avatar id={direct ? (peer ?? room.id) : room.id} name={title} kind={direct ? 'person' : 'room'} size="small" />
        <div className="room-title">
          <h1>{title}</h1>
          <p>
            {peer !== null ? (
              <>
                <PresenceDot status={statusOf(peer)} user={peer} /> {words[statusOf(peer)]}
              </>
            ) : (
              <>
                {room.members} {room.members === 1 ? 'member' : 'members'}
                {room.public && ' · public'}
                {room.topic !== null && ` · ${room.topic}`}
              </>
            )}
          </p>
        </div>
        <button
          type="button"
          className="icon-button"
          aria-label="Members"
          title="Members"
          aria-pressed={membersOpen}
          data-testid="show-members"
          onClick={() => {
            onMembers(!membersOpen);
          }}
        >
          <Icon name="people" size={20} />
        </button>
      </header>
      <div className="room-body">
        <section className="conversation" aria-label={title}>
          <Timeline entry={entry} />
          <TypingLine room={room.id} />
          <Composer room={room.id} title={title} />
        </section>
        {membersOpen && (
          <MembersPanel
            entry={entry}
            onLeft={goHome}
            onClose={() => {
              onMembers(false);
            }}
          />
        )}
      </div>
    </div>
  );
}

const words = { online: 'Online', away: 'Away', busy: 'Busy', offline: 'Offline' } as const;
