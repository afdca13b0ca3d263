import { useEffect, useState } from 'react';
import { sentenceOf } from '../../api/errors';
import type { Member, Page, Status } from '../../api/types';
import { Avatar } from '../../components/Avatar';
import { ErrorNote } from '../../components/ErrorNote';
import { Icon } from '../../components/Icon';
import { PresenceDot } from '../../components/PresenceDot';
import { useMe, usePeople, usePresence } from '../../components/use-people';
import { nameOf } from '../../realtime/people';
import type { RoomEntry } from '../../realtime/rooms/entry';
import { useSnapshot, useWarren } from '../../realtime/use-snapshot';
import { LeaveRoom } from './LeaveRoom';
import './members.css';

interface MembersPanelProps {
  entry: RoomEntry;
  onLeft: () => void;
  onClose: () => void;
}

const ORDER: Record<Status, number> = { online: 0, busy: 1, away: 2, offline: 3 };

export function MembersPanel({ entry, onLeft, onClose }: MembersPanelProps) {
  const { room } = entry;
  const { page, error } = useMembers(room.id, entry.membersVersion);
  const me = useMe();
  const { link } = useWarren();
  const members = page?.items ?? [];
  const ids = members.map((member) => member.user_id);
  const people = usePeople(ids);
  const presenceOf = usePresence(ids);
  const connected = useSnapshot(link).state === 'ready';
  // Of oneself one knows more than the server has said.
  const statusOf = (id: string): Status => (id !== me ? presenceOf(id) : connected ? 'online' : 'offline');
  const rows = members
    .map((member) => ({ ...member, name: nameOf(people.get(member.user_id)), status: statusOf(member.user_id) }))
    .sort((one, other) => ORDER[one.status] - ORDER[other.status] || one.name.localeCompare(other.name));

  return (
    <aside className="members" aria-label="Members" data-testid="members">
      <header>
        <h2>
          Members <span>{room.members}</span>
        </h2>
        <button type="button" className="icon-button" aria-label="Close members" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {room.topic !== null && <p className="members-topic">{room.topic}</p>}
      {error !== null && <ErrorNote>{error}</ErrorNote>}
      <ul>
        {rows.map(({ user_id: id, name, status, role }) => (
          <li key={id} data-testid="member" data-user={id}>
            <span className="room-item-avatar">
              <Avatar id={id} name={name} size="small" />
              <PresenceDot status={status} user={id} />
            </span>
            <span className="member-name">
              {name}
              {id === me && <span className="you">you</span>}
            </span>
            {role !== 'member' && <span className="role">{role}</span>}
          </li>
        ))}
      </ul>
      {typeof page?.next === 'string' && <p className="members-more">Only the first {members.length} are shown.</p>}
      <footer>
        {room.public && <ShareId room={room.id} />}
        {room.kind !== 'direct' && <LeaveRoom room={room} onLeft={onLeft} />}
      </footer>
    </aside>
  );
}

function useMembers(room: string, version: number): { page: Page<Member> | null; error: string | null } {
  const { api, people } = useWarren();
  const [state, setState] = useState<{ page: Page<Member> | null; error: string | null }>({ page: null, error: null });
  useEffect(() => {
    let current = true;
    api.members(room).then(
      (page) => {
        if (!current) return;
        people.learn(page.items.flatMap(({ user }) => user ?? []));
        setState({ page, error: null });
      },
      (error: unknown) => {
        if (current) setState((before) => ({ ...before, error: sentenceOf(error) }));
      },
    );
    return () => {
      current = false;
    };
  }, [api, people, room, version]);
  return state;
}

function ShareId({ room }: { room: string }) {
  const { say } = useWarren();
  return (
    <div className="share-id">
      <span>Room id, to join by</span>
      <code data-testid="room-id">{room}</code>
      <button
        type="button"
        className="icon-button"
        aria-label="Copy the room id"
        onClick={() => {
          navigator.clipboard.writeText(room).then(
            () => {
              say('The room id is copied.');
            },
            () => {
              say('The browser did not allow copying. Select the id and copy it yourself.');
            },
          );
        }}
      >
        <Icon name="copy" size={16} />
      </button>
    </div>
  );
}
