import { mayPass } from '../api/errors';
import type { AckFrame, ClientFrame, ErrorFrame } from '../api/types';
import { makeNonce } from '../lib/ids';
import { Store } from '../lib/store';
import type { Readable } from '../lib/store';
import { fullJitter } from './backoff';
import type { Timers } from './timers';

export interface OutgoingMessage {
  room: string;
  nonce: string;
  body: string;
  /** When it was written, ms since 1970. */
  at: number;
  /** pending: not acknowledged; sent: durable as `seq`, its event is on the way; failed: refused, `error` says why. */
  state: 'pending' | 'sent' | 'failed';
  seq: number | null;
  error: string | null;
  /** The room has decided: under this nonce it stays refused, also by copies that are still on their way. */
  refused?: boolean;
}

export interface OutboxOptions {
  /** False when there is no connection. */
  transmit(frame: ClientFrame): boolean;
  timers: Timers;
  /** A reload of the page must not lose what was written: `sessionStorage`, which also keeps tabs apart. */
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

/** No answer for this long on a living connection: say it again. The nonce makes that harmless. */
const ANSWER_MS = 15_000;
/** `internal` may be a passing fault or a message that will never go through; this often is worth trying. */
const INTERNAL_TRIES = 4;

/**
 * What this client has written and the server has not yet shown back. A room's messages go one after the other, so that
 * a refusal for now ("too fast") cannot let a later one overtake.
 */
export class Outbox {
  private readonly store = new Store<readonly OutgoingMessage[]>([]);
  private readonly options: OutboxOptions;
  private key: string | null = null;
  /** Per room the nonce that waits for its answer, with its timer. */
  private readonly inFlight = new Map<string, { nonce: string; cancel: () => void }>();
  private readonly tries = new Map<string, number>();

  constructor(options: OutboxOptions) {
    this.options = options;
  }

  get messages(): Readable<readonly OutgoingMessage[]> {
    return this.store;
  }

  /** Takes up what this user left unsent in this tab. */
  open(user: string): void {
    this.disconnected();
    this.key = `warren.outbox.${user}`;
    this.store.set(restore(this.options.storage.getItem(this.key)));
  }

  close(discard: boolean): void {
    this.disconnected();
    if (discard && this.key !== null) this.options.storage.removeItem(this.key);
    this.key = null;
    this.store.set([]);
  }

  add(room: string, body: string): string {
    const nonce = makeNonce();
    const at = this.options.timers.now();
    this.save([...this.store.get(), { room, nonce, body, at, state: 'pending', seq: null, error: null }]);
    this.pump();
    return nonce;
  }

  /** What was refused is a new message, under a new nonce; what may have been stored after all keeps its own. */
  retry(nonce: string): void {
    this.tries.delete(nonce);
    const message = this.store.get().find((each) => each.nonce === nonce);
    const fresh = message?.refused === true ? makeNonce() : nonce;
    this.change(nonce, { nonce: fresh, state: 'pending', error: null, refused: false });
    this.pump();
  }

  discard(nonce: string): void {
    this.remove((message) => message.nonce === nonce);
  }

  /** The connection is ready: everything unacknowledged goes out again, under its old nonce. */
  connected(): void {
    this.disconnected();
    this.pump();
  }

  disconnected(): void {
    for (const { cancel } of this.inFlight.values()) cancel();
    this.inFlight.clear();
  }

  onAck(frame: AckFrame): void {
    const { nonce } = frame;
    if (nonce === undefined) return;
    this.answered(nonce);
    this.change(nonce, { state: 'sent', seq: frame.seq, error: null });
    this.pump();
  }

  /** True when the error was about one of these messages. */
  onError(frame: ErrorFrame): boolean {
    const nonce = String(frame.id ?? '');
    const message = this.store.get().find((each) => each.nonce === nonce);
    if (message === undefined) return false;
    const tries = (this.tries.get(nonce) ?? 0) + 1;
    this.tries.set(nonce, tries);
    if (mayPass(frame.code) || (frame.code === 'internal' && tries < INTERNAL_TRIES)) {
      const { timers } = this.options;
      const wait = (frame.retry_after_ms ?? 0) + fullJitter(tries, () => timers.random());
      this.hold(message, wait);
    } else {
      this.answered(nonce);
      this.change(nonce, { state: 'failed', error: frame.detail, refused: frame.code !== 'internal' });
    }
    this.pump();
    return true;
  }

  /** These are in the room's log now, so it shows them from here on. */
  delivered(nonces: ReadonlySet<string>): void {
    for (const nonce of nonces) this.answered(nonce);
    this.remove((message) => nonces.has(message.nonce));
    this.pump();
  }

  /** The room is gone for me: nothing can be sent there any more. */
  forget(room: string): void {
    this.inFlight.get(room)?.cancel();
    this.inFlight.delete(room);
    this.remove((message) => message.room === room);
  }

  private pump(): void {
    for (const message of this.store.get()) {
      if (message.state !== 'pending' || this.inFlight.has(message.room)) continue;
      const { room, nonce, body } = message;
      if (!this.options.transmit({ op: 'send', id: nonce, room, nonce, body })) return;
      this.hold(message, ANSWER_MS);
    }
  }

  /** Keeps the room waiting for this message; after `ms` it is sent again. */
  private hold({ room, nonce }: OutgoingMessage, ms: number): void {
    this.inFlight.get(room)?.cancel();
    const cancel = this.options.timers.after(ms, () => {
      this.inFlight.delete(room);
      this.pump();
    });
    this.inFlight.set(room, { nonce, cancel });
  }

  private answered(nonce: string): void {
    for (const [room, waiting] of this.inFlight) {
      if (waiting.nonce !== nonce) continue;
      waiting.cancel();
      this.inFlight.delete(room);
    }
  }

  private change(nonce: string, to: Partial<OutgoingMessage>): void {
    const messages = this.store.get();
    if (!messages.some((message) => message.nonce === nonce)) return;
    this.save(messages.map((message) => (message.nonce === nonce ? { ...message, ...to } : message)));
  }

  private remove(gone: (message: OutgoingMessage) => boolean): void {
    const messages = this.store.get();
    const kept = messages.filter((message) => !gone(message));
    if (kept.length !== messages.length) this.save(kept);
  }

  private save(messages: readonly OutgoingMessage[]): void {
    if (this.key !== null) {
      if (messages.length === 0) this.options.storage.removeItem(this.key);
      else this.options.storage.setItem(this.key, JSON.stringify(messages));
    }
    this.store.set(messages);
  }
}

function restore(text: string | null): readonly OutgoingMessage[] {
  if (text === null) return [];
  const messages = JSON.parse(text) as OutgoingMessage[];
  // What was acknowledged is in the history that the reloaded page fetches.
  return messages.filter((message) => message.state !== 'sent');
}
