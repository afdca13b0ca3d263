import { createContext, useCallback, useContext, useSyncExternalStore } from 'react';
import type { Readable } from '../lib/store';
import type { Warren } from './warren';

/** The one place where the sync engine meets React. */
export const WarrenContext = createContext<Warren | null>(null);

export function useWarren(): Warren {
  const warren = useContext(WarrenContext);
  if (warren === null) throw new Error('useWarren stands outside of WarrenContext: wrap the view in <Providers>.');
  return warren;
}

export function useSnapshot<T>(readable: Readable<T>): T {
  return useSyncExternalStore(readable.subscribe, readable.get);
}

/** A part of a snapshot: the view renders again only when that part is another one. `select` must be stable. */
export function useSelected<T, P>(readable: Readable<T>, select: (value: T) => P): P {
  return useSyncExternalStore(
    readable.subscribe,
    useCallback(() => select(readable.get()), [readable, select]),
  );
}
