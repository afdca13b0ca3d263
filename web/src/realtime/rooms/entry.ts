import type { Message, Room, RoomEvent, RoomRow } from '../../api/types';
import type { RoomLog } from '../room-log';
import { changedMessage, emptyLog, noteHead } from '../room-log';

/** A room of mine as the list and the timeline show it. Immutable. */
export interface RoomEntry {
  readonly room: Room;
  readonly role: string;
  readonly unread: number;
  /** Everything up to this `seq` is in `unread` or read: a replay does not count it again. */
  readonly countedTo: number;
  readonly readSeq: number;
  readonly lastMessage: Message | null;
  /** In a direct room the other user, once known. */
  readonly peer: string | null;
  readonly log: RoomLog;
  readonly history: { readonly busy: boolean; readonly error: string | null };
  /** The "new messages" line stands after this `seq`; null: there is none. */
  readonly lineAfter: number | null;
  /** Raised when members come, go or change. */
  readonly membersVersion: number;
}

export function entryOf(row: RoomRow): RoomEntry {
  return {
    room: row.room,
    role: row.membership.role,
    unread: row.unread,
    countedTo: row.head,
    readSeq: row.membership.read_seq,
    lastMessage: row.last_message,
    peer: null,
    log: emptyLog(row.head),
    history: { busy: false, error: null },
    lineAfter: null,
    membersVersion: 0,
  };
}

/** The row of a room that this client has just made or joined, before the server lists it. */
export const rowOf = (room: Room): RoomRow => ({
  room,
  head: room.head,
  n: room.n,
  unread: 0,
  mentions: 0,
  last_message: null,
  membership: { role: 'member', since: room.head, read_seq: room.head },
});

/** A fresh row from the server: it knows what happened on other devices, the entry what has come live since. */
export function refreshed(entry: RoomEntry, row: RoomRow): RoomEntry {
  const next = { ...entry, room: row.room, role: row.membership.role, log: noteHead(entry.log, row.head) };
  if (row.head < entry.countedTo) return next;
  // What was read here a moment ago may not have reached the server yet.
  const ahead = entry.readSeq > row.membership.read_seq;
  return {
    ...next,
    unread: ahead ? entry.unread : row.unread,
    countedTo: row.head,
    readSeq: ahead ? entry.readSeq : row.membership.read_seq,
    lastMessage: row.last_message ?? entry.lastMessage,
  };
}

/** What events that were applied to the log mean for the list. `reading`: the newest messages are in the user's view. */
export function advanced(entry: RoomEntry, applied: readonly RoomEvent[], me: string, reading: boolean): RoomEntry {
  return applied.reduce((before, event) => advance(before, event, me, reading), entry);
}

function advance(entry: RoomEntry, event: RoomEvent, me: string, reading: boolean): RoomEntry {
  const countedTo = Math.max(entry.countedTo, event.seq);
  switch (event.type) {
    case 'message.created': {
      const lastMessage = event.message;
      if (event.message.sender === me) return { ...entry, countedTo, lastMessage, lineAfter: null };
      const counts = !reading && event.seq > entry.countedTo;
      return {
        ...entry,
        countedTo,
        lastMessage,
        unread: entry.unread + (counts ? 1 : 0),
        lineAfter: counts && entry.lineAfter === null ? event.seq - 1 : entry.lineAfter,
      };
    }
    case 'message.edited':
    case 'message.deleted':
    case 'reaction.changed': {
      const { lastMessage } = entry;
      const isLast = event.target === lastMessage?.seq;
      return { ...entry, countedTo, lastMessage: isLast ? changedMessage(lastMessage, event) : lastMessage };
    }
    case 'member.joined':
    case 'member.left':
    case 'member.changed': {
      const change = event.type === 'member.joined' ? 1 : event.type === 'member.left' ? -1 : 0;
      const members = event.seq > entry.countedTo ? entry.room.members + change : entry.room.members;
      return { ...entry, countedTo, room: { ...entry.room, members }, membersVersion: entry.membersVersion + 1 };
    }
    case 'room.changed': {
      const { name, topic, public: open } = event;
      return { ...entry, countedTo, room: { ...entry.room, name, topic, public: open } };
    }
    default:
      return { ...entry, countedTo };
  }
}

/** Everything up to `seq` is read, here or on another device. */
export function read(entry: RoomEntry, seq: number): RoomEntry {
  if (seq <= entry.readSeq && entry.unread === 0) return entry;
  const readSeq = Math.max(entry.readSeq, seq);
  const newest = entry.lastMessage?.seq ?? 0;
  if (readSeq >= newest) return { ...entry, readSeq, unread: 0 };
  const still = entry.log.messages.filter((message) => message.seq > readSeq).length;
  return { ...entry, readSeq, unread: Math.min(entry.unread, still) };
}

/** For the list: who has spoken last comes first. */
export const byActivity = (one: RoomEntry, other: RoomEntry): number =>
  activity(other).localeCompare(activity(one)) || one.room.id.localeCompare(other.room.id);

const activity = (entry: RoomEntry): string => entry.lastMessage?.at ?? entry.room.created_at;
