import { describe, expect, it } from 'vitest';
import type { MessageDeleted, MessageEdited, ReactionChanged, RoomEvent } from '../api/types';
import { aMessage, created, T0 } from '../testing/factories';
import type { RoomLog } from './room-log';
import { emptyLog, isBehind, noteHead, receive, reset, TAIL, trimmed, withNewest, withOlder } from './room-log';

const base = { op: 'event', room: 'r1', at: T0 } as const;
const edited = (seq: number, target: number, body: string): MessageEdited => ({
  ...base,
  type: 'message.edited',
  seq,
  target,
  body,
  edited_at: T0,
});
const deleted = (seq: number, target: number): MessageDeleted => ({ ...base, type: 'message.deleted', seq, target });
const reacted = (seq: number, target: number, user: string, on: boolean): ReactionChanged => ({
  ...base,
  type: 'reaction.changed',
  seq,
  target,
  emoji: '👍',
  user,
  on,
});

const receiveAll = (log: RoomLog, events: readonly RoomEvent[]): RoomLog =>
  events.reduce((before, event) => receive(before, event).log, log);
const seqs = (log: RoomLog): number[] => log.messages.map(({ seq }) => seq);

/** A repeatable shuffle. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed;
  return items
    .map((item) => {
      state = (state * 48_271) % 2_147_483_647;
      return { item, at: state };
    })
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

describe('room log', () => {
  it('applies events in order', () => {
    const log = receiveAll(emptyLog(0), [created(1), created(2), created(3)]);
    expect(seqs(log)).toEqual([1, 2, 3]);
    expect(log.seq).toBe(3);
    expect(isBehind(log)).toBe(false);
  });

  it('drops what it already has', () => {
    const before = receiveAll(emptyLog(0), [created(1), created(2)]);
    const { log, applied } = receive(before, created(2));
    expect(log).toBe(before);
    expect(applied).toEqual([]);
  });

  it('holds what comes after a gap, and applies it when the gap is closed', () => {
    const waiting = receiveAll(emptyLog(0), [created(1), created(4), created(3)]);
    expect(seqs(waiting)).toEqual([1]);
    expect(isBehind(waiting)).toBe(true);
    const { log, applied } = receive(waiting, created(2));
    expect(applied.map(({ seq }) => seq)).toEqual([2, 3, 4]);
    expect(seqs(log)).toEqual([1, 2, 3, 4]);
    expect(isBehind(log)).toBe(false);
  });

  it('still waits when only a part of the gap was closed', () => {
    const log = receiveAll(emptyLog(0), [created(5), created(3), created(1)]);
    expect(log.seq).toBe(1);
    expect(log.held.map(({ seq }) => seq)).toEqual([3, 5]);
  });

  it('ends the same, whatever the order and the repetitions', () => {
    const events: RoomEvent[] = [created(1), created(2), edited(3, 1, 'new'), created(4), deleted(5, 2), reacted(6, 1, 'eve', true)];
    const expected = receiveAll(emptyLog(0), events);
    for (let seed = 1; seed <= 200; seed += 1) {
      const log = receiveAll(emptyLog(0), shuffled([...events, ...events], seed));
      expect(log).toEqual(expected);
    }
  });

  it('knows that it is behind from a head alone', () => {
    const log = noteHead(receiveAll(emptyLog(0), [created(1)]), 4);
    expect(isBehind(log)).toBe(true);
    expect(isBehind(noteHead(log, 2))).toBe(true);
  });

  it('applies edits, deletions and reactions to the message they name', () => {
    const log = receiveAll(emptyLog(0), [
      created(1),
      created(2),
      edited(3, 1, 'better'),
      deleted(4, 2),
      reacted(5, 1, 'eve', true),
      reacted(6, 1, 'bob', true),
      reacted(7, 1, 'eve', false),
    ]);
    expect(log.messages[0]).toMatchObject({ body: 'better', edited_at: T0, reactions: { '👍': ['bob'] } });
    expect(log.messages[1]).toMatchObject({ deleted: true, body: '' });
  });

  it('takes up history and what came live meanwhile without a gap or a double', () => {
    const live = receiveAll(emptyLog(10), [created(11), created(12)]);
    const page = { messages: [8, 9, 10, 11].map((seq) => aMessage(seq)), head: 11 };
    const log = withNewest(live, page, 50);
    expect(seqs(log)).toEqual([8, 9, 10, 11, 12]);
    expect(log.complete).toBe(true);
  });

  it('does not show twice what history was ahead with', () => {
    const page = { messages: [9, 10, 11].map((seq) => aMessage(seq)), head: 11 };
    const log = receiveAll(withNewest(emptyLog(10), page, 3), [created(11), created(12)]);
    expect(seqs(log)).toEqual([9, 10, 11, 12]);
    expect(log.seq).toBe(12);
    expect(log.complete).toBe(false);
  });

  it('does not lose a change that happened after history was read and came before it arrived', () => {
    const live = receiveAll(emptyLog(10), [edited(11, 9, 'changed')]);
    const log = withNewest(live, { messages: [aMessage(9)], head: 10 }, 50);
    expect(log.messages[0]?.body).toBe('changed');
  });

  it('puts older pages before what is there', () => {
    const log = withNewest(emptyLog(5), { messages: [aMessage(4), aMessage(5)], head: 5 }, 2);
    const older = withOlder(log, { messages: [aMessage(2), aMessage(3)], head: 5 }, 2);
    expect(seqs(older)).toEqual([2, 3, 4, 5]);
    expect(older.complete).toBe(false);
    expect(withOlder(older, { messages: [aMessage(1)], head: 5 }, 2).complete).toBe(true);
  });

  it('starts over at a reset, and goes on with what was held beyond it', () => {
    const log = reset(receiveAll(emptyLog(0), [created(1), created(51), created(53)]), 50);
    expect(log.seq).toBe(51);
    expect(log.loaded).toBe(false);
    expect(receiveAll(log, [created(52)]).seq).toBe(53);
  });

  it('keeps only the newest of a room that nobody looks at', () => {
    const many = Array.from({ length: TAIL + 50 }, (_, index) => created(index + 1));
    const log = receiveAll(emptyLog(0), many);
    expect(log.messages).toHaveLength(TAIL);
    const loaded = receiveAll({ ...emptyLog(0), loaded: true, complete: true }, many);
    expect(loaded.messages).toHaveLength(TAIL + 50);
    expect(trimmed(loaded)).toMatchObject({ complete: false, seq: TAIL + 50 });
    expect(trimmed(loaded).messages.at(-1)?.seq).toBe(TAIL + 50);
  });
});
