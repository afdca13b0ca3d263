import { errorFrom, unreachable } from './errors';
import type { ApiError } from './errors';
import type { Member, MessagePage, NewRoom, Page, Room, RoomRow, SignedIn, User } from './types';

/** Who holds the access token. `renew` answers false when the session is over. */
export interface TokenSource {
  token(): Promise<string | null>;
  renew(): Promise<boolean>;
}

type Query = Record<string, string | number | undefined>;

const STALE: ReadonlySet<string> = new Set(['unauthenticated', 'token_expired']);
const REQUEST_MS = 20_000;

/** REST under /api/v1: one method a call, no state, no views. Every failure is an `ApiError`. */
export class Api {
  private readonly fetch: typeof fetch;
  private readonly tokens: () => TokenSource;

  constructor(send: typeof fetch, tokens: () => TokenSource) {
    this.fetch = send;
    this.tokens = tokens;
  }

  register(username: string, email: string, password: string): Promise<SignedIn> {
    return this.open('/auth/register', { username, email, password });
  }

  login(login: string, password: string): Promise<SignedIn> {
    return this.open('/auth/login', { login, password });
  }

  /** By the HttpOnly cookie that sign-in set; the body stays away on purpose. */
  refresh(): Promise<SignedIn> {
    return this.open('/auth/refresh');
  }

  async logout(): Promise<void> {
    await this.call('POST', '/auth/logout');
  }

  async findUsers(query: string): Promise<User[]> {
    return (await this.get<Page<User>>('/users', { query, limit: 20 })).items;
  }

  user(id: string): Promise<User> {
    return this.get(`/users/${encodeURIComponent(id)}`);
  }

  rooms(): Promise<RoomRow[]> {
    return this.all('/rooms');
  }

  /** The first 200: enough to name who speaks and to fill a panel; a room may have 50,000. */
  members(room: string): Promise<Page<Member>> {
    return this.get(`/rooms/${encodeURIComponent(room)}/members`, { limit: 200 });
  }

  createRoom(room: NewRoom): Promise<Room> {
    return this.call('POST', '/rooms', room);
  }

  async joinRoom(id: string): Promise<void> {
    await this.call('POST', `/rooms/${encodeURIComponent(id)}/join`);
  }

  async leaveRoom(id: string): Promise<void> {
    await this.call('POST', `/rooms/${encodeURIComponent(id)}/leave`);
  }

  messages(room: string, limit: number, before?: number): Promise<MessagePage> {
    return this.get(`/rooms/${encodeURIComponent(room)}/messages`, { limit, before });
  }

  private async all<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const page: Page<T> = await this.get<Page<T>>(path, { limit: 200, cursor });
      items.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return items;
  }

  private get<T>(path: string, query: Query = {}): Promise<T> {
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]],
    );
    return this.call('GET', given.length > 0 ? `${path}?${new URLSearchParams(given).toString()}` : path);
  }

  /** A call that needs no access token. */
  private open<T>(path: string, body?: object): Promise<T> {
    return this.request<T>('POST', path, body, null);
  }

  /** A call with the access token; a stale one is renewed once and the call repeated. */
  private async call<T>(method: string, path: string, body?: object): Promise<T> {
    const source = this.tokens();
    try {
      return await this.request<T>(method, path, body, await source.token());
    } catch (error) {
      if (!STALE.has((error as ApiError).code) || !(await source.renew())) throw error;
      return this.request<T>(method, path, body, await source.token());
    }
  }

  private async request<T>(method: string, path: string, body: object | undefined, token: string | null): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    let response: Response;
    let text: string;
    try {
      response = await this.fetch(`/api/v1${path}`, {
        method,
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: AbortSignal.timeout(REQUEST_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch {
      throw unreachable();
    }
    const answer = parse(text);
    if (!response.ok) throw errorFrom(response.status, answer, response.headers.get('Retry-After'));
    if (answer === INVALID) throw unreachable();
    return answer as T;
  }
}

const INVALID = Symbol('not JSON');

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return INVALID;
  }
}
