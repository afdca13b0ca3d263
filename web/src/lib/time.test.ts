import { expect, it } from 'vitest';
import { formatBrief, formatDay } from './time';

const now = new Date(2026, 10, 26, 9, 0);
const at = (month: number, day: number, year = 2026): string => new Date(year, month - 1, day, 12, 0).toISOString();

it('names days as people do', () => {
  expect(formatDay(at(11, 26), now)).toBe('Today');
  expect(formatDay(at(11, 25), now)).toBe('Yesterday');
  expect(formatDay(at(11, 23), now)).toBe('Monday');
  expect(formatDay(at(11, 2), now)).not.toMatch(/2026/);
  expect(formatDay(at(11, 26, 2025), now)).toMatch(/2025/);
});

it('says when in as few letters as a list allows', () => {
  expect(formatBrief(at(11, 26), now)).toMatch(/12:00/);
  expect(formatBrief(at(11, 25), now)).toBe('Yesterday');
  expect(formatBrief(at(11, 23), now)).toBe('Mon');
});
