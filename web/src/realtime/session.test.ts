import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, unreachable } from '../api/errors';
import type { SignedIn } from '../api/types';
import { aUser } from '../testing/factories';
import { Session, SESSION_ENDED } from './session';
import { systemTimers } from './timers';

let serial: number;
const answer = (): SignedIn => ({
  user: aUser('ada'),
  access_token: `token-${++serial}`,
  expires_in: 900,
  session_id: 's1',
});
const refused = (): ApiError => new ApiError(401, 'session_revoked', 'The session has ended.');

const calls = {
  login: vi.fn(() => Promise.resolve(answer())),
  register: vi.fn(() => Promise.resolve(answer())),
  refresh: vi.fn(() => Promise.resolve(answer())),
  logout: vi.fn(() => Promise.resolve()),
};
let session: Session;

afterEach(() => {
  vi.useRealTimers();
});

beforeEach(() => {
  vi.useFakeTimers();
  serial = 0;
  vi.clearAllMocks();
  calls.refresh.mockImplementation(() => Promise.resolve(answer()));
  session = new Session(calls, { ...systemTimers, random: () => 0 });
});

describe('session', () => {
  it('goes on after a reload by the cookie alone', async () => {
    await session.start();
    expect(session.view.get()).toMatchObject({ state: 'signed-in', user: { id: 'ada' } });
    expect(await session.token()).toBe('token-1');
  });

  it('asks to sign in, without a reproach, when there is no session to go on with', async () => {
    calls.refresh.mockRejectedValue(refused());
    await session.start();
    expect(session.view.get()).toEqual({ state: 'signed-out', notice: null });
  });

  it('does not take a server that cannot be reached for the end of the session', async () => {
    calls.refresh.mockRejectedValue(unreachable());
    await session.start();
    expect(session.view.get()).toMatchObject({ state: 'unreachable' });
    calls.refresh.mockResolvedValue(answer());
    await session.start();
    expect(session.view.get().state).toBe('signed-in');
  });

  it('renews the token before it ends, and the views notice nothing', async () => {
    await session.signIn('ada', 'pw');
    const view = session.view.get();
    await vi.advanceTimersByTimeAsync(840_000);
    expect(await session.token()).toBe('token-2');
    expect(session.view.get()).toBe(view);
  });

  it('tries a renewal again that nobody answered', async () => {
    await session.signIn('ada', 'pw');
    calls.refresh.mockRejectedValueOnce(unreachable());
    await vi.advanceTimersByTimeAsync(840_000 + 1_000);
    expect(calls.refresh).toHaveBeenCalledTimes(2);
    expect(session.view.get().state).toBe('signed-in');
  });

  it('renews once for all who ask at the same time', async () => {
    await session.signIn('ada', 'pw');
    expect(await Promise.all([session.renew(), session.renew(), session.renew()])).toEqual([true, true, true]);
    expect(calls.refresh).toHaveBeenCalledTimes(1);
  });

  it('says in a sentence that the session has ended', async () => {
    await session.signIn('ada', 'pw');
    calls.refresh.mockRejectedValue(refused());
    expect(await session.renew()).toBe(false);
    expect(session.view.get()).toEqual({ state: 'signed-out', notice: SESSION_ENDED });
    expect(await session.token()).toBeNull();
  });

  it('stays signed in when the server cannot be told of a sign-out', async () => {
    await session.signIn('ada', 'pw');
    calls.logout.mockRejectedValueOnce(unreachable());
    await expect(session.signOut()).rejects.toBeInstanceOf(ApiError);
    expect(session.view.get().state).toBe('signed-in');
    await session.signOut();
    expect(session.view.get()).toEqual({ state: 'signed-out', notice: null });
  });
});
