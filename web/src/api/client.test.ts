import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Api } from './client';
import { ApiError, sentenceOf } from './errors';

const send = vi.fn<typeof fetch>();
const tokens = { token: vi.fn(), renew: vi.fn() };
const api = new Api(send, () => tokens);

const json = (status: number, body: unknown, headers = {}): Response =>
  new Response(JSON.stringify(body), { status, headers });
const failure = (promise: Promise<unknown>): Promise<ApiError> =>
  promise.then(
    () => {
      throw new Error('It was expected to fail.');
    },
    (error: unknown) => error as ApiError,
  );

beforeEach(() => {
  send.mockReset();
  tokens.token.mockReset().mockResolvedValue('old');
  tokens.renew.mockReset().mockResolvedValue(true);
});

describe('api client', () => {
  it('sends the access token and the query that is given', async () => {
    send.mockResolvedValue(json(200, { messages: [], head: 3 }));
    await api.messages('r1', 50, 17);
    const [path, init] = send.mock.calls[0]!;
    expect(path).toBe('/api/v1/rooms/r1/messages?limit=50&before=17');
    expect(new Headers(init?.headers).get('Authorization')).toBe('Bearer old');
  });

  it('refreshes by the cookie alone, without a body', async () => {
    send.mockResolvedValue(json(200, {}));
    await api.refresh();
    expect(send.mock.calls[0]?.[1]).toMatchObject({ method: 'POST', credentials: 'same-origin' });
    expect(send.mock.calls[0]?.[1]).not.toHaveProperty('body');
  });

  it('passes on the sentence and the fields of a problem document', async () => {
    const errors = [{ field: 'username', detail: 'too short' }];
    const problem = { status: 422, code: 'validation_failed', title: 'Bad', detail: 'username: too short', errors };
    send.mockResolvedValue(json(422, problem, { 'Retry-After': '2' }));
    const error = await failure(api.register('a', 'a@b', 'x'));
    expect(error).toMatchObject({ code: 'validation_failed', detail: 'username: too short', errors, retryAfterMs: 2000 });
  });

  it('has a sentence for a proxy that answers with a page', async () => {
    send.mockResolvedValue(new Response('<html>502</html>', { status: 502 }));
    expect(await failure(api.rooms())).toMatchObject({ code: 'unavailable' });
  });

  it('has a sentence for a network that is gone', async () => {
    send.mockRejectedValue(new TypeError('Failed to fetch'));
    expect(sentenceOf(await failure(api.rooms()))).toMatch(/cannot be reached/);
  });

  it('renews a stale token once and repeats the call', async () => {
    send.mockResolvedValueOnce(json(401, { status: 401, code: 'token_expired', detail: 'Expired.' }));
    send.mockResolvedValueOnce(json(200, { items: [], next: null }));
    tokens.token.mockResolvedValueOnce('old').mockResolvedValueOnce('new');
    await api.rooms();
    expect(new Headers(send.mock.calls[1]?.[1]?.headers).get('Authorization')).toBe('Bearer new');
  });

  it('gives up when the renewal is refused', async () => {
    send.mockResolvedValue(json(401, { status: 401, code: 'token_expired', detail: 'Expired.' }));
    tokens.renew.mockResolvedValue(false);
    expect(await failure(api.rooms())).toMatchObject({ code: 'token_expired' });
    expect(send).toHaveBeenCalledTimes(1);
  });

  it('reads all pages of a list', async () => {
    send.mockResolvedValueOnce(json(200, { items: [1], next: 'c' }));
    send.mockResolvedValueOnce(json(200, { items: [2], next: null }));
    expect(await api.rooms()).toEqual([1, 2]);
    expect(send.mock.calls[1]?.[0]).toBe('/api/v1/rooms?limit=200&cursor=c');
  });
});

describe('sentences', () => {
  it('leave out the name of a field that the server puts first', () => {
    const errors = [{ field: 'username', detail: 'this username is taken' }];
    const refused = new ApiError(409, 'conflict', 'username: this username is taken; choose another.', errors);
    expect(sentenceOf(refused)).toBe('This username is taken; choose another.');
    expect(sentenceOf(new ApiError(404, 'not_found', 'There is no such room.'))).toBe('There is no such room.');
  });
});
