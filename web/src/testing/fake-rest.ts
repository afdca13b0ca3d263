import type { ErrorCode, Message, Room, RoomKind, RoomRow } from '../api/types';
import type { FakeRoom, FakeServer } from './fake-server';

export class Refusal extends Error {
  readonly status: number;
  readonly code: ErrorCode;

  constructor(status: number, code: ErrorCode, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export const refuseMissing = (what: string): never => {
  throw new Refusal(404, 'not_found', `There is no such ${what}.`);
};

const messagesOf = (fake: FakeRoom): Message[] =>
  fake.events.flatMap((event) => (event.type === 'message.created' ? [event.message] : []));

const seen = (fake: FakeRoom): Room => ({ ...fake.room, head: fake.events.length });

/** The REST of the contract on what the fake server has. */
export class FakeRest {
  private readonly server: FakeServer;

  constructor(server: FakeServer) {
    this.server = server;
  }

  /** Status and body. Throws Refusal. */
  answer(method: string, url: URL, init: RequestInit): [number, unknown] {
    const { server } = this;
    const body = (typeof init.body === 'string' ? JSON.parse(init.body) : {}) as Record<string, unknown>;
    const [, area = '', id = '', part = ''] = url.pathname.split('/');
    if (area === 'auth' && id !== 'logout') return this.auth(id, body);
    const me = server.caller(new Headers(init.headers).get('Authorization')?.replace('Bearer ', '') ?? '');
    if (area === 'auth') {
      server.cookie = null;
      return [204, undefined];
    }
    if (area === 'users' && id === '') {
      const query = url.searchParams.get('query') ?? '';
      const users = [...server.accounts.values()].map(({ user }) => user);
      return [200, { items: users.filter(({ username }) => username.startsWith(query)), next: null }];
    }
    if (area === 'users') return [200, server.accounts.get(id)?.user ?? refuseMissing('user')];
    if (id === '' && method === 'POST') return [201, this.createRoom(me, body)];
    if (id === '') return [200, { items: this.rowsOf(me), next: null }];
    const fake = server.rooms.get(id);
    if (fake === undefined || (!fake.members.has(me) && !fake.room.public)) return refuseMissing('room');
    return this.inRoom(fake, me, part, url.searchParams);
  }

  private inRoom(fake: FakeRoom, me: string, part: string, query: URLSearchParams): [number, unknown] {
    const { server } = this;
    if (part === 'join') {
      if (!fake.members.has(me)) server.addMember(fake, me);
      return [200, seen(fake)];
    }
    if (part === 'leave') {
      server.removeMember(fake.room.id, me);
      return [204, undefined];
    }
    if (part === 'members') {
      const items = [...fake.members.keys()].map((user) => ({
        user_id: user,
        role: user === fake.room.created_by ? 'owner' : 'member',
        since: 0,
        user: server.accounts.get(user)?.user ?? null,
      }));
      return [200, { items, next: null }];
    }
    if (part === 'messages') {
      const limit = Number(query.get('limit') ?? 50);
      const before = Number(query.get('before') ?? Infinity);
      return [200, { messages: messagesOf(fake).filter(({ seq }) => seq < before).slice(-limit), head: fake.events.length }];
    }
    return [200, seen(fake)];
  }

  private auth(call: string, body: Record<string, unknown>): [number, unknown] {
    const { server } = this;
    if (call === 'refresh') {
      if (server.cookie === null) throw new Refusal(401, 'unauthenticated', 'Sign in first.');
      return [200, this.signIn(server.cookie)];
    }
    if (call === 'register') {
      const username = String(body.username);
      if (server.accounts.has(username)) throw new Refusal(409, 'conflict', `The username ${username} is taken.`);
      server.addUser(username);
      return [201, this.signIn(username)];
    }
    const account = server.accounts.get(String(body.login));
    if (account?.password !== body.password) {
      throw new Refusal(401, 'unauthenticated', 'The login or the password is wrong.');
    }
    return [200, this.signIn(account?.user.id ?? '')];
  }

  private signIn(user: string): unknown {
    const token = this.server.signIn(user);
    return { user: this.server.accounts.get(user)?.user, access_token: token, expires_in: 900, session_id: 's1' };
  }

  private createRoom(me: string, body: Record<string, unknown>): Room {
    const { server } = this;
    const kind = body.kind as RoomKind;
    const members = [me, ...((body.members as string[] | undefined) ?? []).filter((user) => user !== me)];
    if (kind === 'direct') {
      const id = `direct-${[...members].sort().join('-')}`;
      return seen(server.rooms.get(id) ?? server.addRoom(id, members, { kind, name: null }));
    }
    return seen(server.addRoom(`room-${server.nextSerial()}`, members, { kind, name: body.name as string }));
  }

  private rowsOf(me: string): RoomRow[] {
    const { server } = this;
    return [...server.rooms.values()].flatMap((fake) => {
      const readSeq = fake.members.get(me);
      if (readSeq === undefined) return [];
      const messages = messagesOf(fake);
      const row: RoomRow = {
        room: seen(fake),
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
}
