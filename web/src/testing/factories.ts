import type { Message, MessageCreated, Room, RoomRow, User } from '../api/types';

export const T0 = '2026-11-26T09:00:00.000Z';

export const aUser = (id: string, part: Partial<User> = {}): User => ({
  id,
  username: id,
  display_name: '',
  avatar: null,
  bio: '',
  created_at: T0,
  ...part,
});

export const aRoom = (id: string, part: Partial<Room> = {}): Room => ({
  id,
  kind: 'group',
  name: id,
  topic: null,
  public: false,
  created_by: 'ada',
  created_at: T0,
  head: 0,
  n: 0,
  members: 2,
  ...part,
});

export const aMessage = (seq: number, part: Partial<Message> = {}): Message => ({
  room: 'r1',
  seq,
  n: seq,
  sender: 'bob',
  nonce: `nonce-${String(seq).padStart(4, '0')}`,
  body: `message ${seq}`,
  at: T0,
  edited_at: null,
  deleted: false,
  reply_to: null,
  reactions: {},
  ...part,
});

export const created = (seq: number, part: Partial<Message> = {}): MessageCreated => {
  const message = aMessage(seq, part);
  return { op: 'event', type: 'message.created', room: message.room, seq, at: message.at, message };
};

export const aRow = (id: string, part: Partial<RoomRow> = {}): RoomRow => ({
  room: aRoom(id),
  head: 0,
  n: 0,
  unread: 0,
  mentions: 0,
  last_message: null,
  membership: { role: 'member', since: 0, read_seq: 0 },
  ...part,
});
