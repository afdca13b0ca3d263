import { render } from '@testing-library/react';
import type { UserEvent } from '@testing-library/user-event';
import { userEvent } from '@testing-library/user-event';
import { App } from '../app/App';
import { Providers } from '../app/providers';
import type { Warren } from '../realtime/warren';
import { aTab } from './edges';
import { FakeServer } from './fake-server';
import type { MemoryStorage } from './memory-storage';

interface Opened {
  warren: Warren;
  user: UserEvent;
  /** Leaves the page, as a reload or a closed tab does. */
  close: () => void;
}

/** Opens the whole client in a tab at `path`, as a user would. */
export function openPage(server: FakeServer, path = '/', storage?: MemoryStorage): Opened {
  window.history.replaceState(null, '', path);
  const warren = aTab(server, storage);
  const { unmount } = render(
    <Providers warren={warren}>
      <App />
    </Providers>,
  );
  void warren.session.start();
  return { warren, user: userEvent.setup(), close: unmount };
}

/** Ada, Bob and Eve; Ada and Bob share the room "den". Ada's browser has her cookie. */
export function aServer(): FakeServer {
  const server = new FakeServer();
  server.addUser('ada', { display_name: 'Ada' });
  server.addUser('bob', { display_name: 'Bob' });
  server.addUser('eve', { display_name: 'Eve' });
  server.addRoom('den', ['ada', 'bob'], { name: 'The den', public: true });
  server.cookie = 'ada';
  return server;
}
