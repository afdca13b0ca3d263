import type { Api } from '../../api/client';
import { mayPass, sentenceOf, ApiError } from '../../api/errors';
import type { ClientFrame, Message, MessagePage, ReadyFrame, Room, RoomEvent } from '../../api/types';
import { Store } from '../../lib/store';
import type { Readable } from '../../lib/store';
import { Backoff } from '../backoff';
import { isBehind, noteHead, receive, reset, trimmed, withNewest, withOlder } from '../room-log';
import type { RoomLog } from '../room-log';
import type { Timers } from '../timers';
import { advanced, entryOf, read, refreshed, rowOf } from './entry';
import type { RoomEntry } from './entry';
import { Gaps } from './gaps';

export interface RoomsView {
  state: 'loading' | 'ready';
  /** Why the list could not be loaded; it is tried again by itself. */
  error: string | null;
  rooms: ReadonlyMap<string, RoomEntry>;
  /** The open room. */
  shown: string | null;
}

export interface RoomsOptions {
  api: Pick<Api, 'rooms' | 'messages' | 'members'>;
  timers: Timers;
  transmit: (frame: ClientFrame) => boolean;
  /** Own messages that are in a log now. */
  onDelivered: (nonces: ReadonlySet<string>) => void;
  /** Events that were applied, each once and in order. */
  onApplied: (events: readonly RoomEvent[]) => void;
  /** I am not a member of this room any more, and did not ask for it here. */
  onGone: (entry: RoomEntry) => void;
}

export const PAGE = 50;
/** `hello` must fit in one frame; rooms that do not are caught up with `sync`. */
const HELLO_ROOMS = 1_000;
const READ_MS = 300;
const NOTHING: RoomsView = { state: 'loading', error: null, rooms: new Map(), shown: null };

/** My rooms: the list, each room's log, what is open and what is read. */
export class Rooms {
  private readonly store = new Store<RoomsView>(NOTHING);
  private readonly options: RoomsOptions;
  private readonly gaps: Gaps;
  private readonly backoff: Backoff;
  private me = '';
  private reading = false;
  private refreshing: Promise<void> | null = null;
  private stale = false;
  private readonly unsaid = new Map<string, number>();
  private cancelSay: (() => void) | null = null;
  private cancelRetry: () => void = () => undefined;
  /** Raised at every sign-in and sign-out: answers to an earlier user are ignored. */
  private era = 0;

  constructor(options: RoomsOptions) {
    this.options = options;
    this.backoff = new Backoff(() => options.timers.random());
    this.gaps = new Gaps(options.transmit, options.timers, (room) => {
      const log = this.find(room)?.log;
      return log !== undefined && isBehind(log) ? log.seq : null;
    });
  }

  get view(): Readable<RoomsView> {
    return this.store;
  }

  private get shown(): string | null {
    return this.store.get().shown;
  }

  find(room: string): RoomEntry | undefined {
    return this.store.get().rooms.get(room);
  }

  /** Resolves when the list is there, however often that has to be tried. */
  async load(me: string): Promise<void> {
    this.clear();
    this.me = me;
    await this.refresh();
  }

  clear(): void {
    this.era += 1;
    this.gaps.clear();
    this.cancelRetry();
    this.cancelSay?.();
    this.cancelSay = null;
    this.unsaid.clear();
    this.refreshing = null;
    this.stale = false;
    this.reading = false;
    this.store.set(NOTHING);
  }

  /** The list afresh from the server. Calls that come while one is under way are answered by one more. */
  refresh(): Promise<void> {
    if (this.refreshing !== null) {
      this.stale = true;
      return this.refreshing;
    }
    const { era } = this;
    const running = this.fetchList(era).finally(() => {
      if (era === this.era) this.refreshing = null;
    });
    this.refreshing = running;
    return running;
  }

