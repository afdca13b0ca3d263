import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aTab } from '../testing/edges';
import { FakeServer } from '../testing/fake-server';
import { MemoryStorage } from '../testing/memory-storage';
import { SESSION_ENDED } from './session';
import type { Warren } from './warren';

let server: FakeServer;
let ada: Warren;
let storage: MemoryStorage;

const pass = (ms = 50): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const bodies = (warren: Warren, room = 'r1'): string[] => (warren.rooms.find(room)?.log.messages ?? []).map(({ body }) => body);
const stored = (room = 'r1'): string[] =>
  (server.rooms.get(room)?.events ?? []).flatMap((event) => (event.type === 'message.created' ? [event.message.body] : []));

async function signIn(user: string, tab = new MemoryStorage()): Promise<Warren> {
  const warren = aTab(server, tab);
  await warren.session.signIn(user, 'correct horse');
  await pass();
  return warren;
}

async function lookAt(warren: Warren, room: string): Promise<void> {
  warren.rooms.show(room);
  await pass();
  warren.rooms.setReading(room, true);
}

afterEach(() => {
  vi.useRealTimers();
});

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  for (const id of ['ada', 'bob', 'eve']) server.addUser(id);
  server.addRoom('r1', ['ada', 'bob']);
  storage = new MemoryStorage();
  ada = await signIn('ada', storage);
});

