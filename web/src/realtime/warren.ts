import { Api } from '../api/client';
import type { ClientFrame, RoomEvent, ServerFrame } from '../api/types';
import { Store } from '../lib/store';
import type { Readable } from '../lib/store';
import { Outbox } from './outbox';
import { People } from './people';
import { PresenceBook } from './presence';
import type { RoomEntry } from './rooms/entry';
import { Peers } from './rooms/peers';
import { Rooms } from './rooms/store';
import { SESSION_ENDED, Session } from './session';
import { SocketClient } from './socket';
import type { Link, WireSocket } from './socket';
import type { Timers } from './timers';
import { Typing } from './typing';

/** Everything outside the sync engine: a test replaces what it likes. */
export interface Edges {
  fetch: typeof fetch;
  openSocket(): WireSocket;
  timers: Timers;
  isOnline(): boolean;
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

/** Something to tell the user that belongs to no place on the page. */
export interface Toast {
  id: number;
  text: string;
}

export interface Warren {
  api: Api;
  session: Session;
  link: Readable<Link>;
  rooms: Rooms;
  outbox: Outbox;
  presence: PresenceBook;
  typing: Typing;
  people: People;
  toast: Readable<Toast | null>;
  /** A sentence for the user; null takes it away. */
  say: (text: string | null) => void;
  networkChanged: (online: boolean) => void;
  /** The page is looked at again, perhaps after the machine slept. */
  awake: () => void;
}

/** Makes every object once, in reading order, and joins them. Nothing runs before `session.start()`. */
export function build(edges: Edges): Warren {
  const { timers } = edges;
  const transmit = (frame: ClientFrame): boolean => socket.send(frame);
  const api: Api = new Api(edges.fetch, () => session);
  const session: Session = new Session(api, timers);
  const people = new People((id) => api.user(id));
  const presence = new PresenceBook(transmit, timers);
  const typing = new Typing(transmit, timers);
  const outbox = new Outbox({ transmit, timers, storage: edges.storage });
  const toast = new Store<Toast | null>(null);
  const rooms: Rooms = new Rooms({
    api,
    timers,
    transmit,
    onDelivered: (nonces) => {
      outbox.delivered(nonces);
    },
    onApplied,
    onGone,
  });
  const peers = new Peers((room) => api.members(room), rooms, people);
  const socket: SocketClient = new SocketClient({
    open: () => edges.openSocket(),
    timers,
    isOnline: () => edges.isOnline(),
    token: () => session.token(),
    renew: () => session.renew(),
    seqs: () => rooms.seqs(),
    onFrame,
    onRefused: () => {
      session.end(SESSION_ENDED);
    },
  });

  let me: string | null = null;
  let toasts = 0;
  session.view.subscribe(followSession);
  socket.link.subscribe(followLink);
  rooms.view.subscribe(() => {
    if (me !== null) peers.fill(me);
  });

  function say(text: string | null): void {
    toast.set(text === null ? null : { id: ++toasts, text });
  }

  function followSession(): void {
    const view = session.view.get();
    const user = view.state === 'signed-in' ? view.user : null;
    if (user?.id === me || view.state === 'starting') return;
    // A session that ended by itself leaves what was written unsent for the next sign-in; signing out discards it.
    if (me !== null) leave(view.state === 'signed-out' && view.notice === null);
    if (user === null) return;
    me = user.id;
    people.learn([user]);
    outbox.open(user.id);
    void rooms.load(user.id).then(() => {
      // The list first: its heads are where the socket resumes, so that nothing falls between the two.
      if (me === user.id && rooms.view.get().state === 'ready') socket.start();
    });
  }

  function leave(discard: boolean): void {
    me = null;
    toast.set(null);
    socket.stop();
    outbox.close(discard);
    rooms.clear();
    presence.clear();
    typing.clear();
    peers.clear();
    people.clear();
  }

  function followLink(): void {
    if (socket.link.get().state === 'ready') return;
    outbox.disconnected();
    rooms.disconnected();
    typing.clear();
  }

  function onApplied(events: readonly RoomEvent[]): void {
    for (const event of events) {
      if (event.type === 'message.created') typing.on(event.room, event.message.sender, false);
    }
  }

  function onGone(entry: RoomEntry): void {
    outbox.forget(entry.room.id);
    say(`You are no longer a member of ${entry.room.name ?? 'that conversation'}.`);
  }

  function onFrame(frame: ServerFrame): void {
    switch (frame.op) {
      case 'ready':
        rooms.onReady(frame);
        presence.connected();
        outbox.connected();
        break;
      case 'event':
        rooms.onEvent(frame);
        break;
      case 'ack':
        outbox.onAck(frame);
        // Known already: its event was dropped here as a duplicate and will not come again.
        if (frame.nonce !== undefined && (rooms.find(frame.room)?.log.seq ?? 0) >= frame.seq) {
          outbox.delivered(new Set([frame.nonce]));
        }
        break;
      case 'error':
        // Before `ready` it says why the connection is refused, and the close that follows is what is acted on.
        if (!outbox.onError(frame) && socket.link.get().state === 'ready') say(frame.detail);
        break;
      case 'reset':
        rooms.onReset(frame.room, frame.head);
        break;
      case 'read':
        rooms.onRead(frame.room, frame.seq);
        break;
      case 'presence':
        presence.on(frame);
        break;
      case 'typing':
        if (frame.user !== me) typing.on(frame.room, frame.user, frame.on);
        break;
      case 'notice':
        // The end of a session is acted on when the socket closes, with 4403.
        if (frame.kind === 'room_added') rooms.onAdded();
        else if (frame.kind !== 'session_ended' && frame.detail !== undefined) say(frame.detail);
        break;
      case 'receipt':
      case 'reconnect':
      case 'pong':
        break;
    }
  }

  return {
    api,
    session,
    link: socket.link,
    rooms,
    outbox,
    presence,
    typing,
    people,
    toast,
    say,
    networkChanged: (online) => {
      socket.networkChanged(online);
    },
    awake: () => {
      socket.probe();
    },
  };
}
