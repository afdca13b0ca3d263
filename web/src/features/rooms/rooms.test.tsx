import { act, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, expect, it } from 'vitest';
import type { FakeServer } from '../../testing/fake-server';
import { aServer, openPage } from '../../testing/render';

let server: FakeServer;

beforeEach(() => {
  server = aServer();
});

const item = (room: string): HTMLElement =>
  screen.getAllByTestId('room-item').find((each) => each.dataset.room === room)!;

it('names a direct room after the other person and shows whether they are there', async () => {
  server.addRoom('d', ['ada', 'eve'], { kind: 'direct', name: null });
  server.setPresence('eve', 'online');
  openPage(server);
  await screen.findByText('Eve');
  const dot = within(item('d')).getByTestId('presence-dot');
  await waitFor(() => {
    expect(dot.dataset.status).toBe('online');
  });
  act(() => {
    server.setPresence('eve', 'offline');
  });
  await waitFor(() => {
    expect(dot.dataset.status).toBe('offline');
  });
});

it('shows the last message with its speaker, and puts the liveliest room first', async () => {
  server.addRoom('old', ['ada', 'eve'], { created_at: '2020-01-01T00:00:00.000Z' });
  server.post('den', 'bob', 'first', undefined, '2026-01-01T00:00:00.000Z');
  openPage(server);
  await screen.findByText('Bob: first');
  expect(screen.getAllByTestId('room-item')[0]?.dataset.room).toBe('den');
  act(() => {
    server.post('old', 'ada', 'mine');
  });
  await screen.findByText('You: mine');
  expect(screen.getAllByTestId('room-item')[0]?.dataset.room).toBe('old');
});

it('makes a group of people found by username, and opens it', async () => {
  const { user } = openPage(server);
  await user.click(await screen.findByTestId('new-room'));
  await user.type(screen.getByLabelText('Name'), 'Plans');
  await user.type(screen.getByLabelText('Members'), 'ev');
  await user.click(await screen.findByTestId('person'));
  await user.click(screen.getByTestId('create-room'));
  await screen.findByRole('heading', { name: 'Plans' });
  expect([...server.rooms.values()].find(({ room }) => room.name === 'Plans')?.members.has('eve')).toBe(true);
});

it('opens the same direct room for the same person', async () => {
  const { user } = openPage(server);
  for (let times = 0; times < 2; times += 1) {
    await user.click(await screen.findByTestId('new-room'));
    await user.click(screen.getByTestId('new-direct'));
    await user.type(screen.getByLabelText('With'), 'bob');
    await user.click(await screen.findByTestId('person'));
    await user.click(screen.getByTestId('create-room'));
    await screen.findByRole('heading', { name: 'Bob' });
  }
  expect(server.rooms.size).toBe(2);
});

it('joins a public room by its id, and says why it cannot join another', async () => {
  server.addRoom('plaza', ['eve'], { name: 'Plaza', public: true });
  const { user } = openPage(server);
  await user.click(await screen.findByTestId('new-room'));
  await user.click(screen.getByTestId('new-join'));
  await user.type(screen.getByLabelText('Room id'), 'nowhere');
  await user.click(screen.getByTestId('create-room'));
  expect((await screen.findByRole('alert')).textContent).toBe('There is no such room.');
  await user.clear(screen.getByLabelText('Room id'));
  await user.type(screen.getByLabelText('Room id'), 'plaza');
  await user.click(screen.getByTestId('create-room'));
  await screen.findByRole('heading', { name: 'Plaza' });
});
