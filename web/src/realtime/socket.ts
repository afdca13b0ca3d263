import type { ClientFrame, ReadyFrame, ServerFrame } from '../api/types';
import { Store } from '../lib/store';
import type { Readable } from '../lib/store';
import { Backoff } from './backoff';
import type { Timers } from './timers';

/** Written as a method so that a handler of less than the browser's whole event fits a browser's WebSocket. */
type Handler<E> = { handle(event: E): unknown }['handle'];

/** What the client needs of a WebSocket; a browser's fits, and so does a fake. */
export interface WireSocket {
  onopen: Handler<object> | null;
  onmessage: Handler<{ data: unknown }> | null;
  onclose: Handler<{ code: number }> | null;
  send(data: string): void;
  close(code?: number): void;
}

export type Link =
  | { state: 'idle' }
  | { state: 'connecting'; again: boolean }
  | { state: 'ready'; serverId: string }
  | { state: 'waiting'; until: number }
  | { state: 'offline' };

export interface SocketOptions {
  open(): WireSocket;
  timers: Timers;
  isOnline(): boolean;
  /** A token for `hello`; null when nobody is signed in; throws when that cannot be found out now. */
  token(): Promise<string | null>;
  /** After 4401 or 4403: true when there is a new token, false when the session is over; throws like `token`. */
  renew(): Promise<boolean>;
  /** The last `seq` of each room, for `hello`. */
  seqs(): Record<string, number>;
  onFrame(frame: ServerFrame): void;
  /** The server refused even a fresh token. */
  onRefused(): void;
}

const READY_MS = 10_000;
const PONG_MS = 10_000;
/** A connection that lived this long proves the server well; a shorter one counts as one more failure. */
const STEADY_MS = 5_000;

const UNAUTHENTICATED = 4401;
const SESSION_REVOKED = 4403;
const LOST = 4900;

/**
 * One connection at a time, for ever: says hello, notices silence, comes back with backoff and resumes.
 * It knows nothing of rooms; frames go to `onFrame` in the order they came.
 */
export class SocketClient {
  private readonly store = new Store<Link>({ state: 'idle' });
  private readonly options: SocketOptions;
  private readonly backoff: Backoff;
  private socket: WireSocket | null = null;
  /** Raised whenever a connection is begun or given up, so that late answers of an older one are ignored. */
  private round = 0;
  private cancelTimer: () => void = () => undefined;
  private cancelPlan: () => void = () => undefined;
  private lastHeard = 0;
  private readySince: number | null = null;
  private heartbeatMs = 0;
  private planned = false;
  private renewed = false;

  constructor(options: SocketOptions) {
    this.options = options;
    this.backoff = new Backoff(() => options.timers.random());
  }

  get link(): Readable<Link> {
    return this.store;
  }

  start(): void {
    if (this.store.get().state === 'idle') this.connect(false);
  }

  stop(): void {
    this.drop(1000);
    this.backoff.reset();
    this.renewed = false;
    this.store.set({ state: 'idle' });
  }

  /** False when there is no ready connection: the frame is not kept. */
  send(frame: ClientFrame): boolean {
    if (this.socket === null || this.store.get().state !== 'ready') return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** The browser says that the network came or went. */
  networkChanged(online: boolean): void {
    const { state } = this.store.get();
    if (state === 'idle') return;
    if (!online) {
      this.drop(LOST);
      this.store.set({ state: 'offline' });
    } else if (state === 'offline' || state === 'waiting') {
      this.backoff.reset();
      this.connect(true);
    } else {
      this.probe();
    }
  }

  /** Ask now whether the connection is alive, for instance after the machine slept. */
  probe(): void {
    const { state } = this.store.get();
    if (state === 'waiting') this.connect(true);
    else if (state === 'ready') this.ping();
  }

  private connect(again: boolean): void {
    this.drop(LOST);
    const round = this.round;
    this.store.set({ state: 'connecting', again });
    this.options.token().then(
      (token) => {
        if (round !== this.round) return;
        if (token === null) this.stop();
        else this.open(token);
      },
      () => {
        if (round === this.round) this.wait();
      },
    );
  }

  private open(token: string): void {
    const { options } = this;
    const socket = options.open();
    this.socket = socket;
    this.later(READY_MS, () => {
      this.lost(LOST);
    });
    socket.onopen = () => {
      const hello: ClientFrame = { op: 'hello', token, rooms: options.seqs(), batch: true };
      socket.send(JSON.stringify(hello));
    };
    socket.onmessage = ({ data }) => {
      this.heard(socket, data);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.socket) this.lost(code);
    };
  }

