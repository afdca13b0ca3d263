import { useCallback, useEffect, useMemo, useState } from 'react';
import { ErrorNote } from '../../components/ErrorNote';
import { Icon } from '../../components/Icon';
import { useMe, usePeople } from '../../components/use-people';
import { formatDay } from '../../lib/time';
import type { RoomEntry } from '../../realtime/rooms/entry';
import type { RoomsView } from '../../realtime/rooms/store';
import { useSelected, useSnapshot, useWarren } from '../../realtime/use-snapshot';
import { timelineItems } from './items';
import { MessageRow } from './MessageRow';
import { useScroll } from './use-scroll';
import './timeline.css';

const shownOf = (view: RoomsView): string | null => view.shown;

export function Timeline({ entry }: { entry: RoomEntry }) {
  const { rooms, outbox } = useWarren();
  const outgoing = useSnapshot(outbox.messages);
  const me = useMe();
  const { room, log, history, lineAfter } = entry;
  const items = useMemo(
    () => timelineItems(log.messages, outgoing.filter((message) => message.room === room.id), me, lineAfter),
    [log.messages, outgoing, room.id, me, lineAfter],
  );
  const shown = useSelected(rooms.view, shownOf) === room.id;
  useEffect(() => {
    rooms.show(room.id);
    return () => {
      rooms.show(null);
    };
  }, [rooms, room.id]);
  const people = usePeople(items.flatMap((item) => (item.kind === 'message' ? item.sender : [])));
  const last = items.at(-1);
  const loadOlder = useCallback(() => void rooms.loadOlder(room.id), [rooms, room.id]);
  const { box, atEnd, onScroll, toEnd } = useScroll({
    firstKey: items.find((item) => item.kind === 'message')?.key,
    lastKey: last?.key,
    lastIsMine: last?.kind === 'message' && last.sender === me,
    loaded: log.loaded && shown,
    canLoadOlder: log.loaded && !log.complete && !history.busy && history.error === null,
    onNearTop: loadOlder,
  });
  const visible = useVisible();
  const reading = visible && atEnd && shown && log.loaded;
  useEffect(() => {
    rooms.setReading(room.id, reading);
  }, [rooms, room.id, reading]);

  const retry = useCallback(
    (nonce: string) => {
      outbox.retry(nonce);
    },
    [outbox],
  );
  const discard = useCallback(
    (nonce: string) => {
      outbox.discard(nonce);
    },
    [outbox],
  );

  return (
    <div className="timeline-frame">
      <div
        className="timeline"
        ref={box}
        onScroll={onScroll}
        role="log"
        aria-label="Messages"
        tabIndex={0}
        data-testid="timeline"
        data-loaded={log.loaded}
      >
        <div className="timeline-content">
          {history.busy && <p className="timeline-note" role="status">Loading messages…</p>}
          {history.error !== null && (
            <ErrorNote
              action={
                <button
                  type="button"
                  className="link-button"
                  onClick={() => {
                    void (log.loaded ? rooms.loadOlder(room.id) : rooms.loadNewest(room.id));
                  }}
                >
                  Try again
                </button>
              }
            >
              {history.error}
            </ErrorNote>
          )}
          {log.complete && <Beginning direct={room.kind === 'direct'} />}
          {items.map((item) => {
            if (item.kind === 'day') {
              return (
                <div key={item.key} className="day" role="separator" data-testid="day">
                  <span>{formatDay(item.at, new Date())}</span>
                </div>
              );
            }
            if (item.kind === 'line') {
              return (
                <div key={item.key} className="new-line" role="separator" data-testid="new-messages" data-line>
                  <span>New messages</span>
                </div>
              );
            }
            return (
              <MessageRow
                key={item.key}
                item={item}
                user={people.get(item.sender)}
                isMine={item.sender === me}
                onRetry={retry}
                onDiscard={discard}
              />
            );
          })}
        </div>
      </div>
      {!atEnd && log.loaded && (
        <button type="button" className="jump" data-testid="jump" onClick={toEnd}>
          <Icon name="down" size={16} />
          {entry.unread > 0 ? `${entry.unread} new` : 'Latest'}
        </button>
      )}
    </div>
  );
}

function Beginning({ direct }: { direct: boolean }) {
  return (
    <p className="timeline-note" data-testid="beginning">
      {direct ? 'This is where your conversation begins.' : 'This is where the room begins.'}
    </p>
  );
}

function useVisible(): boolean {
  const [visible, setVisible] = useState(document.visibilityState === 'visible');
  useEffect(() => {
    const look = (): void => {
      setVisible(document.visibilityState === 'visible');
    };
    document.addEventListener('visibilitychange', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
    };
  }, []);
  return visible;
}
