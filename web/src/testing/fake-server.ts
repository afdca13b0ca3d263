import type {
  ClientFrame,
  ErrorCode,
  Message,
  Room,
  RoomEvent,
  RoomKind,
  RoomRow,
  ServerFrame,
  Status,
  User,
} from '../api/types';
import type { WireSocket } from '../realtime/socket';
import { aUser } from './factories';

interface FakeRoom {
  room: Room;
  events: RoomEvent[];
  /** Per member what they have read. */
  members: Map<string, number>;
}

interface Account {
  user: User;
  password: string;
}

class Refusal extends Error {
  readonly status: number;
  readonly code: ErrorCode;

  constructor(status: number, code: ErrorCode, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

type DistributiveOmit<T, K extends string> = T extends unknown ? Omit<T, K> : never;
type NewEvent = DistributiveOmit<RoomEvent, 'op' | 'room' | 'seq' | 'at'>;

/**
 * A whole Warren in memory that speaks the contract: REST by `fetch`, `warren.v1` by `connect`. It keeps the promises
 * (contiguous `seq`, idempotent nonces, resume) and, on demand, breaks the network.
 */
export class FakeServer {
  readonly accounts = new Map<string, Account>();
  readonly rooms = new Map<string, FakeRoom>();
  readonly presence = new Map<string, Status>();
  readonly requests: string[] = [];
  sockets: FakeConnection[] = [];
  /** Who the cookie of this browser belongs to. */
  cookie: string | null = null;
  /** Nothing gets through: requests fail, sockets do not open. */
  down = false;
  /** Acks and events are lost on the way; the server has done its work. */
  mute = false;
  private readonly clock: () => number;
  private readonly tokens = new Map<string, string>();
  private serial = 0;

  constructor(clock: () => number = () => Date.now()) {
    this.clock = clock;
  }

  /* Preparing */

  addUser(id: string, part: Partial<User> = {}): User {
    const user = aUser(id, part);
    this.accounts.set(id, { user, password: 'correct horse' });
    return user;
  }

  addRoom(id: string, members: string[], part: Partial<Room> = {}): FakeRoom {
    const now = this.now();
    const room: Room = {
      id,
      kind: 'group',
      name: id,
      topic: null,
      public: false,
      created_by: members[0] ?? '',
      created_at: now,
      head: 0,
      n: 0,
      members: members.length,
      ...part,
    };
    const fake: FakeRoom = { room, events: [], members: new Map() };
    this.rooms.set(id, fake);
    for (const user of members) this.addMember(fake, user);
    return fake;
  }

  /* What other people do */

  post(roomId: string, sender: string, body: string, nonce = `nonce-${++this.serial}-fake`, at?: string): Message {
    const fake = this.mustFind(roomId);
    const known = fake.events.find(
      (event) => event.type === 'message.created' && event.message.nonce === nonce && event.message.sender === sender,
    );
    if (known?.type === 'message.created') return known.message;
    const message: Message = {
      room: roomId,
      seq: fake.events.length + 1,
      n: fake.room.n + 1,
      sender,
      nonce,
      body,
      at: at ?? this.now(),
      edited_at: null,
      deleted: false,
      reply_to: null,
      reactions: {},
    };
    fake.room.n += 1;
    this.append(fake, { type: 'message.created', message }, message.at);
    return message;
  }

  addMember(fake: FakeRoom, user: string): void {
    const head = fake.events.length;
    fake.members.set(user, head);
    fake.room.members = fake.members.size;
    for (const socket of this.socketsOf(user)) socket.say({ op: 'notice', kind: 'room_added', room: fake.room.id, head });
    this.append(fake, { type: 'member.joined', user, role: 'member' });
  }

  removeMember(roomId: string, user: string): void {
    const fake = this.mustFind(roomId);
    if (!fake.members.has(user)) return;
    this.append(fake, { type: 'member.left', user, role: null });
    fake.members.delete(user);
    fake.room.members = fake.members.size;
  }

  setPresence(user: string, status: Status): void {
    this.presence.set(user, status);
    for (const socket of this.sockets) if (socket.watched.has(user)) socket.tellPresence(user);
  }

  typing(room: string, user: string, on: boolean): void {
    for (const socket of this.sockets) if (socket.user !== user) socket.say({ op: 'typing', room, user, on });
  }

  /** Every session of the user ends. */
  revoke(user: string): void {
    for (const [token, owner] of this.tokens) if (owner === user) this.tokens.delete(token);
    if (this.cookie === user) this.cookie = null;
    for (const socket of this.socketsOf(user)) socket.drop(4403);
  }

  /** The network breaks: every socket is gone, as after kill -9 of a gateway. */
  cut(code = 1006): void {
    for (const socket of this.sockets) socket.drop(code);
  }

  /* The edges that the client is given */

  readonly connect = (): WireSocket => new FakeConnection(this);

  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const path = (input instanceof Request ? input.url : String(input)).replace('/api/v1', '');
    this.requests.push(`${init.method ?? 'GET'} ${path}`);
    await Promise.resolve();
    if (this.down) throw new TypeError('Failed to fetch');
    try {
      const [status, body] = this.answer(init.method ?? 'GET', new URL(path, 'http://fake'), init);
      return new Response(body === undefined ? null : JSON.stringify(body), { status });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, code, message } = error;
      return new Response(JSON.stringify({ status, code, title: code, detail: message }), { status });
    }
  };

