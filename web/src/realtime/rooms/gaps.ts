import type { ClientFrame } from '../../api/types';
import type { Timers } from '../timers';

/** An answer to `sync` that has not closed the gap by then is asked for again. */
const AGAIN_MS = 3_000;

/** Asks for what is missing, once per gap and not once per event that shows it, until it is there. */
export class Gaps {
  private readonly asked = new Map<string, () => void>();

  private readonly transmit: (frame: ClientFrame) => boolean;
  private readonly timers: Timers;
  /** The last `seq` of a room that is behind; null when it is not. */
  private readonly missingAfter: (room: string) => number | null;

  constructor(
    transmit: (frame: ClientFrame) => boolean,
    timers: Timers,
    missingAfter: (room: string) => number | null,
  ) {
    this.transmit = transmit;
    this.timers = timers;
    this.missingAfter = missingAfter;
  }

  /** The room's log has changed. `patient`: what is missing is probably on its way already, as after `ready`. */
  check(room: string, patient = false): void {
    const after = this.missingAfter(room);
    if (after === null) {
      this.asked.get(room)?.();
      this.asked.delete(room);
    } else if (!this.asked.has(room)) {
      if (!patient) this.transmit({ op: 'sync', room, after });
      this.asked.set(
        room,
        this.timers.after(AGAIN_MS, () => {
          this.asked.delete(room);
          this.check(room);
        }),
      );
    }
  }

  /** The connection is gone, and with it every answer that was awaited. */
  clear(): void {
    for (const cancel of this.asked.values()) cancel();
    this.asked.clear();
  }
}
