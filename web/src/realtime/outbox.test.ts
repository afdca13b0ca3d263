import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClientFrame, ErrorCode } from '../api/types';
import { MemoryStorage } from '../testing/memory-storage';
import { Outbox } from './outbox';
import { systemTimers } from './timers';

type Send = Extract<ClientFrame, { op: 'send' }>;

let sent: Send[];
let online: boolean;
let storage: MemoryStorage;
let outbox: Outbox;

const make = (): Outbox =>
  new Outbox({
    transmit: (frame) => {
      if (online && frame.op === 'send') sent.push(frame);
      return online;
    },
    timers: { ...systemTimers, random: () => 0.5 },
    storage,
  });
const ack = (nonce: string, seq: number): void => {
  outbox.onAck({ op: 'ack', id: nonce, room: 'r1', nonce, seq, at: '' });
};
const refuse = (nonce: string, code: ErrorCode, retryAfterMs?: number): boolean =>
  outbox.onError({
    op: 'error',
    id: nonce,
    code,
    detail: `Refused: ${code}.`,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
  });
const states = (): string[] => outbox.messages.get().map(({ body, state }) => `${body} ${state}`);

afterEach(() => {
  vi.useRealTimers();
});

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  online = true;
  storage = new MemoryStorage();
  outbox = make();
  outbox.open('ada');
});

describe('outbox', () => {
  it('shows a message as pending at once, as sent after its ack, and no more once it is in the room', () => {
    const nonce = outbox.add('r1', 'hello');
    expect(states()).toEqual(['hello pending']);
    ack(nonce, 7);
    expect(outbox.messages.get()[0]).toMatchObject({ state: 'sent', seq: 7 });
    outbox.delivered(new Set([nonce]));
    expect(states()).toEqual([]);
  });

  it('keeps the order of a room: the next message goes when the one before is settled', () => {
    const first = outbox.add('r1', 'one');
    const second = outbox.add('r1', 'two');
    outbox.add('r2', 'elsewhere');
    expect(sent.map(({ body }) => body)).toEqual(['one', 'elsewhere']);
    ack(first, 1);
    expect(sent.at(-1)?.nonce).toBe(second);
  });

  it('sends again under the same nonce after a reconnect', () => {
    const nonce = outbox.add('r1', 'hello');
    online = false;
    outbox.disconnected();
    online = true;
    outbox.connected();
    expect(sent.map((frame) => frame.nonce)).toEqual([nonce, nonce]);
  });

  it('sends again under the same nonce when no answer comes', () => {
    const nonce = outbox.add('r1', 'hello');
    vi.advanceTimersByTime(15_000);
    expect(sent.map((frame) => frame.nonce)).toEqual([nonce, nonce]);
    ack(nonce, 1);
    vi.advanceTimersByTime(60_000);
    expect(sent).toHaveLength(2);
  });

  it('keeps what is written while offline and sends it in order', () => {
    online = false;
    const first = outbox.add('r1', 'one');
    const second = outbox.add('r1', 'two');
    expect(sent).toEqual([]);
    online = true;
    outbox.connected();
    ack(first, 1);
    ack(second, 2);
    expect(sent.map(({ body }) => body)).toEqual(['one', 'two']);
  });

  it('waits as long as the server says when it is too fast, and lets nothing overtake', () => {
    const first = outbox.add('r1', 'one');
    outbox.add('r1', 'two');
    expect(refuse(first, 'rate_limited', 2_000)).toBe(true);
    vi.advanceTimersByTime(1_999);
    expect(sent.map(({ body }) => body)).toEqual(['one']);
    vi.advanceTimersByTime(400);
    expect(sent.map(({ body }) => body)).toEqual(['one', 'one']);
    expect(states()).toEqual(['one pending', 'two pending']);
  });

  it('marks a refused message as failed with the reason, and goes on with the next', () => {
    const first = outbox.add('r1', 'one');
    outbox.add('r1', 'two');
    refuse(first, 'not_a_member');
    expect(outbox.messages.get()[0]).toMatchObject({ state: 'failed', error: 'Refused: not_a_member.' });
    expect(sent.at(-1)?.body).toBe('two');
  });

  it('sends a refused message again as a new one when asked to: under its nonce it stays refused', () => {
    const nonce = outbox.add('r1', 'one');
    refuse(nonce, 'forbidden');
    outbox.retry(nonce);
    expect(states()).toEqual(['one pending']);
    expect(sent.map((frame) => frame.body)).toEqual(['one', 'one']);
    expect(sent[1]?.nonce).not.toBe(nonce);
  });

  it('sends a message that failed by a fault again under the same nonce: it may be stored after all', () => {
    const nonce = outbox.add('r1', 'one');
    for (let tries = 0; tries < 4; tries += 1) {
      refuse(nonce, 'internal');
      vi.advanceTimersByTime(10_000);
    }
    expect(states()).toEqual(['one failed']);
    const before = sent.length;
    outbox.retry(nonce);
    expect(sent.slice(before).map((frame) => frame.nonce)).toEqual([nonce]);
  });

  it('gives up on an internal error only after some tries', () => {
    const nonce = outbox.add('r1', 'one');
    for (let tries = 1; tries < 4; tries += 1) {
      refuse(nonce, 'internal');
      vi.advanceTimersByTime(10_000);
    }
    expect(states()).toEqual(['one pending']);
    refuse(nonce, 'internal');
    expect(states()).toEqual(['one failed']);
  });

  it('does not lose what is unsent when the page is reloaded, and does not mix up users', () => {
    online = false;
    const nonce = outbox.add('r1', 'kept');
    const reloaded = make();
    reloaded.open('bob');
    expect(reloaded.messages.get()).toEqual([]);
    reloaded.open('ada');
    expect(reloaded.messages.get()).toMatchObject([{ nonce, body: 'kept', state: 'pending' }]);
  });

  it('keeps the unsent when a session ends by itself and discards it at sign-out', () => {
    online = false;
    outbox.add('r1', 'kept');
    outbox.close(false);
    expect(storage.items.size).toBe(1);
    outbox.open('ada');
    outbox.close(true);
    expect(storage.items.size).toBe(0);
  });

  it('leaves errors that are not about its messages to others', () => {
    outbox.add('r1', 'one');
    expect(refuse('something-else', 'forbidden')).toBe(false);
    expect(states()).toEqual(['one pending']);
  });
});
