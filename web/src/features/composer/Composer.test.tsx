import { fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, it } from 'vitest';
import type { FakeServer } from '../../testing/fake-server';
import { aServer, openPage } from '../../testing/render';

const bodies = (server: FakeServer): string[] =>
  server.rooms.get('den')!.events.flatMap((event) => (event.type === 'message.created' ? [event.message.body] : []));

it('sends with Enter and begins a line with Shift and Enter', async () => {
  const server = aServer();
  const { user } = openPage(server, '/rooms/den');
  await user.type(await screen.findByTestId('composer'), 'one{Shift>}{Enter}{/Shift}two{Enter}');
  await waitFor(() => {
    expect(bodies(server)).toEqual(['one\ntwo']);
  });
});

it('sends neither nothing nor too much', async () => {
  const server = aServer();
  const { user } = openPage(server, '/rooms/den');
  const composer = await screen.findByTestId('composer');
  await user.type(composer, '   {Enter}');
  fireEvent.change(composer, { target: { value: 'x'.repeat(8_001) } });
  expect(screen.getByText('1 too many')).toBeTruthy();
  expect(screen.getByTestId('send')).toHaveProperty('disabled', true);
  await user.type(composer, '{Enter}');
  fireEvent.change(composer, { target: { value: 'x'.repeat(8_000) } });
  await user.click(screen.getByTestId('send'));
  await waitFor(() => {
    expect(bodies(server).map(({ length }) => length)).toEqual([8_000]);
  });
});
