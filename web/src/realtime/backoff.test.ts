import { describe, expect, it } from 'vitest';
import { Backoff, fullJitter } from './backoff';

describe('backoff', () => {
  it('doubles its bound from 0.2 s up to 10 s', () => {
    const bounds = [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => fullJitter(attempt, () => 1));
    expect(bounds).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  it('uses the whole range below the bound, so that many clients spread', () => {
    expect(fullJitter(3, () => 0)).toBe(0);
    expect(fullJitter(3, () => 0.5)).toBe(800);
  });

  it('begins anew after a success', () => {
    const backoff = new Backoff(() => 1);
    backoff.next();
    expect(backoff.next()).toBe(400);
    backoff.reset();
    expect(backoff.next()).toBe(200);
  });
});
