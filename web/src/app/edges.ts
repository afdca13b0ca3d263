import { systemTimers } from '../realtime/timers';
import type { Edges } from '../realtime/warren';

/** The browser as the sync engine sees it: one origin for REST and socket. */
export const browserEdges = (): Edges => ({
  fetch: window.fetch.bind(window),
  openSocket: () => {
    const { protocol, host } = window.location;
    return new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/ws`, 'warren.v1');
  },
  timers: systemTimers,
  isOnline: () => navigator.onLine,
  storage: window.sessionStorage,
});
