import { useSyncExternalStore } from 'react';

export type Route = { page: 'home' } | { page: 'sign-up' } | { page: 'room'; room: string };

export function parseRoute(path: string): Route {
  const room = /^\/rooms\/([A-Za-z0-9_-]+)\/?$/.exec(path)?.[1];
  if (room !== undefined) return { page: 'room', room };
  return path === '/sign-up' ? { page: 'sign-up' } : { page: 'home' };
}

const listeners = new Set<() => void>();

export function go(path: string, replace = false): void {
  if (window.location.pathname === path) return;
  window.history[replace ? 'replaceState' : 'pushState'](null, '', path);
  for (const listener of [...listeners]) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(subscribe, () => window.location.pathname));
}
