import type { ClientFrame, ServerFrame } from '../api/types';
import type { WireSocket } from '../realtime/socket';
import type { FakeServer } from './fake-server';

/** The client's end of a socket; what the server says arrives in a later turn, as over a network. */
export class FakeConnection implements WireSocket {
  onopen: WireSocket['onopen'] = null;
  onmessage: WireSocket['onmessage'] = null;
  onclose: WireSocket['onclose'] = null;
  user = '';
  readonly watched = new Set<string>();
  private closed = false;

  private readonly server: FakeServer;

  constructor(server: FakeServer) {
    this.server = server;
    void Promise.resolve().then(() => {
      if (server.down) this.drop(1006);
      else this.onopen?.({});
    });
  }

  send(data: string): void {
    const frame = JSON.parse(data) as ClientFrame;
    void Promise.resolve().then(() => {
      if (!this.closed) this.hear(frame);
    });
  }

  close(): void {
    this.closed = true;
    this.server.sockets = this.server.sockets.filter((socket) => socket !== this);
  }

  say(frame: ServerFrame): void {
    void Promise.resolve().then(() => {
      if (!this.closed) this.onmessage?.({ data: JSON.stringify([frame]) });
    });
  }

  drop(code: number): void {
    const { onclose } = this;
    this.close();
    onclose?.({ code });
  }

  tellPresence(user: string): void {
    this.say({ op: 'presence', user, status: this.server.presence.get(user) ?? 'offline', text: '', last_seen: null });
  }

  private hear(frame: ClientFrame): void {
    const { server } = this;
    if (frame.op === 'hello') {
      this.hello(frame);
      return;
    }
    if (this.user === '') {
      this.drop(4409);
      return;
    }
    switch (frame.op) {
      case 'send': {
        const { id, room, nonce } = frame;
        if (server.rooms.get(room)?.members.has(this.user) !== true) {
          this.say({ op: 'error', id, code: 'not_a_member', detail: 'You are not a member of this room.' });
          return;
        }
        const message = server.post(room, this.user, frame.body, nonce);
        if (!server.mute) this.say({ op: 'ack', id, room, nonce, seq: message.seq, at: message.at });
        break;
      }
      case 'read':
        server.rooms.get(frame.room)?.members.set(this.user, frame.seq);
        break;
      case 'watch':
        this.watched.clear();
        for (const user of frame.users) {
          this.watched.add(user);
          this.tellPresence(user);
        }
        break;
      case 'sync':
        this.replay(frame.room, frame.after);
        break;
      case 'ping':
        this.say({ op: 'pong', id: frame.id });
        break;
      case 'typing':
        server.typing(frame.room, this.user, frame.on);
        break;
    }
  }

  private hello(frame: Extract<ClientFrame, { op: 'hello' }>): void {
    const { server } = this;
    try {
      this.user = server.caller(frame.token);
    } catch {
      this.drop(4401);
      return;
    }
    server.sockets.push(this);
    const mine = [...server.rooms.values()].filter((fake) => fake.members.has(this.user));
    this.say({
      op: 'ready',
      user: this.user,
      session_id: 's1',
      connection_id: 'c1',
      server_id: 'gateway-1',
      heartbeat_ms: 25_000,
      rooms: Object.fromEntries(mine.map((fake) => [fake.room.id, fake.events.length])),
    });
    for (const [room, after] of Object.entries(frame.rooms)) this.replay(room, after);
  }

  private replay(room: string, after: number): void {
    const fake = this.server.rooms.get(room);
    if (fake?.members.has(this.user) !== true) return;
    for (const event of fake.events.slice(after)) this.say(event);
  }
}
