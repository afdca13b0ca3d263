/**
 * The client contract v1 as types: REST objects, then frames of the socket.
 * Unknown fields of answers are ignored, so only what the client uses needs to stand here.
 */

export type ErrorCode =
  | 'bad_request'
  | 'validation_failed'
  | 'unauthenticated'
  | 'token_expired'
  | 'session_revoked'
  | 'forbidden'
  | 'not_a_member'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'rate_limited'
  | 'overloaded'
  | 'unavailable'
  | 'deadline_exceeded'
  | 'internal';

/** RFC 9457, as every refused request answers. */
export interface Problem {
  status: number;
  title: string;
  detail: string;
  code: ErrorCode;
  errors?: FieldError[];
}

export interface FieldError {
  field: string;
  detail: string;
}

export interface User {
  id: string;
  username: string;
  display_name: string;
  avatar: string | null;
  bio: string;
  created_at: string;
}

export interface SignedIn {
  user: User;
  access_token: string;
  /** Life of the access token in seconds. */
  expires_in: number;
  session_id: string;
}

export type RoomKind = 'direct' | 'group' | 'channel';

export interface Room {
  id: string;
  kind: RoomKind;
  name: string | null;
  topic: string | null;
  public: boolean;
  created_by: string;
  created_at: string;
  /** The last `seq`. */
  head: number;
  /** Number of messages so far. */
  n: number;
  /** Number of members. */
  members: number;
}

export interface Message {
  room: string;
  seq: number;
  n: number;
  sender: string;
  nonce: string;
  body: string;
  at: string;
  edited_at: string | null;
  deleted: boolean;
  reply_to: number | null;
  reactions: Record<string, string[]>;
}

export type Role = 'owner' | 'admin' | 'member';

export interface RoomRow {
  room: Room;
  head: number;
  n: number;
  unread: number;
  mentions: number;
  last_message: Message | null;
  membership: { role: Role; since: number; read_seq: number };
}

export interface Member {
  user_id: string;
  role: Role;
  since: number;
  user: User | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface MessagePage {
  messages: Message[];
  head: number;
}

export interface NewRoom {
  kind: RoomKind;
  name?: string;
  topic?: string;
  members?: string[];
  public?: boolean;
}

export type Status = 'online' | 'away' | 'busy' | 'offline';

/* The socket, warren.v1 */

export type ClientFrame =
  | { op: 'hello'; token: string; rooms: Record<string, number>; batch: true; device?: string }
  | { op: 'send'; id: string; room: string; nonce: string; body: string }
  | { op: 'read'; room: string; seq: number }
  | { op: 'typing'; room: string; on: boolean }
  | { op: 'watch'; users: string[] }
  | { op: 'sync'; room: string; after: number }
  | { op: 'ping'; id: string };

interface EventOf<T extends string> {
  op: 'event';
  room: string;
  seq: number;
  at: string;
  type: T;
}

export type MessageCreated = EventOf<'message.created'> & { message: Message };

/** Changes name the message by `target`, its `seq`. */
export type MessageEdited = EventOf<'message.edited'> & { target: number; body: string; edited_at: string };
export type MessageDeleted = EventOf<'message.deleted'> & { target: number };
export type ReactionChanged = EventOf<'reaction.changed'> & {
  target: number;
  emoji: string;
  user: string;
  on: boolean;
};
export type PinChanged = EventOf<'pin.changed'>;
export type MessageChanged = MessageEdited | MessageDeleted | ReactionChanged;

export type MemberEvent = EventOf<'member.joined' | 'member.left' | 'member.changed'> & {
  user: string;
  role: Role | null;
};

export type RoomChanged = EventOf<'room.changed'> & {
  name: string | null;
  topic: string | null;
  public: boolean;
};

export type RoomEvent = MessageCreated | MessageChanged | PinChanged | MemberEvent | RoomChanged;

export interface ReadyFrame {
  op: 'ready';
  user: string;
  session_id: string;
  connection_id: string;
  server_id: string;
  heartbeat_ms: number;
  rooms: Record<string, number>;
}

export interface AckFrame {
  op: 'ack';
  id: string | number | null;
  room: string;
  /** Only acks of `send` have one. */
  nonce?: string;
  seq: number;
  at?: string;
}

export interface ErrorFrame {
  op: 'error';
  id?: string | number | null;
  code: ErrorCode;
  detail: string;
  retry_after_ms?: number;
}

export interface PresenceFrame {
  op: 'presence';
  user: string;
  status: Status;
  text: string;
  last_seen: string | null;
}

export interface NoticeFrame {
  op: 'notice';
  kind: string;
  room?: string;
  head?: number;
  detail?: string;
}

export type ServerFrame =
  | ReadyFrame
  | AckFrame
  | ErrorFrame
  | RoomEvent
  | PresenceFrame
  | NoticeFrame
  | { op: 'typing'; room: string; user: string; on: boolean }
  | { op: 'receipt'; room: string; user: string; seq: number }
  | { op: 'read'; room: string; seq: number }
  | { op: 'reset'; room: string; head: number }
  | { op: 'reconnect'; after_ms: number; reason: string }
  | { op: 'pong'; id?: string };
