import { screen } from '@testing-library/react';
import { expect, it } from 'vitest';
import type { FakeServer } from '../../testing/fake-server';
import { aServer, openPage } from '../../testing/render';

const signedOut = (): FakeServer => {
  const server = aServer();
  server.cookie = null;
  return server;
};

it('signs in', async () => {
  const { user } = openPage(signedOut());
  await user.type(await screen.findByLabelText('Username or email'), 'bob');
  await user.type(screen.getByLabelText('Password'), 'correct horse{Enter}');
  await screen.findByTestId('room-list');
  expect(screen.getByTestId('me').textContent).toMatch(/Bob/);
});

it('says what is wrong with a wrong password and lets me try again', async () => {
  const { user } = openPage(signedOut());
  await user.type(await screen.findByLabelText('Username or email'), 'bob');
  await user.type(screen.getByLabelText('Password'), 'wrong{Enter}');
  expect((await screen.findByRole('alert')).textContent).toBe('The login or the password is wrong.');
  await user.clear(screen.getByLabelText('Password'));
  await user.type(screen.getByLabelText('Password'), 'correct horse{Enter}');
  await screen.findByTestId('room-list');
});

it('signs up, and says when the username is taken', async () => {
  const { user } = openPage(signedOut());
  await user.click(await screen.findByText('Create an account'));
  expect(window.location.pathname).toBe('/sign-up');
  await user.type(screen.getByLabelText('Username'), 'bob');
  await user.type(screen.getByLabelText('Email'), 'bob@example.org');
  await user.type(screen.getByLabelText('Password'), 'long enough{Enter}');
  expect((await screen.findByRole('alert')).textContent).toBe('The username bob is taken.');
  await user.clear(screen.getByLabelText('Username'));
  await user.type(screen.getByLabelText('Username'), 'zoe{Enter}');
  await screen.findByText('No rooms yet. Start one with the plus above.');
  expect(window.location.pathname).toBe('/');
});
