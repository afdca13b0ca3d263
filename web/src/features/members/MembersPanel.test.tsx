import { act, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, expect, it } from 'vitest';
import type { FakeServer } from '../../testing/fake-server';
import { aServer, openPage } from '../../testing/render';

let server: FakeServer;

beforeEach(() => {
  server = aServer();
});

async function openPanel(): Promise<ReturnType<typeof openPage>> {
  const page = openPage(server, '/rooms/den');
  const button = await screen.findByTestId('show-members');
  if (screen.queryByTestId('members') === null) await page.user.click(button);
  await screen.findAllByTestId('member');
  return page;
}

const member = (user: string): HTMLElement | undefined =>
  screen.getAllByTestId('member').find(({ dataset }) => dataset.user === user);

it('shows who is in the room and who is there, those first', async () => {
  await openPanel();
  act(() => {
    server.setPresence('bob', 'online');
  });
  await waitFor(() => {
    expect(within(member('bob')!).getByTestId('presence-dot').dataset.status).toBe('online');
  });
  expect(within(member('ada')!).getByText('owner')).toBeTruthy();
});

it('follows who joins and who leaves', async () => {
  await openPanel();
  act(() => {
    server.addMember(server.rooms.get('den')!, 'eve');
  });
  await waitFor(() => {
    expect(member('eve')).toBeDefined();
  });
  act(() => {
    server.removeMember('den', 'bob');
  });
  await waitFor(() => {
    expect(member('bob')).toBeUndefined();
  });
});

it('leaves the room only after a second thought', async () => {
  const { user } = await openPanel();
  await user.click(screen.getByTestId('leave-room'));
  await user.click(screen.getByText('Stay'));
  expect(server.rooms.get('den')!.members.has('ada')).toBe(true);
  await user.click(screen.getByTestId('leave-room'));
  await user.click(screen.getByTestId('confirm-leave'));
  await waitFor(() => {
    expect(screen.queryByTestId('room-item')).toBeNull();
  });
  await waitFor(() => {
    expect(server.rooms.get('den')!.members.has('ada')).toBe(false);
  });
  expect(window.location.pathname).toBe('/');
});
