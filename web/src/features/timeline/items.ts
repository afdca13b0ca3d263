import type { Message } from '../../api/types';
import { daysBetween } from '../../lib/time';
import type { OutgoingMessage } from '../../realtime/outbox';

export interface MessageItem {
  kind: 'message';
  /** The same from the first keystroke of Enter to the delivered event, so that the row stays where it is. */
  key: string;
  seq: number | null;
  nonce: string;
  sender: string;
  body: string;
  at: string;
  state: 'pending' | 'sent' | 'failed';
  error: string | null;
  edited: boolean;
  deleted: boolean;
  reactions: Readonly<Record<string, readonly string[]>>;
  /** Begins a group: shows who speaks. */
  first: boolean;
}

export type TimelineItem = MessageItem | { kind: 'day'; key: string; at: string } | { kind: 'line'; key: string };

/** Messages of one sender that follow within this time are one group. */
const GROUP_MS = 5 * 60_000;

/** What the timeline shows, top to bottom: the room's messages, then what is on its way there. Pure. */
export function timelineItems(
  messages: readonly Message[],
  outgoing: readonly OutgoingMessage[],
  me: string,
  lineAfter: number | null,
): TimelineItem[] {
  const delivered = new Set(messages.filter(({ sender }) => sender === me).map(({ nonce }) => nonce));
  const rows = [
    ...messages.map((message) => fromMessage(message, me)),
    ...outgoing.filter(({ nonce }) => !delivered.has(nonce)).map((message) => fromOutgoing(message, me)),
  ];
  const items: TimelineItem[] = [];
  let before: MessageItem | null = null;
  let lineDrawn = false;
  for (const row of rows) {
    const newDay: boolean = before === null || daysBetween(new Date(before.at), new Date(row.at)) > 0;
    const isNew = lineAfter !== null && row.seq !== null && row.seq > lineAfter && row.sender !== me;
    if (newDay) items.push({ kind: 'day', key: `day ${row.key}`, at: row.at });
    if (isNew && !lineDrawn) items.push({ kind: 'line', key: 'line' });
    row.first = newDay || (isNew && !lineDrawn) || before === null || !belongs(before, row);
    lineDrawn ||= isNew;
    items.push(row);
    before = row;
  }
  return items;
}

const belongs = (before: MessageItem, row: MessageItem): boolean =>
  before.sender === row.sender && Date.parse(row.at) - Date.parse(before.at) < GROUP_MS;

const fromMessage = (message: Message, me: string): MessageItem => ({
  kind: 'message',
  key: message.sender === me ? `own ${message.nonce}` : `seq ${message.seq}`,
  seq: message.seq,
  nonce: message.nonce,
  sender: message.sender,
  body: message.body,
  at: message.at,
  state: 'sent',
  error: null,
  edited: message.edited_at !== null,
  deleted: message.deleted,
  reactions: message.reactions,
  first: false,
});

const fromOutgoing = (message: OutgoingMessage, me: string): MessageItem => ({
  kind: 'message',
  key: `own ${message.nonce}`,
  seq: message.seq,
  nonce: message.nonce,
  sender: me,
  body: message.body,
  at: new Date(message.at).toISOString(),
  state: message.state,
  error: message.error,
  edited: false,
  deleted: false,
  reactions: {},
  first: false,
});
