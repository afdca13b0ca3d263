import { ApiError, mayPass, sentenceOf } from '../api/errors';
import type { SignedIn, User } from '../api/types';
import { Store } from '../lib/store';
import type { Readable } from '../lib/store';
import { Backoff } from './backoff';
import type { Timers } from './timers';

export type SessionView =
  | { state: 'starting' }
  | { state: 'unreachable'; detail: string }
  | { state: 'signed-out'; notice: string | null }
  | { state: 'signed-in'; user: User };

export interface AuthCalls {
  login(login: string, password: string): Promise<SignedIn>;
  register(username: string, email: string, password: string): Promise<SignedIn>;
  refresh(): Promise<SignedIn>;
  logout(): Promise<void>;
}

export const SESSION_ENDED = 'Your session has ended. Sign in again to go on.';

/** A token is renewed this long before it ends, so that no request has to meet the end. */
const EARLY_MS = 60_000;

/**
 * Who is signed in. The access token lives only in this object; what survives a reload is the HttpOnly cookie,
 * which `start` tries once.
 */
export class Session {
  private readonly store = new Store<SessionView>({ state: 'starting' });
  private access: { token: string; endsAt: number } | null = null;
  private renewing: Promise<boolean> | null = null;
  private cancelRenewal: () => void = () => undefined;
  private readonly backoff: Backoff;

  private readonly calls: AuthCalls;
  private readonly timers: Timers;

  constructor(calls: AuthCalls, timers: Timers) {
    this.calls = calls;
    this.timers = timers;
    this.backoff = new Backoff(() => timers.random());
  }

  get view(): Readable<SessionView> {
    return this.store;
  }

  async start(): Promise<void> {
    this.store.set({ state: 'starting' });
    try {
      this.take(await this.calls.refresh());
    } catch (error) {
      if (error instanceof ApiError && !mayPass(error.code) && error.status < 500) this.end(null);
      else this.store.set({ state: 'unreachable', detail: sentenceOf(error) });
    }
  }

  async signIn(login: string, password: string): Promise<void> {
    this.take(await this.calls.login(login, password));
  }

  async signUp(username: string, email: string, password: string): Promise<void> {
    this.take(await this.calls.register(username, email, password));
  }

  /** Throws when the server cannot be told: then the session would go on behind the user's back. */
  async signOut(): Promise<void> {
    try {
      await this.calls.logout();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    }
    this.end(null);
  }

  /** A token that is good for now, or null when nobody is signed in. */
  async token(): Promise<string | null> {
    if (this.access !== null && this.access.endsAt <= this.timers.now()) await this.renew();
    return this.access?.token ?? null;
  }

  /** True: there is a new token. False: the session is over, and the view says so. Throws when nobody answered. */
  renew(): Promise<boolean> {
    this.renewing ??= this.refresh().finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  end(notice: string | null): void {
    this.access = null;
    this.cancelRenewal();
    this.store.set({ state: 'signed-out', notice });
  }

  private async refresh(): Promise<boolean> {
    if (this.store.get().state !== 'signed-in') return false;
    let answer: SignedIn;
    try {
      answer = await this.calls.refresh();
    } catch (error) {
      if (!(error instanceof ApiError) || mayPass(error.code) || error.status >= 500) throw error;
      // A sign-out meanwhile has already said what there is to say.
      if (this.isSignedIn()) this.end(SESSION_ENDED);
      return false;
    }
    if (!this.isSignedIn()) return false;
    this.take(answer);
    return true;
  }

  private isSignedIn(): boolean {
    return this.store.get().state === 'signed-in';
  }

  private take(answer: SignedIn): void {
    const lifeMs = answer.expires_in * 1000;
    this.access = { token: answer.access_token, endsAt: this.timers.now() + lifeMs };
    this.backoff.reset();
    this.renewAfter(Math.max(lifeMs - EARLY_MS, lifeMs / 2));
    const view = this.store.get();
    // The same user keeps the same snapshot: a renewal must not look like a new sign-in.
    if (view.state !== 'signed-in' || view.user.id !== answer.user.id) {
      this.store.set({ state: 'signed-in', user: answer.user });
    }
  }

  private renewAfter(ms: number): void {
    this.cancelRenewal();
    this.cancelRenewal = this.timers.after(ms, () => {
      this.renew().catch(() => {
        this.renewAfter(1_000 + this.backoff.next());
      });
    });
  }
}