  /** The last `seq` of the rooms that matter most, for `hello`. */
  seqs(): Record<string, number> {
    const rooms = [...this.store.get().rooms.values()];
    const recent = rooms.sort((one, other) => (other.lastMessage?.at ?? '').localeCompare(one.lastMessage?.at ?? ''));
    return Object.fromEntries(recent.slice(0, HELLO_ROOMS).map((entry) => [entry.room.id, entry.log.seq]));
  }

  /** A room that I have just made or joined by REST. */
  adopt(room: Room): void {
    if (this.find(room.id) === undefined) this.put(entryOf(rowOf(room)));
  }

  learnPeer(room: string, peer: string): void {
    this.change(room, (entry) => ({ ...entry, peer }));
  }

  /* What the server says */

  onReady(frame: ReadyFrame): void {
    this.gaps.clear();
    for (const [room, head] of Object.entries(frame.rooms)) {
      this.change(room, (entry) => ({ ...entry, log: noteHead(entry.log, head) }));
      this.gaps.check(room, true);
    }
    const mine = this.store.get().rooms;
    const differs = Object.keys(frame.rooms).some((room) => !mine.has(room)) || [...mine.keys()].some((room) => !(room in frame.rooms));
    if (differs) void this.refresh();
    this.sayRead();
  }

  onEvent(event: RoomEvent): void {
    const before = this.find(event.room);
    if (before === undefined) {
      if (!(event.type === 'member.left' && event.user === this.me)) void this.refresh();
      return;
    }
    const { log, applied } = receive(before.log, event);
    const here = this.shown === event.room && this.reading;
    this.put(advanced({ ...before, log }, applied, this.me, here));
    this.gaps.check(event.room);
    if (applied.length === 0) return;
    this.tellOwn(applied.flatMap((each) => (each.type === 'message.created' ? [each.message] : [])));
    this.options.onApplied(applied);
    if (applied.some((each) => each.type === 'member.left' && each.user === this.me)) {
      this.remove(event.room);
      this.options.onGone(before);
    } else if (here) this.markRead(event.room);
  }

  onReset(room: string, head: number): void {
    if (this.find(room) === undefined) return;
    this.change(room, (entry) => ({ ...entry, log: reset(entry.log, head) }));
    this.gaps.check(room);
    void this.refresh();
    if (this.shown === room) void this.loadNewest(room);
  }

  /** Another device of mine has read. */
  onRead(room: string, seq: number): void {
    this.change(room, (entry) => read(entry, seq));
  }

  onAdded(): void {
    void this.refresh();
  }

  disconnected(): void {
    this.gaps.clear();
  }

  /* What the user does */

  show(room: string | null): void {
    if (this.shown === room) return;
    if (this.shown !== null) this.change(this.shown, (entry) => ({ ...entry, log: trimmed(entry.log), lineAfter: null }));
    this.reading = false;
    if (room !== null) this.change(room, (entry) => ({ ...entry, lineAfter: entry.unread > 0 ? entry.readSeq : null }));
    this.set({ shown: room });
    if (room === null) return;
    if (this.find(room)?.log.loaded === false) void this.loadNewest(room);
  }

  /** Whether the newest messages of the shown room are in front of the user's eyes. */
  setReading(room: string, reading: boolean): void {
    if (this.shown !== room) return;
    this.reading = reading;
    if (reading) this.markRead(room);
  }

  loadNewest(room: string): Promise<void> {
    return this.fetchHistory(room, undefined);
  }

  async loadOlder(room: string): Promise<void> {
    const log = this.find(room)?.log;
    const first = log?.messages[0];
    if (log === undefined || !log.loaded || log.complete || first === undefined) return;
    await this.fetchHistory(room, first.seq);
  }

