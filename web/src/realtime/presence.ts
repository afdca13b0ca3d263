import type { ClientFrame, PresenceFrame, Status } from '../api/types';
import { Store } from '../lib/store';
import type { Readable } from '../lib/store';
import type { Timers } from './timers';

export interface Presence {
  status: Status;
  text: string;
  lastSeen: string | null;
}

const WATCH_MAX = 1_000;
/** Views come and go together when a room is opened: their wishes become one `watch`. */
const GATHER_MS = 30;

/** Whose presence some view shows, and what is known of it. */
export class PresenceBook {
  private readonly store = new Store<ReadonlyMap<string, Presence>>(new Map());
  private readonly wanted = new Map<string, number>();
  private told = '';
  private cancel: (() => void) | null = null;

  private readonly transmit: (frame: ClientFrame) => boolean;
  private readonly timers: Timers;

  constructor(transmit: (frame: ClientFrame) => boolean, timers: Timers) {
    this.transmit = transmit;
    this.timers = timers;
  }

  get known(): Readable<ReadonlyMap<string, Presence>> {
    return this.store;
  }

  /** Until the answer is called. */
  want(users: readonly string[]): () => void {
    for (const user of users) this.wanted.set(user, (this.wanted.get(user) ?? 0) + 1);
    this.gather();
    return () => {
      for (const user of users) {
        const count = (this.wanted.get(user) ?? 0) - 1;
        if (count > 0) this.wanted.set(user, count);
        else this.wanted.delete(user);
      }
      this.gather();
    };
  }

  connected(): void {
    this.told = '';
    this.tell();
  }

  on(frame: PresenceFrame): void {
    const presence = { status: frame.status, text: frame.text, lastSeen: frame.last_seen };
    this.store.update((known) => new Map(known).set(frame.user, presence));
  }

  clear(): void {
    this.told = '';
    this.store.set(new Map());
  }

  private gather(): void {
    this.cancel ??= this.timers.after(GATHER_MS, () => {
      this.cancel = null;
      this.tell();
    });
  }

  private tell(): void {
    const users = [...this.wanted.keys()].sort().slice(0, WATCH_MAX);
    const tale = users.join();
    if (tale !== this.told && this.transmit({ op: 'watch', users })) this.told = tale;
  }
}
