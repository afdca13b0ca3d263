import type { ReactNode } from 'react';
import { useEffect } from 'react';
import { WarrenContext } from '../realtime/use-snapshot';
import type { Warren } from '../realtime/warren';

/** Gives the views their Warren, and Warren the news of the browser. */
export function Providers({ warren, children }: { warren: Warren; children: ReactNode }) {
  useEffect(() => {
    const online = (): void => {
      warren.networkChanged(true);
    };
    const offline = (): void => {
      warren.networkChanged(false);
    };
    const look = (): void => {
      if (document.visibilityState === 'visible') warren.awake();
    };
    window.addEventListener('online', online);
    window.addEventListener('offline', offline);
    document.addEventListener('visibilitychange', look);
    return () => {
      window.removeEventListener('online', online);
      window.removeEventListener('offline', offline);
      document.removeEventListener('visibilitychange', look);
    };
  }, [warren]);
  return <WarrenContext value={warren}>{children}</WarrenContext>;
}
