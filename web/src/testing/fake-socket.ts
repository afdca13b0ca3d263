import type { ClientFrame, ServerFrame } from '../api/types';
import type { WireSocket } from '../realtime/socket';

/** A socket whose other end is the test. */
export class FakeSocket implements WireSocket {
  onopen: WireSocket['onopen'] = null;
  onmessage: WireSocket['onmessage'] = null;
  onclose: WireSocket['onclose'] = null;
  readonly sent: ClientFrame[] = [];
  closedWith: number | null = null;

  send(data: string): void {
    this.sent.push(JSON.parse(data) as ClientFrame);
  }

  close(code = 1000): void {
    this.closedWith ??= code;
  }

  /* What the server does */

  accept(): void {
    this.onopen?.({});
  }

  say(...frames: ServerFrame[]): void {
    this.onmessage?.({ data: JSON.stringify(frames.length === 1 ? frames[0] : frames) });
  }

  ready(rooms: Record<string, number> = {}, heartbeatMs = 25_000): void {
    this.say({
      op: 'ready',
      user: 'ada',
      session_id: 's1',
      connection_id: 'c1',
      server_id: 'gateway-1',
      heartbeat_ms: heartbeatMs,
      rooms,
    });
  }

  drop(code = 1006): void {
    this.onclose?.({ code });
  }
}
