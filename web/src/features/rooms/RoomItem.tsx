import { memo } from 'react';
import type { Status, User } from '../../api/types';
import { Avatar } from '../../components/Avatar';
import { PresenceDot } from '../../components/PresenceDot';
import { cx } from '../../lib/cx';
import { formatBrief } from '../../lib/time';
import { nameOf } from '../../realtime/people';
import type { RoomEntry } from '../../realtime/rooms/entry';

interface RoomItemProps {
  entry: RoomEntry;
  title: string;
  speaker: User | undefined;
  /** Of the other one in a direct room. */
  status: Status | null;
  me: string;
  isCurrent: boolean;
  onOpen: (room: string) => void;
}

export const RoomItem = memo(function RoomItem(props: RoomItemProps) {
  const { entry, title, status, isCurrent, onOpen } = props;
  const { room, unread, lastMessage, peer } = entry;
  const direct = room.kind === 'direct';
  return (
    <a
      className={cx('room-item', isCurrent && 'is-current', unread > 0 && 'is-unread')}
      href={`/rooms/${room.id}`}
      data-testid="room-item"
      data-room={room.id}
      aria-current={isCurrent ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        onOpen(room.id);
      }}
    >
      <span className="room-item-avatar">
        <Avatar id={direct ? (peer ?? room.id) : room.id} name={title} kind={direct ? 'person' : 'room'} />
        {status !== null && <PresenceDot status={status} {...(peer === null ? {} : { user: peer })} />}
      </span>
      <span className="room-item-row">
        <span className="room-item-title">{title}</span>
        {lastMessage !== null && <time dateTime={lastMessage.at}>{formatBrief(lastMessage.at, new Date())}</time>}
      </span>
      <span className="room-item-row">
        <span className="room-item-preview">{previewOf(props)}</span>
        {unread > 0 && (
          <span className="unread" data-testid="unread" aria-label={`${unread} unread`}>
            {unread > 99 ? '99+' : unread}
          </span>
        )}
      </span>
    </a>
  );
});

function previewOf({ entry, speaker, me }: RoomItemProps): string {
  const { lastMessage, room } = entry;
  if (lastMessage === null) return room.topic ?? 'Nothing said yet';
  const text = lastMessage.deleted ? 'Message deleted' : lastMessage.body;
  if (lastMessage.sender === me) return `You: ${text}`;
  return room.kind === 'direct' ? text : `${nameOf(speaker)}: ${text}`;
}
