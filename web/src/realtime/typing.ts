import type { ClientFrame } from '../api/types';
import { Store } from '../lib/store';
import type { Readable } from '../lib/store';
import type { Timers } from './timers';

/** Somebody who says nothing more for this long has stopped, even if the "off" was lost. */
const SHOWN_MS = 6_000;
/** While I type, others are told again this often. */
const REPEAT_MS = 3_000;
const IDLE_MS = 5_000;

/** Who is typing where, and telling others that I am. */
export class Typing {
  private readonly store = new Store<ReadonlyMap<string, readonly string[]>>(new Map());
  private readonly ends = new Map<string, () => void>();
  private mine: { room: string; toldAt: number; cancel: () => void } | null = null;

  private readonly transmit: (frame: ClientFrame) => boolean;
  private readonly timers: Timers;

  constructor(transmit: (frame: ClientFrame) => boolean, timers: Timers) {
    this.transmit = transmit;
    this.timers = timers;
  }

  /** Per room the users who type, in the order they began. */
  get users(): Readable<ReadonlyMap<string, readonly string[]>> {
    return this.store;
  }

  on(room: string, user: string, on: boolean): void {
    const key = `${room} ${user}`;
    this.ends.get(key)?.();
    this.ends.delete(key);
    const others = (this.store.get().get(room) ?? []).filter((each) => each !== user);
    const typing = this.store.get().get(room)?.includes(user) ?? false;
    if (on) {
      this.ends.set(
        key,
        this.timers.after(SHOWN_MS, () => {
          this.on(room, user, false);
        }),
      );
    }
    if (on !== typing) this.put(room, on ? [...others, user] : others);
  }

  /** I changed what stands in the composer of `room`. */
  input(room: string): void {
    if (this.mine !== null && this.mine.room !== room) this.stop();
    const now = this.timers.now();
    const toldAt = this.mine?.toldAt ?? -Infinity;
    const tell = now - toldAt >= REPEAT_MS;
    if (tell) this.transmit({ op: 'typing', room, on: true });
    this.mine?.cancel();
    const cancel = this.timers.after(IDLE_MS, () => {
      this.stop();
    });
    this.mine = { room, toldAt: tell ? now : toldAt, cancel };
  }

  /** I sent it, emptied it or went elsewhere. */
  stop(): void {
    if (this.mine === null) return;
    this.mine.cancel();
    this.transmit({ op: 'typing', room: this.mine.room, on: false });
    this.mine = null;
  }

  clear(): void {
    for (const cancel of this.ends.values()) cancel();
    this.ends.clear();
    this.mine?.cancel();
    this.mine = null;
    this.store.set(new Map());
  }

  private put(room: string, users: readonly string[]): void {
    const next = new Map(this.store.get());
    if (users.length > 0) next.set(room, users);
    else next.delete(room);
    this.store.set(next);
  }
}
