import type { Message, Room, RoomEvent, Status, User } from '../api/types';
import type { WireSocket } from '../realtime/socket';
import { aUser } from './factories';
import { FakeConnection } from './fake-connection';
import { FakeRest, Refusal, refuseMissing } from './fake-rest';

export interface FakeRoom {
  room: Room;
  events: RoomEvent[];
  /** Per member what they have read. */
  members: Map<string, number>;
}

interface Account {
  user: User;
  password: string;
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
  private readonly rest = new FakeRest(this);
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

  post(roomId: string, sender: string, body: string, nonce = `nonce-${this.nextSerial()}-fake`, at?: string): Message {
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
      const [status, body] = this.rest.answer(init.method ?? 'GET', new URL(path, 'http://fake'), init);
      return new Response(body === undefined ? null : JSON.stringify(body), { status });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, code, message } = error;
      return new Response(JSON.stringify({ status, code, title: code, detail: message }), { status });
    }
  };

  /* Who is it */

  /** From here on the cookie of this browser is the user's. Returns an access token. */
  signIn(user: string): string {
    this.cookie = user;
    const token = `token-${this.nextSerial()}`;
    this.tokens.set(token, user);
    return token;
  }

  /** Throws a 401 for a token that is not valid. */
  caller(token: string): string {
    const user = this.tokens.get(token);
    if (user === undefined) throw new Refusal(401, 'token_expired', 'The access token has expired.');
    return user;
  }

  nextSerial(): number {
    this.serial += 1;
    return this.serial;
  }

  private append(fake: FakeRoom, news: NewEvent, at = this.now()): void {
    const event = { op: 'event', room: fake.room.id, seq: fake.events.length + 1, at, ...news } as RoomEvent;
    fake.events.push(event);
    if (this.mute) return;
    for (const socket of this.sockets) if (fake.members.has(socket.user)) socket.say(event);
  }

  private mustFind(room: string): FakeRoom {
    return this.rooms.get(room) ?? refuseMissing('room');
  }

  private socketsOf(user: string): FakeConnection[] {
    return this.sockets.filter((socket) => socket.user === user);
  }

  private now(): string {
    return new Date(this.clock()).toISOString();
  }
}