  private answer(method: string, url: URL, init: RequestInit): [number, unknown] {
    const body = (typeof init.body === 'string' ? JSON.parse(init.body) : {}) as Record<string, unknown>;
    const [, area = '', id = '', part = ''] = url.pathname.split('/');
    if (area === 'auth' && id !== 'logout') return this.auth(id, body);
    const me = this.caller(new Headers(init.headers).get('Authorization')?.replace('Bearer ', '') ?? '');
    if (area === 'auth') {
      this.cookie = null;
      return [204, undefined];
    }
    if (area === 'users' && id === '') {
      const query = url.searchParams.get('query') ?? '';
      const users = [...this.accounts.values()].map(({ user }) => user);
      return [200, { items: users.filter(({ username }) => username.startsWith(query)), next: null }];
    }
    if (area === 'users') return [200, this.accounts.get(id)?.user ?? this.refuseMissing('user')];
    if (id === '' && method === 'POST') return [201, this.createRoom(me, body)];
    if (id === '') return [200, { items: this.rowsOf(me), next: null }];
    const fake = this.rooms.get(id);
    if (fake === undefined || (!fake.members.has(me) && !fake.room.public)) return this.refuseMissing('room');
    return this.inRoom(fake, me, part, url.searchParams);
  }

  private inRoom(fake: FakeRoom, me: string, part: string, query: URLSearchParams): [number, unknown] {
    if (part === 'join') {
      if (!fake.members.has(me)) this.addMember(fake, me);
      return [200, this.seen(fake)];
    }
    if (part === 'leave') {
      this.removeMember(fake.room.id, me);
      return [204, undefined];
    }
    if (part === 'members') {
      const items = [...fake.members.keys()].map((user) => ({
        user_id: user,
        role: user === fake.room.created_by ? 'owner' : 'member',
        since: 0,
        user: this.accounts.get(user)?.user ?? null,
      }));
      return [200, { items, next: null }];
    }
    if (part === 'messages') {
      const limit = Number(query.get('limit') ?? 50);
      const before = Number(query.get('before') ?? Infinity);
      return [200, { messages: messagesOf(fake).filter(({ seq }) => seq < before).slice(-limit), head: fake.events.length }];
    }
    return [200, this.seen(fake)];
  }

  private auth(call: string, body: Record<string, unknown>): [number, unknown] {
    if (call === 'refresh') {
      if (this.cookie === null) throw new Refusal(401, 'unauthenticated', 'Sign in first.');
      return [200, this.signIn(this.cookie)];
    }
    if (call === 'register') {
      const username = String(body.username);
      if (this.accounts.has(username)) throw new Refusal(409, 'conflict', `The username ${username} is taken.`);
      this.addUser(username);
      return [201, this.signIn(username)];
    }
    const account = this.accounts.get(String(body.login));
    if (account?.password !== body.password) {
      throw new Refusal(401, 'unauthenticated', 'The login or the password is wrong.');
    }
    return [200, this.signIn(account?.user.id ?? '')];
  }

  private signIn(user: string): unknown {
    this.cookie = user;
    const token = `token-${++this.serial}`;
    this.tokens.set(token, user);
    return { user: this.accounts.get(user)?.user, access_token: token, expires_in: 900, session_id: 's1' };
  }

  private createRoom(me: string, body: Record<string, unknown>): Room {
    const kind = body.kind as RoomKind;
    const members = [me, ...((body.members as string[] | undefined) ?? []).filter((user) => user !== me)];
    if (kind === 'direct') {
      const id = `direct-${[...members].sort().join('-')}`;
      return this.seen(this.rooms.get(id) ?? this.addRoom(id, members, { kind, name: null }));
    }
    return this.seen(this.addRoom(`room-${++this.serial}`, members, { kind, name: body.name as string }));
  }

  private rowsOf(me: string): RoomRow[] {
    return [...this.rooms.values()].flatMap((fake) => {
      const readSeq = fake.members.get(me);
      if (readSeq === undefined) return [];
      const messages = messagesOf(fake);
      const row: RoomRow = {
        room: this.seen(fake),
        head: fake.events.length,
        n: fake.room.n,
        unread: messages.filter(({ seq, sender }) => seq > readSeq && sender !== me).length,
        mentions: 0,
        last_message: messages.at(-1) ?? null,
        membership: { role: me === fake.room.created_by ? 'owner' : 'member', since: 0, read_seq: readSeq },
      };
      return [row];
    });
  }

  private seen(fake: FakeRoom): Room {
    return { ...fake.room, head: fake.events.length };
  }

  private append(fake: FakeRoom, news: NewEvent, at = this.now()): void {
    const event = { op: 'event', room: fake.room.id, seq: fake.events.length + 1, at, ...news } as RoomEvent;
    fake.events.push(event);
    if (this.mute) return;
    for (const socket of this.sockets) if (fake.members.has(socket.user)) socket.say(event);
  }

  /** Throws a 401 for a token that is not valid. */
  caller(token: string): string {
    const user = this.tokens.get(token);
    if (user === undefined) throw new Refusal(401, 'token_expired', 'The access token has expired.');
    return user;
  }

  private mustFind(room: string): FakeRoom {
    return this.rooms.get(room) ?? this.refuseMissing('room');
  }

  private refuseMissing(what: string): never {
    throw new Refusal(404, 'not_found', `There is no such ${what}.`);
  }

  private socketsOf(user: string): FakeConnection[] {
    return this.sockets.filter((socket) => socket.user === user);
  }

  private now(): string {
    return new Date(this.clock()).toISOString();
  }
}

const messagesOf = (fake: FakeRoom): Message[] =>
  fake.events.flatMap((event) => (event.type === 'message.created' ? [event.message] : []));

/** The client's end of a socket; what the server says arrives in a later turn, as over a network. */
class FakeConnection implements WireSocket {
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