  private async fetchHistory(room: string, before: number | undefined): Promise<void> {
    if (this.find(room)?.history.busy !== false) return;
    const { era } = this;
    const end = (error: string | null): void => {
      this.change(room, (entry) => ({ ...entry, history: { busy: false, error } }));
    };
    this.change(room, (entry) => ({ ...entry, history: { busy: true, error: null } }));
    try {
      const page = await this.options.api.messages(room, PAGE, before);
      if (era !== this.era) return;
      this.change(room, (entry) => ({ ...entry, log: withPage(entry.log, page, before) }));
      this.tellOwn(this.find(room)?.log.messages ?? []);
      end(null);
    } catch (error) {
      if (era === this.era) end(sentenceOf(error));
      return;
    }
    // A reset came meanwhile and emptied the log.
    if (this.shown === room && this.find(room)?.log.loaded === false) await this.loadNewest(room);
  }

  /** I have left it by REST, or was taken out. */
  remove(room: string): void {
    const rooms = new Map(this.store.get().rooms);
    if (rooms.delete(room)) this.set({ rooms });
  }

  private markRead(room: string): void {
    const entry = this.find(room);
    if (entry === undefined || (entry.log.seq <= entry.readSeq && entry.unread === 0)) return;
    this.unsaid.set(room, entry.log.seq);
    this.change(room, (each) => read(each, each.log.seq));
    this.cancelSay ??= this.options.timers.after(READ_MS, () => {
      this.cancelSay = null;
      this.sayRead();
    });
  }

  private sayRead(): void {
    for (const [room, seq] of this.unsaid) {
      if (this.options.transmit({ op: 'read', room, seq })) this.unsaid.delete(room);
    }
  }

  private tellOwn(messages: readonly Message[]): void {
    const own = messages.filter((message) => message.sender === this.me);
    if (own.length > 0) this.options.onDelivered(new Set(own.map((message) => message.nonce)));
  }

  private async fetchList(era: number): Promise<void> {
    do {
      this.stale = false;
      const known = new Set(this.store.get().rooms.keys());
      try {
        const rows = await this.options.api.rooms();
        if (era !== this.era) return;
        this.takeList(rows, known);
        this.backoff.reset();
      } catch (error) {
        if (era !== this.era) return;
        this.set({ error: sentenceOf(error) });
        // A session that is over ends here; everything else is tried until it works.
        if (error instanceof ApiError && !mayPass(error.code) && error.status < 500) return;
        await this.pause(1_000 + this.backoff.next());
        if (era !== this.era) return;
        this.stale = true;
      }
    } while (this.stale);
  }

  private takeList(rows: Awaited<ReturnType<Api['rooms']>>, known: ReadonlySet<string>): void {
    const before = this.store.get().rooms;
    const listed = rows.map((row) => {
      const entry = before.get(row.room.id);
      return entry === undefined ? entryOf(row) : refreshed(entry, row);
    });
    const rooms = new Map(listed.map((entry) => [entry.room.id, entry]));
    // What came up while the list was being read may be missing from it; what was there before has been left.
    for (const [id, entry] of before) if (!rooms.has(id) && !known.has(id)) rooms.set(id, entry);
    this.set({ state: 'ready', error: null, rooms });
    for (const id of rooms.keys()) this.gaps.check(id, true);
    for (const [id, entry] of before) if (!rooms.has(id)) this.options.onGone(entry);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.timers.after(ms, resolve);
      this.cancelRetry = () => {
        cancel();
        resolve();
      };
    });
  }

  private change(room: string, how: (entry: RoomEntry) => RoomEntry): void {
    const entry = this.find(room);
    if (entry === undefined) return;
    const next = how(entry);
    if (next !== entry) this.put(next);
  }

  private put(entry: RoomEntry): void {
    this.set({ rooms: new Map(this.store.get().rooms).set(entry.room.id, entry) });
  }

  private set(part: Partial<RoomsView>): void {
    this.store.update((view) => ({ ...view, ...part }));
  }
}

/** An older page counts only as long as it still ends where the log begins. */
function withPage(log: RoomLog, page: MessagePage, before: number | undefined): RoomLog {
  if (before === undefined) return withNewest(log, page, PAGE);
  return log.loaded && log.messages[0]?.seq === before ? withOlder(log, page, PAGE) : log;
}
