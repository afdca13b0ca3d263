import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerFrame } from '../api/types';
import { created } from '../testing/factories';
import { FakeSocket } from '../testing/fake-socket';
import { SocketClient } from './socket';
import type { SocketOptions } from './socket';
import { systemTimers } from './timers';

let sockets: FakeSocket[];
let frames: ServerFrame[];
let options: SocketOptions;
let client: SocketClient;
const renew = vi.fn<() => Promise<boolean>>();
const onRefused = vi.fn<() => void>();

const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);
const last = (): FakeSocket => sockets.at(-1)!;
const state = (): string => client.link.get().state;

async function connect(seconds = 0): Promise<FakeSocket> {
  client.start();
  await settle();
  last().accept();
  last().ready();
  await vi.advanceTimersByTimeAsync(seconds * 1000);
  return last();
}

afterEach(() => {
  vi.useRealTimers();
});

beforeEach(() => {
  vi.useFakeTimers();
  renew.mockReset().mockResolvedValue(true);
  onRefused.mockReset();
  sockets = [];
  frames = [];
  options = {
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    timers: { ...systemTimers, random: () => 1 },
    isOnline: () => true,
    token: () => Promise.resolve('token-1'),
    renew,
    seqs: () => ({ r1: 7 }),
    onFrame: (frame) => frames.push(frame),
    onRefused,
  };
  client = new SocketClient(options);
});

describe('socket client', () => {
  it('says hello with its token and the last seq of each room, then is ready', async () => {
    client.start();
    await settle();
    expect(client.link.get()).toEqual({ state: 'connecting', again: false });
    last().accept();
    expect(last().sent).toEqual([{ op: 'hello', token: 'token-1', rooms: { r1: 7 }, batch: true }]);
    last().ready();
    expect(client.link.get()).toEqual({ state: 'ready', serverId: 'gateway-1' });
  });

  it('takes single frames and batches, in order', async () => {
    const socket = await connect();
    socket.say(created(8));
    socket.say(created(9), created(10));
    expect(frames.flatMap((frame) => (frame.op === 'event' ? frame.seq : []))).toEqual([8, 9, 10]);
  });

  it('sends nothing before it is ready', async () => {
    client.start();
    await settle();
    last().accept();
    expect(client.send({ op: 'ping', id: '1' })).toBe(false);
    last().ready();
    expect(client.send({ op: 'ping', id: '1' })).toBe(true);
  });

  it('comes back with growing waits, and resumes from where the rooms are then', async () => {
    const socket = await connect();
    socket.drop();
    expect(state()).toBe('waiting');
    await vi.advanceTimersByTimeAsync(199);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(client.link.get()).toEqual({ state: 'connecting', again: true });
    last().drop();
    await vi.advanceTimersByTimeAsync(399);
    expect(sockets).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(3);
    options.seqs = () => ({ r1: 12 });
    last().accept();
    expect(last().sent[0]).toMatchObject({ op: 'hello', rooms: { r1: 12 } });
  });

  it('starts with the short wait again after a connection that held', async () => {
    for (let failures = 0; failures < 4; failures += 1) {
      client.start();
      await vi.advanceTimersByTimeAsync(10_000);
      last().drop();
    }
    await vi.advanceTimersByTimeAsync(10_000);
    last().accept();
    last().ready();
    await vi.advanceTimersByTimeAsync(6_000);
    const count = sockets.length;
    last().drop();
    await vi.advanceTimersByTimeAsync(200);
    expect(sockets).toHaveLength(count + 1);
  });

  it('goes over at once when the server asks to reconnect, after the time it names', async () => {
    const socket = await connect();
    socket.say({ op: 'reconnect', after_ms: 1_500, reason: 'draining' });
    await vi.advanceTimersByTimeAsync(1_499);
    expect(state()).toBe('ready');
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(2);
    expect(socket.closedWith).not.toBeNull();
  });

  it('does not wait when the connection ends after `reconnect` was announced', async () => {
    const socket = await connect();
    socket.say({ op: 'reconnect', after_ms: 5_000, reason: 'draining' });
    socket.drop(4503);
    await settle();
    expect(sockets).toHaveLength(2);
  });

  it('gives up a connection that does not become ready', async () => {
    client.start();
    await settle();
    last().accept();
    await vi.advanceTimersByTimeAsync(10_200);
    expect(sockets).toHaveLength(2);
  });

  it('asks a silent server for a sign of life and leaves it when none comes', async () => {
    const socket = await connect();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(socket.sent.at(-1)).toMatchObject({ op: 'ping' });
    socket.say({ op: 'pong' });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(state()).toBe('ready');
    await vi.advanceTimersByTimeAsync(16_000);
    expect(state()).not.toBe('ready');
  });

  it('renews the token once after 4401 and connects with the new one', async () => {
    const socket = await connect();
    options.token = () => Promise.resolve('token-2');
    socket.drop(4401);
    await settle();
    expect(renew).toHaveBeenCalledTimes(1);
    last().accept();
    expect(last().sent[0]).toMatchObject({ token: 'token-2' });
  });

  it('ends when even the renewed token is refused', async () => {
    const socket = await connect();
    socket.drop(4401);
    await settle();
    last().accept();
    last().drop(4401);
    await settle();
    expect(renew).toHaveBeenCalledTimes(1);
    expect(onRefused).toHaveBeenCalledTimes(1);
    expect(state()).toBe('idle');
  });

  it('ends without another try when the session is revoked', async () => {
    renew.mockResolvedValue(false);
    const socket = await connect();
    socket.drop(4403);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state()).toBe('idle');
    expect(sockets).toHaveLength(1);
  });

  it('keeps trying when nobody answers the question for a token', async () => {
    options.token = vi.fn().mockRejectedValueOnce(new Error('no network')).mockResolvedValue('token-1');
    client.start();
    await vi.advanceTimersByTimeAsync(200);
    expect(sockets).toHaveLength(1);
  });

  it('says offline while the browser is, and connects at once when it is back', async () => {
    const socket = await connect();
    client.networkChanged(false);
    expect(state()).toBe('offline');
    expect(socket.closedWith).not.toBeNull();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    client.networkChanged(true);
    await settle();
    expect(sockets).toHaveLength(2);
  });

  it('does not hear a connection that it has given up', async () => {
    const socket = await connect();
    client.stop();
    socket.say(created(8));
    socket.drop();
    expect(frames.filter((frame) => frame.op === 'event')).toEqual([]);
    expect(state()).toBe('idle');
  });
});
