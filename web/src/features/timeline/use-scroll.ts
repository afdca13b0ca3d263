import type { RefObject } from 'react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** This close to the end counts as "at the end". */
const NEAR_PX = 60;
/** Older messages are fetched before the reader meets the top. */
const AHEAD_PX = 600;

interface ScrollOptions {
  /** Changes when older messages came in at the top. */
  firstKey: string | undefined;
  /** Changes when there is something new at the end. */
  lastKey: string | undefined;
  /** The newest is mine: go there wherever I was. */
  lastIsMine: boolean;
  loaded: boolean;
  canLoadOlder: boolean;
  onNearTop: () => void;
}

export interface Scroll {
  box: RefObject<HTMLDivElement | null>;
  atEnd: boolean;
  onScroll: () => void;
  toEnd: () => void;
}

/** Keeps the reader's place: at the end when they are there, else on the lines they read, whatever comes in above or below. */
export function useScroll(options: ScrollOptions): Scroll {
  const { firstKey, lastKey, lastIsMine, loaded, canLoadOlder, onNearTop } = options;
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const seen = useRef({ firstKey, lastKey, height: 0, opened: false, atEnd: true });

  const note = useCallback((): void => {
    const element = box.current;
    if (element === null) return;
    const now = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    seen.current.atEnd = now;
    setAtEnd(now);
    if (canLoadOlder && element.scrollTop < AHEAD_PX) onNearTop();
  }, [canLoadOlder, onNearTop]);

  const toEnd = useCallback((): void => {
    const element = box.current;
    if (element === null) return;
    element.scrollTop = element.scrollHeight;
    note();
  }, [note]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || !loaded) return;
    const before = seen.current;
    if (!before.opened) {
      const line = element.querySelector<HTMLElement>('[data-line]');
      element.scrollTop = line === null ? element.scrollHeight : line.offsetTop - element.clientHeight / 3;
    } else if (before.lastKey !== lastKey && (before.atEnd || lastIsMine)) {
      element.scrollTop = element.scrollHeight;
    } else if (before.firstKey !== firstKey && before.lastKey === lastKey) {
      element.scrollTop += element.scrollHeight - before.height;
    }
    seen.current = { ...before, firstKey, lastKey, height: element.scrollHeight, opened: true };
    note();
  }, [firstKey, lastKey, lastIsMine, loaded, note]);

  // The composer grows, a window is resized, a font arrives: who was at the end stays there.
  useEffect(() => {
    const element = box.current;
    const content = element?.firstElementChild;
    if (element === null || content === null || content === undefined) return;
    const observer = new ResizeObserver(() => {
      if (seen.current.opened && seen.current.atEnd) element.scrollTop = element.scrollHeight;
      seen.current.height = element.scrollHeight;
    });
    observer.observe(element);
    observer.observe(content);
    return () => {
      observer.disconnect();
    };
  }, []);

  return { box, atEnd, onScroll: note, toEnd };
}
