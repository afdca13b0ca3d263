import { act, fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, it } from 'vitest';
import { aServer, openPage } from '../../testing/render';
import { typingSentence } from './TypingLine';

it('loads older messages when scrolled to the top, up to the beginning', async () => {
  const server = aServer();
  for (let n = 1; n <= 120; n += 1) server.post('den', 'bob', `message ${n}`);
  openPage(server, '/rooms/den');
  await waitFor(() => {
    fireEvent.scroll(screen.getByTestId('timeline'));
    expect(screen.getAllByTestId('message')).toHaveLength(120);
  });
  await screen.findByTestId('beginning');
  const seqs = screen.getAllByTestId('message').map(({ dataset }) => Number(dataset.seq));
  expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
});

it('says why history could not be loaded, and loads it when asked again', async () => {
  const server = aServer();
  server.post('den', 'bob', 'hello');
  const { user } = openPage(server);
  await screen.findByTestId('room-item');
  server.down = true;
  await user.click(screen.getByTestId('room-item'));
  await screen.findAllByText(/cannot be reached/);
  server.down = false;
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByText('hello', { selector: '.message-body' });
});

it('shows who is typing until their message is there', async () => {
  const server = aServer();
  const { warren } = openPage(server, '/rooms/den');
  await screen.findByTestId('composer');
  await waitFor(() => {
    expect(warren.link.get().state).toBe('ready');
  });
  act(() => {
    server.typing('den', 'bob', true);
  });
  await screen.findByText('Bob is typing…');
  act(() => {
    server.post('den', 'bob', 'done');
  });
  await waitFor(() => {
    expect(screen.getByTestId('typing').textContent).toBe('');
  });
});

it('names those who type as far as there is room', () => {
  expect(typingSentence([])).toBe('');
  expect(typingSentence(['Bob', 'Eve'])).toBe('Bob and Eve are typing…');
  expect(typingSentence(['Bob', 'Eve', 'Zoe'])).toBe('Several people are typing…');
});

it('makes web addresses clickable and nothing else', async () => {
  const server = aServer();
  server.post('den', 'bob', 'See https://example.org/a(b), or <b>not</b> javascript:alert(1).');
  openPage(server, '/rooms/den');
  const link = await screen.findByRole('link', { name: 'https://example.org/a(b' });
  expect(link).toHaveProperty('href', 'https://example.org/a(b');
  expect(link.closest('p')?.textContent).toBe('See https://example.org/a(b), or <b>not</b> javascript:alert(1).');
});
