import { describe, expect, it } from 'vitest';
import type { OutgoingMessage } from '../../realtime/outbox';
import { aMessage } from '../../testing/factories';
import { timelineItems } from './items';
import type { TimelineItem } from './items';

const at = (day: number, hour: number, minute = 0): string => new Date(2026, 10, day, hour, minute).toISOString();
const outgoing = (nonce: string, part: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  room: 'r1',
  nonce,
  body: 'mine',
  at: new Date(2026, 10, 2, 9, 30).getTime(),
  state: 'pending',
  seq: null,
  error: null,
  ...part,
});
const outline = (items: readonly TimelineItem[]): string[] =>
  items.map((item) => (item.kind === 'message' ? `${item.sender}${item.first ? '*' : ''}` : item.kind));

describe('timeline items', () => {
  it('begin each day with a separator', () => {
    const items = timelineItems([aMessage(1, { at: at(1, 23) }), aMessage(2, { at: at(2, 1) })], [], 'ada', null);
    expect(outline(items)).toEqual(['day', 'bob*', 'day', 'bob*']);
  });

  it('group what one sender says in a row, but not after a pause', () => {
    const messages = [
      aMessage(1, { at: at(2, 9, 0) }),
      aMessage(2, { at: at(2, 9, 3) }),
      aMessage(3, { at: at(2, 9, 20) }),
      aMessage(4, { at: at(2, 9, 21), sender: 'eve' }),
    ];
    expect(outline(timelineItems(messages, [], 'ada', null))).toEqual(['day', 'bob*', 'bob', 'bob*', 'eve*']);
  });

  it('have one line before the first new message of somebody else', () => {
    const messages = [
      aMessage(1, { at: at(2, 9) }),
      aMessage(3, { at: at(2, 9), sender: 'ada' }),
      aMessage(4, { at: at(2, 9) }),
      aMessage(5, { at: at(2, 9) }),
    ];
    expect(outline(timelineItems(messages, [], 'ada', 2))).toEqual(['day', 'bob*', 'ada*', 'line', 'bob*', 'bob']);
  });

  it('show an own message once, under one key, from pending to delivered', () => {
    const pending = timelineItems([], [outgoing('n1')], 'ada', null).at(-1);
    const delivered = timelineItems([aMessage(1, { sender: 'ada', nonce: 'n1' })], [outgoing('n1')], 'ada', null);
    expect(pending).toMatchObject({ state: 'pending', key: 'own n1' });
    expect(delivered).toHaveLength(2);
    expect(delivered[1]).toMatchObject({ state: 'sent', key: 'own n1', seq: 1 });
  });

  it("do not take another person's nonce for mine", () => {
    const items = timelineItems([aMessage(1, { sender: 'bob', nonce: 'n1' })], [outgoing('n1')], 'ada', null);
    expect(items.filter(({ kind }) => kind === 'message')).toHaveLength(2);
  });

  it('put what is on its way below everything else', () => {
    const items = timelineItems([aMessage(1, { at: at(2, 10) })], [outgoing('n1'), outgoing('n2')], 'ada', null);
    expect(outline(items)).toEqual(['day', 'bob*', 'ada*', 'ada']);
  });
});
