import { memo } from 'react';
import type { User } from '../../api/types';
import { Avatar } from '../../components/Avatar';
import { Icon } from '../../components/Icon';
import { Linked } from '../../components/Linked';
import { cx } from '../../lib/cx';
import { formatFull, formatTime } from '../../lib/time';
import { nameOf } from '../../realtime/people';
import type { MessageItem } from './items';

interface MessageRowProps {
  item: MessageItem;
  user: User | undefined;
  isMine: boolean;
  onRetry: (nonce: string) => void;
  onDiscard: (nonce: string) => void;
}

/** A fresh item object comes with every snapshot; what counts is whether it says the same. */
const same = (before: MessageRowProps, after: MessageRowProps): boolean =>
  before.user === after.user &&
  before.isMine === after.isMine &&
  (Object.keys(after.item) as (keyof MessageItem)[]).every((key) => before.item[key] === after.item[key]);

export const MessageRow = memo(function MessageRow({ item, user, isMine, onRetry, onDiscard }: MessageRowProps) {
  const name = nameOf(user);
  const time = (
    <time dateTime={item.at} title={formatFull(item.at)}>
      {formatTime(item.at)}
    </time>
  );
  return (
    <article
      className={cx('message', item.first && 'is-first', isMine && 'is-mine', `is-${item.state}`)}
      data-testid="message"
      data-seq={item.seq ?? undefined}
      data-nonce={item.nonce}
      data-state={item.state}
      data-sender={item.sender}
      aria-label={`${isMine ? 'You' : name}, ${formatTime(item.at)}`}
    >
      <div className="message-gutter">{item.first ? <Avatar id={item.sender} name={name} /> : time}</div>
      <div className="message-content">
        {item.first && (
          <header>
            <b>{name}</b>
            {isMine && <span className="you">you</span>}
            {time}
          </header>
        )}
        <p className={cx('message-body', item.deleted && 'is-deleted')} data-testid="message-body">
          {item.deleted ? 'This message was deleted.' : <Linked text={item.body} />}
          {item.edited && !item.deleted && <small> (edited)</small>}
          {isMine && <Mark state={item.state} />}
        </p>
        <Reactions of={item} />
        {item.state === 'failed' && (
          <div className="message-failure" role="alert">
            <span data-testid="error">{item.error ?? 'Not sent.'}</span>
            <button
              type="button"
              className="link-button"
              data-testid="retry"
              onClick={() => {
                onRetry(item.nonce);
              }}
            >
              Try again
            </button>
            <button
              type="button"
              className="link-button"
              data-testid="discard"
              onClick={() => {
                onDiscard(item.nonce);
              }}
            >
              Discard
            </button>
          </div>
        )}
      </div>
    </article>
  );
}, same);

const MARKS = {
  pending: { icon: 'clock', words: 'Sending' },
  sent: { icon: 'check', words: 'Sent' },
  failed: { icon: 'alert', words: 'Not sent' },
} as const;

function Mark({ state }: { state: MessageItem['state'] }) {
  const { icon, words } = MARKS[state];
  return (
    <span className={`mark mark-${state}`} role="img" aria-label={words} title={words}>
      <Icon name={icon} size={14} />
    </span>
  );
}

function Reactions({ of }: { of: MessageItem }) {
  const given = Object.entries(of.reactions).filter(([, users]) => users.length > 0);
  if (given.length === 0) return null;
  return (
    <ul className="reactions" aria-label="Reactions">
      {given.map(([emoji, users]) => (
        <li key={emoji}>
          {emoji} <span>{users.length}</span>
        </li>
      ))}
    </ul>
  );
}
