import type { Message, MessageChanged, MessagePage, RoomEvent } from '../api/types';

/**
 * What this client has of one room. Pure: every function answers a new log.
 *
 * Kept true: every event up to `seq` has been applied once, in order; `messages` is an unbroken stretch, ascending,
 * that ends with the newest message (once `loaded`); `held` are events beyond a gap, ascending, all above `seq + 1`.
 */
export interface RoomLog {
  readonly seq: number;
  /** The highest `seq` known to exist; above `seq` means that something is missing. */
  readonly head: number;
  readonly messages: readonly Message[];
  readonly held: readonly RoomEvent[];
  /** History has been fetched. Before, `messages` are only the few that arrived live. */
  readonly loaded: boolean;
  /** There is nothing older than the first message. */
  readonly complete: boolean;
  /** The latest changes of messages, for history that was read before they happened and arrives after. */
  readonly changes: readonly MessageChanged[];
}

export interface Received {
  log: RoomLog;
  /** What was applied, in order; empty for a duplicate or an event that has to wait. */
  applied: readonly RoomEvent[];
}

const HELD_MAX = 2_000;
const CHANGES_MAX = 200;
/** A room that nobody looks at keeps this many messages. */
export const TAIL = 200;

export const emptyLog = (head: number): RoomLog => ({
  seq: head,
  head,
  messages: [],
  held: [],
  loaded: false,
  complete: false,
  changes: [],
});

export const isBehind = (log: RoomLog): boolean => log.head > log.seq;

/** An event from the socket: applied if it is the next, dropped if it is known, held if it is beyond a gap. */
export function receive(log: RoomLog, event: RoomEvent): Received {
  if (event.seq <= log.seq) return { log, applied: [] };
  const head = Math.max(log.head, event.seq);
  if (event.seq > log.seq + 1) return { log: { ...log, head, held: hold(log.held, event) }, applied: [] };
  const later = log.held.filter((each) => each.seq > event.seq);
  const jump = later.findIndex((each, index) => each.seq !== event.seq + 1 + index);
  const closed = jump === -1 ? later.length : jump;
  const applied = [event, ...later.slice(0, closed)];
  const next = applied.reduce(apply, { ...log, head, held: later.slice(closed) });
  return { log: next, applied };
}

/** Another device or `ready` says that the room has come this far. */
export const noteHead = (log: RoomLog, head: number): RoomLog => (head > log.head ? { ...log, head } : log);

/** Too much was missed: everything up to `head` is history now, to be fetched when somebody looks. */
export function reset(log: RoomLog, head: number): RoomLog {
  const later = log.held.filter((event) => event.seq > head);
  const fresh: RoomLog = { ...emptyLog(head), head: Math.max(head, log.head), held: later };
  const first = later[0];
  return first?.seq === head + 1 ? receive({ ...fresh, held: later.slice(1) }, first).log : fresh;
}

/** The newest page of history, which may be older or newer than what came live meanwhile. */
export function withNewest(log: RoomLog, page: MessagePage, asked: number): RoomLog {
  const newest = replay(page.messages, log.changes, page.head);
  // A page that is ahead has everything that is here; what it is ahead by arrives once more and is known then.
  return {
    ...log,
    messages: page.head > log.seq ? newest : merge(newest, log.messages),
    loaded: true,
    complete: page.messages.length < asked,
  };
}

/** The page before the first message. */
export function withOlder(log: RoomLog, page: MessagePage, asked: number): RoomLog {
  const older = replay(page.messages, log.changes, page.head);
  return { ...log, messages: merge(older, log.messages), complete: page.messages.length < asked };
}

/** Keeps the newest few of a room that is not looked at any more. */
export function trimmed(log: RoomLog): RoomLog {
  if (log.messages.length <= TAIL) return log;
  return { ...log, messages: log.messages.slice(-TAIL), complete: false };
}

function hold(held: readonly RoomEvent[], event: RoomEvent): readonly RoomEvent[] {
  const at = held.findIndex((each) => each.seq >= event.seq);
  if (at === -1) return held.length < HELD_MAX ? [...held, event] : held;
  if (held[at]?.seq === event.seq) return held;
  // Full: the latest gives way, since the earliest are needed first. What gives way is asked for again.
  return [...held.slice(0, at), event, ...held.slice(at)].slice(0, HELD_MAX);
}

function apply(log: RoomLog, event: RoomEvent): RoomLog {
  const next = { ...log, seq: event.seq };
  switch (event.type) {
    case 'message.created': {
      const newest = log.messages.at(-1);
      if (newest !== undefined && newest.seq >= event.seq) return next;
      const messages = [...log.messages, event.message];
      return { ...next, messages: log.loaded ? messages : messages.slice(-TAIL) };
    }
    case 'message.edited':
    case 'message.deleted':
    case 'reaction.changed':
      return {
        ...next,
        messages: changed(log.messages, event),
        changes: [...log.changes, event].slice(-CHANGES_MAX),
      };
    default:
      return next;
  }
}

function changed(messages: readonly Message[], change: MessageChanged): readonly Message[] {
  if (!messages.some(({ seq }) => seq === change.target)) return messages;
  return messages.map((message) => (message.seq === change.target ? changedMessage(message, change) : message));
}

/** The message after the change. Applying a change twice is the same as once. */
export function changedMessage(message: Message, change: MessageChanged): Message {
  switch (change.type) {
    case 'message.edited':
      return { ...message, body: change.body, edited_at: change.edited_at };
    case 'message.deleted':
      return { ...message, body: '', deleted: true };
    case 'reaction.changed': {
      const others = (message.reactions[change.emoji] ?? []).filter((user) => user !== change.user);
      const users = change.on ? [...others, change.user] : others;
      return { ...message, reactions: { ...message.reactions, [change.emoji]: users } };
    }
  }
}

const replay = (messages: readonly Message[], changes: readonly MessageChanged[], head: number): readonly Message[] =>
  changes.filter((change) => change.seq > head).reduce(changed, messages);

/** Both stretches as one; where both have a message, the second counts. */
function merge(first: readonly Message[], second: readonly Message[]): readonly Message[] {
  const bySeq = new Map([...first, ...second].map((message) => [message.seq, message]));
  return [...bySeq.values()].sort((one, other) => one.seq - other.seq);
}