  private heard(socket: WireSocket, data: unknown): void {
    this.lastHeard = this.options.timers.now();
    const parsed = JSON.parse(String(data)) as ServerFrame | ServerFrame[];
    for (const frame of Array.isArray(parsed) ? parsed : [parsed]) {
      if (socket !== this.socket) return;
      if (frame.op === 'ready') this.becomeReady(frame);
      if (frame.op === 'reconnect') this.planReconnect(frame.after_ms);
      this.options.onFrame(frame);
    }
  }

  private becomeReady(frame: ReadyFrame): void {
    this.renewed = false;
    this.planned = false;
    this.readySince = this.options.timers.now();
    this.heartbeatMs = frame.heartbeat_ms;
    this.store.set({ state: 'ready', serverId: frame.server_id });
    this.watchSilence();
  }

  /** The server's own pings are answered by the browser and unseen here, so silence is asked about. */
  private watchSilence(): void {
    const { timers } = this.options;
    const quietFor = timers.now() - this.lastHeard;
    if (quietFor >= this.heartbeatMs) {
      this.ping();
      return;
    }
    this.later(this.heartbeatMs - quietFor, () => {
      this.watchSilence();
    });
  }

  private ping(): void {
    const askedAt = this.options.timers.now();
    this.send({ op: 'ping', id: String(askedAt) });
    this.later(PONG_MS, () => {
      if (this.lastHeard < askedAt) this.lost(LOST);
      else this.watchSilence();
    });
  }

  /** The server is going away: use it until `afterMs` have passed, then go over at once. */
  private planReconnect(afterMs: number): void {
    this.planned = true;
    this.cancelPlan();
    this.cancelPlan = this.options.timers.after(afterMs, () => {
      this.connect(true);
    });
  }

  private lost(code: number): void {
    const { planned, renewed } = this;
    if (this.readySince !== null && this.options.timers.now() - this.readySince >= STEADY_MS) this.backoff.reset();
    this.drop(LOST);
    if (code === UNAUTHENTICATED || code === SESSION_REVOKED) this.renewThenConnect(renewed);
    else if (!this.options.isOnline()) this.store.set({ state: 'offline' });
    else if (planned) this.connect(true);
    else this.wait();
  }

  private renewThenConnect(renewed: boolean): void {
    if (renewed) {
      this.stop();
      this.options.onRefused();
      return;
    }
    const round = this.round;
    this.store.set({ state: 'connecting', again: true });
    this.options.renew().then(
      (fresh) => {
        if (round !== this.round) return;
        this.renewed = fresh;
        if (fresh) this.connect(true);
        else this.stop();
      },
      () => {
        if (round === this.round) this.wait();
      },
    );
  }

  private wait(): void {
    const delay = this.backoff.next();
    this.store.set({ state: 'waiting', until: this.options.timers.now() + delay });
    this.later(delay, () => {
      this.connect(true);
    });
  }

  /** Forgets the connection there is, whatever its state; nothing of it is heard any more. */
  private drop(code: number): void {
    this.round += 1;
    this.cancelTimer();
    this.cancelPlan();
    this.planned = false;
    this.readySince = null;
    const { socket } = this;
    this.socket = null;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(code);
    }
  }

  private later(ms: number, run: () => void): void {
    this.cancelTimer();
    this.cancelTimer = this.options.timers.after(ms, run);
  }
}
