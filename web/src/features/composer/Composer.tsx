import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Icon } from '../../components/Icon';
import { useMe } from '../../components/use-people';
import { cx } from '../../lib/cx';
import { useWarren } from '../../realtime/use-snapshot';
import { readDraft, saveDraft } from './drafts';
import './composer.css';

/** The server's bound for a message. */
const MOST = 8_000;
const WARN_AT = MOST - 500;

export function Composer({ room, title }: { room: string; title: string }) {
  const { outbox, typing } = useWarren();
  const me = useMe();
  const [text, setText] = useState(() => readDraft(me, room));
  const area = useRef<HTMLTextAreaElement>(null);
  const body = text.trim();
  const count = Array.from(body).length;
  const sendable = count > 0 && count <= MOST;

  useLayoutEffect(() => {
    const element = area.current;
    if (element === null) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  useEffect(
    () => () => {
      typing.stop();
    },
    [typing],
  );

  const change = (next: string): void => {
    setText(next);
    saveDraft(me, room, next);
    if (next.trim() === '') typing.stop();
    else typing.input(room);
  };

  const send = (): void => {
    if (!sendable) return;
    outbox.add(room, body);
    change('');
    area.current?.focus();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={area}
        rows={1}
        value={text}
        data-testid="composer"
        aria-label={`Message to ${title}`}
        placeholder={`Message ${title}`}
        autoFocus={matchMedia('(hover: hover)').matches}
        onChange={(event) => {
          change(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {count > WARN_AT && (
        <span className={cx('composer-count', count > MOST && 'is-over')} role="status">
          {count > MOST ? `${count - MOST} too many` : `${MOST - count} left`}
        </span>
      )}
      <button type="submit" className="send-button" aria-label="Send" data-testid="send" disabled={!sendable}>
        <Icon name="send" />
      </button>
    </form>
  );
}
