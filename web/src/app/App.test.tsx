import { act, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FakeServer } from '../testing/fake-server';
import { MemoryStorage } from '../testing/memory-storage';
import { aServer, openPage } from '../testing/render';
import { parseRoute } from './routes';

let server: FakeServer;

beforeEach(() => {
  server = aServer();
});

describe('the client', () => {
  it('survives a reload: the session and the open room are still there', async () => {
    server.post('den', 'bob', 'hello there');
    const { close } = openPage(server, '/rooms/den');
    await screen.findByRole('heading', { name: 'The den' });
    close();
    openPage(server, '/rooms/den');
    await screen.findByRole('heading', { name: 'The den' });
    await screen.findByText('hello there', { selector: '.message-body' });
  });

  it('shows an own message as pending, then as sent, and once', async () => {
    const { user } = openPage(server, '/rooms/den');
    const composer = await screen.findByTestId('composer');
    await waitFor(() => {
      expect(screen.getByTestId('shell')).toHaveProperty('dataset.link', 'ready');
    });
    await user.type(composer, 'good morning{Enter}');
    expect(screen.getByTestId('message').dataset.nonce).toMatch(/^[A-Za-z0-9_-]{22}$/);
    await waitFor(() => {
      expect(screen.getByTestId('message').dataset).toMatchObject({ state: 'sent', seq: '3' });
    });
    expect(composer).toHaveProperty('value', '');
  });

  it('keeps what is written without a connection, says so, and sends it when it is back', async () => {
    const { user, warren } = openPage(server, '/rooms/den');
    const composer = await screen.findByTestId('composer');
    server.down = true;
    act(() => {
      server.cut();
    });
    expect((await screen.findByTestId('connection-banner')).textContent).toBe('Reconnecting…');
    await user.type(composer, 'can you hear me?{Enter}');
    expect(screen.getByTestId('message').dataset.state).toBe('pending');
    server.down = false;
    act(() => {
      warren.awake();
    });
    await waitFor(() => {
      expect(screen.getByTestId('message').dataset.state).toBe('sent');
    });
    expect(screen.queryByTestId('connection-banner')).toBeNull();
  });

  it('says that it is offline when the browser is', async () => {
    openPage(server);
    await screen.findByTestId('room-list');
    act(() => {
      window.dispatchEvent(new Event('offline'));
    });
    expect(screen.getByTestId('connection-banner').textContent).toMatch(/^You are offline/);
  });

  it('offers to send a refused message again, as a new one', async () => {
    const { user } = openPage(server, '/rooms/den');
    const composer = await screen.findByTestId('composer');
    server.rooms.get('den')!.members.delete('ada');
    await user.type(composer, 'let me in{Enter}');
    const message = await screen.findByTestId('message');
    await waitFor(() => {
      expect(message.dataset.state).toBe('failed');
    });
    expect(within(message).getByText('You are not a member of this room.')).toBeTruthy();
    const { nonce } = message.dataset;
    server.rooms.get('den')!.members.set('ada', 0);
    await user.click(screen.getByTestId('retry'));
    await waitFor(() => {
      expect(screen.getByTestId('message').dataset).toMatchObject({ state: 'sent' });
    });
    expect(screen.getByTestId('message').dataset.nonce).not.toBe(nonce);
  });

  it('counts unread messages in the list until the room is opened, and draws the line', async () => {
    const { user } = openPage(server);
    const item = await screen.findByTestId('room-item');
    act(() => {
      server.post('den', 'bob', 'one');
      server.post('den', 'bob', 'two');
    });
    expect((await within(item).findByTestId('unread')).textContent).toBe('2');
    expect(document.title).toBe('(2) Warren');
    await user.click(item);
    await screen.findByTestId('new-messages');
    await waitFor(() => {
      expect(screen.queryByTestId('unread')).toBeNull();
    });
  });

  it('signs out, and the next reload stays signed out', async () => {
    const { user, close } = openPage(server);
    await user.click(await screen.findByTestId('sign-out'));
    await screen.findByTestId('sign-in');
    close();
    openPage(server);
    await screen.findByTestId('sign-in');
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('returns to sign-in with a clear sentence when the session was ended elsewhere', async () => {
    openPage(server);
    await screen.findByTestId('room-item');
    act(() => {
      server.revoke('ada');
    });
    await screen.findByTestId('sign-in');
    expect(screen.getByTestId('error').textContent).toMatch(/session has ended/);
  });

  it('says so when the server cannot be reached at the start, and tries again when asked to', async () => {
    server.down = true;
    const { user } = openPage(server);
    expect((await screen.findByTestId('error')).textContent).toMatch(/cannot be reached/);
    server.down = false;
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    await screen.findByTestId('room-list');
  });

  it('says the same of a room that does not exist and of one that is not mine', async () => {
    server.addRoom('secret', ['eve']);
    openPage(server, '/rooms/secret');
    expect((await screen.findByTestId('error')).textContent).toMatch(/no such room/);
  });

  it('loses no draft when the room is left or the page reloaded', async () => {
    server.addRoom('other', ['ada', 'eve']);
    const tab = new MemoryStorage();
    const { user, close } = openPage(server, '/rooms/den', tab);
    await user.type(await screen.findByTestId('composer'), 'half a thou');
    close();
    openPage(server, '/rooms/den', tab);
    expect(await screen.findByTestId('composer')).toHaveProperty('value', 'half a thou');
  });
});

it('knows its addresses', () => {
  expect(parseRoute('/rooms/a-b_C1')).toEqual({ page: 'room', room: 'a-b_C1' });
  expect(parseRoute('/sign-up')).toEqual({ page: 'sign-up' });
  expect(parseRoute('/rooms/')).toEqual({ page: 'home' });
  expect(parseRoute('/anything/else')).toEqual({ page: 'home' });
});
