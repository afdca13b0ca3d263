import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ClientFrame } from '../api/types';
import { PresenceBook } from './presence';
import { systemTimers } from './timers';
import { Typing } from './typing';

let sent: ClientFrame[];
let online: boolean;
const transmit = (frame: ClientFrame): boolean => {
  if (online) sent.push(frame);
  return online;
};

afterEach(() => {
  vi.useRealTimers();
});

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  online = true;
});

it('watches what views want together in one frame, and no more when nobody wants it', () => {
  const book = new PresenceBook(transmit, systemTimers);
  const release = book.want(['bob', 'eve']);
  book.want(['bob']);
  vi.advanceTimersByTime(100);
  release();
  vi.advanceTimersByTime(100);
  expect(sent).toEqual([
    { op: 'watch', users: ['bob', 'eve'] },
    { op: 'watch', users: ['bob'] },
  ]);
});

it('says again whom it watches after a reconnect', () => {
  const book = new PresenceBook(transmit, systemTimers);
  online = false;
  book.want(['bob']);
  vi.advanceTimersByTime(100);
  online = true;
  book.connected();
  book.connected();
  expect(sent).toHaveLength(2);
});

it('shows who types until they stop, send or fall silent', () => {
  const typing = new Typing(transmit, systemTimers);
  typing.on('r1', 'bob', true);
  typing.on('r1', 'eve', true);
  typing.on('r1', 'bob', true);
  expect(typing.users.get().get('r1')).toEqual(['bob', 'eve']);
  typing.on('r1', 'bob', false);
  expect(typing.users.get().get('r1')).toEqual(['eve']);
  vi.advanceTimersByTime(6_000);
  expect(typing.users.get().size).toBe(0);
});

it('tells others seldom that I type, and that I stopped', () => {
  const typing = new Typing(transmit, systemTimers);
  for (let second = 0; second < 4; second += 1) {
    typing.input('r1');
    vi.advanceTimersByTime(1_000);
  }
  vi.advanceTimersByTime(5_000);
  expect(sent).toEqual([
    { op: 'typing', room: 'r1', on: true },
    { op: 'typing', room: 'r1', on: true },
    { op: 'typing', room: 'r1', on: false },
  ]);
});
