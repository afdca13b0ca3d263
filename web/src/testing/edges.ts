import { systemTimers } from '../realtime/timers';
import type { Edges } from '../realtime/warren';
import { build } from '../realtime/warren';
import type { Warren } from '../realtime/warren';
import type { FakeServer } from './fake-server';
import { MemoryStorage } from './memory-storage';

/** One tab of a browser that talks to the fake server. The same `storage` again is the same tab after a reload. */
export function aTab(server: FakeServer, storage = new MemoryStorage()): Warren {
  const edges: Edges = {
    fetch: server.fetch,
    openSocket: server.connect,
    timers: { ...systemTimers, random: () => 0.5 },
    isOnline: () => true,
    storage,
  };
  return build(edges);
}
