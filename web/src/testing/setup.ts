import { cleanup, configure } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

// Facts are awaited; a busy machine may take its time over them.
configure({ asyncUtilTimeout: 10_000 });

// jsdom lays nothing out and knows neither modal dialogs nor media queries.
class NoResizeObserver implements ResizeObserver {
  observe = (): void => undefined;
  unobserve = (): void => undefined;
  disconnect = (): void => undefined;
}
window.ResizeObserver = NoResizeObserver;
window.matchMedia = (media: string) => Object.assign(new EventTarget(), { media, matches: false }) as MediaQueryList;
HTMLDialogElement.prototype.showModal = function showModal() {
  this.open = true;
};
HTMLDialogElement.prototype.close = function close() {
  this.open = false;
  this.dispatchEvent(new Event('close'));
};

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  sessionStorage.clear();
  window.history.replaceState(null, '', '/');
});
