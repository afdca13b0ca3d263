export const FIRST_MS = 200;
export const LONGEST_MS = 10_000;

/** Full jitter: anything between 0 and a bound that doubles from 0.2 s to 10 s, so that many clients do not come back at once. */
export function fullJitter(attempt: number, random: () => number): number {
  const bound = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(random() * bound);
}

/** Counts failures in a row. */
export class Backoff {
  private attempt = 0;

  private readonly random: () => number;

  constructor(random: () => number) {
    this.random = random;
  }

  next(): number {
    return fullJitter(this.attempt++, this.random);
  }

  reset(): void {
    this.attempt = 0;
  }
}