describe('two people and a server', () => {
  it('see the same messages in the same order, each once', async () => {
    const bob = await signIn('bob');
    await lookAt(ada, 'r1');
    await lookAt(bob, 'r1');
    ada.outbox.add('r1', 'one');
    bob.outbox.add('r1', 'two');
    ada.outbox.add('r1', 'three');
    await pass();
    expect(bodies(ada)).toHaveLength(3);
    expect(bodies(bob)).toEqual(bodies(ada));
    expect(ada.outbox.messages.get()).toEqual([]);
  });

  it('resumes after a cut with exactly what was missed, and loads nothing again', async () => {
    await lookAt(ada, 'r1');
    server.post('r1', 'bob', 'before');
    await pass();
    server.down = true;
    server.cut();
    server.post('r1', 'bob', 'missed one');
    server.post('r1', 'bob', 'missed two');
    await pass(3_000);
    expect(ada.link.get().state).not.toBe('ready');
    const requests = server.requests.length;
    server.down = false;
    await pass(11_000);
    expect(bodies(ada)).toEqual(['before', 'missed one', 'missed two']);
    expect(server.requests).toHaveLength(requests);
  });

  it('sends once what was written while away', async () => {
    await lookAt(ada, 'r1');
    server.down = true;
    server.cut();
    ada.outbox.add('r1', 'one');
    ada.outbox.add('r1', 'two');
    await pass(2_000);
    server.down = false;
    await pass(11_000);
    expect(stored()).toEqual(['one', 'two']);
    expect(bodies(ada)).toEqual(['one', 'two']);
  });

  it('does not send twice what was stored when its ack was lost', async () => {
    await lookAt(ada, 'r1');
    server.mute = true;
    ada.outbox.add('r1', 'once');
    await pass();
    expect(stored()).toEqual(['once']);
    expect(ada.outbox.messages.get()).toMatchObject([{ state: 'pending' }]);
    server.mute = false;
    server.cut();
    await pass(1_000);
    expect(stored()).toEqual(['once']);
    expect(bodies(ada)).toEqual(['once']);
    expect(ada.outbox.messages.get()).toEqual([]);
  });

  it('asks for what is missing when events were lost on a living connection', async () => {
    await lookAt(ada, 'r1');
    server.mute = true;
    server.post('r1', 'bob', 'lost one');
    server.post('r1', 'bob', 'lost two');
    server.mute = false;
    server.post('r1', 'bob', 'heard');
    await pass();
    expect(bodies(ada)).toEqual(['lost one', 'lost two', 'heard']);
  });

  it('notices lost events from the head alone when nothing follows them', async () => {
    await lookAt(ada, 'r1');
    server.mute = true;
    server.cut();
    await pass(1_000);
    const fake = server.rooms.get('r1')!;
    server.post('r1', 'bob', 'lost');
    server.mute = false;
    ada.rooms.onReady({
      op: 'ready',
      user: 'ada',
      session_id: '',
      connection_id: '',
      server_id: '',
      heartbeat_ms: 1,
      rooms: { r1: fake.events.length },
    });
    await pass(4_000);
    expect(bodies(ada)).toEqual(['lost']);
  });

  it('does not lose an unsent message when the page is reloaded', async () => {
    server.down = true;
    server.cut();
    ada.outbox.add('r1', 'kept');
    server.down = false;
    const reloaded = aTab(server, storage);
    await reloaded.session.start();
    await pass(1_000);
    expect(stored()).toEqual(['kept']);
    expect(reloaded.outbox.messages.get()).toEqual([]);
  });

  it('loads history after a reset and goes on from there', async () => {
    await lookAt(ada, 'r1');
    server.post('r1', 'bob', 'seen');
    await pass();
    server.mute = true;
    for (let n = 0; n < 60; n += 1) server.post('r1', 'bob', `missed ${n}`);
    server.mute = false;
    ada.rooms.onReset('r1', server.rooms.get('r1')!.events.length);
    await pass();
    expect(bodies(ada)).toHaveLength(50);
    expect(bodies(ada).at(-1)).toBe('missed 59');
    server.post('r1', 'bob', 'live again');
    await pass();
    expect(bodies(ada).at(-1)).toBe('live again');
  });

  it('counts what is unread, and nothing once it is read, on the server too', async () => {
    server.post('r1', 'bob', 'one');
    server.post('r1', 'bob', 'two');
    await pass();
    expect(ada.rooms.find('r1')?.unread).toBe(2);
    await lookAt(ada, 'r1');
    await pass(1_000);
    expect(ada.rooms.find('r1')).toMatchObject({ unread: 0, lineAfter: 0 });
    await ada.rooms.refresh();
    expect(ada.rooms.find('r1')?.unread).toBe(0);
  });

  it('does not count a replayed message twice', async () => {
    server.mute = true;
    server.post('r1', 'bob', 'one');
    server.mute = false;
    await ada.rooms.refresh();
    expect(ada.rooms.find('r1')?.unread).toBe(1);
    await pass(4_000);
    expect(ada.rooms.find('r1')?.log.messages).toHaveLength(1);
    expect(ada.rooms.find('r1')?.unread).toBe(1);
  });

  it('marks nothing as read that is not looked at, and shows where the new begins', async () => {
    await lookAt(ada, 'r1');
    ada.rooms.setReading('r1', false);
    server.post('r1', 'bob', 'while away');
    await pass(1_000);
    expect(ada.rooms.find('r1')).toMatchObject({ unread: 1, lineAfter: 2 });
    ada.rooms.setReading('r1', true);
    expect(ada.rooms.find('r1')?.unread).toBe(0);
  });

  it('shows a room that I am added to, and hears what is said there', async () => {
    server.addRoom('r2', ['eve', 'ada'], { name: 'New' });
    await pass();
    server.post('r2', 'eve', 'welcome');
    await pass();
    expect(ada.rooms.find('r2')).toMatchObject({ unread: 1, lastMessage: { body: 'welcome' } });
  });

  it('takes away a room that I am removed from, and says so', async () => {
    server.removeMember('r1', 'ada');
    await pass();
    expect(ada.rooms.find('r1')).toBeUndefined();
    expect(ada.toast.get()?.text).toBe('You are no longer a member of r1.');
  });

  it('drops rooms that I was removed from while away', async () => {
    server.down = true;
    server.cut();
    server.removeMember('r1', 'ada');
    server.down = false;
    await pass(11_000);
    expect(ada.rooms.find('r1')).toBeUndefined();
  });

  it('marks a message as failed that the room refuses, with the reason', async () => {
    server.rooms.get('r1')!.members.delete('ada');
    ada.outbox.add('r1', 'too late');
    await pass();
    expect(ada.outbox.messages.get()).toMatchObject([
      { state: 'failed', error: 'You are not a member of this room.' },
    ]);
  });

  it('goes on with a renewed token when the old one has expired', async () => {
    server.cut(4401);
    await pass(1_000);
    expect(ada.link.get().state).toBe('ready');
    expect(ada.session.view.get().state).toBe('signed-in');
  });

  it('returns to sign-in with a sentence when the session was revoked', async () => {
    server.revoke('ada');
    await pass(1_000);
    expect(ada.session.view.get()).toEqual({ state: 'signed-out', notice: SESSION_ENDED });
    expect(ada.rooms.view.get().rooms.size).toBe(0);
  });

  it('finds out who the other one in a direct room is, and whether they are there', async () => {
    server.setPresence('eve', 'online');
    server.addRoom('d', ['ada', 'eve'], { kind: 'direct', name: null });
    await pass();
    expect(ada.rooms.find('d')?.peer).toBe('eve');
    ada.presence.want(['eve']);
    await pass();
    expect(ada.presence.known.get().get('eve')?.status).toBe('online');
    server.setPresence('eve', 'away');
    await pass();
    expect(ada.presence.known.get().get('eve')?.status).toBe('away');
  });

  it('connects when the list of rooms could be loaded only at the third try', async () => {
    server.cookie = 'ada';
    const tab = aTab(server);
    await tab.session.start();
    server.down = true;
    await pass(2_000);
    expect(tab.rooms.view.get().error).toMatch(/cannot be reached/);
    server.down = false;
    await pass(5_000);
    expect(tab.rooms.view.get()).toMatchObject({ state: 'ready', error: null });
    expect(tab.link.get().state).toBe('ready');
  });
});
