const DAY_MS = 86_400_000;

const startOfDay = (at: Date): number => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();

/** Whole calendar days between two moments in the reader's zone; 0 is the same day. Rounded, since days may have 23 or 25 hours. */
export function daysBetween(earlier: Date, later: Date): number {
  return Math.round((startOfDay(later) - startOfDay(earlier)) / DAY_MS);
}

export function formatTime(at: string): string {
  return new Date(at).toLocaleTimeString(undefined, { hour: 'numeric', minute: '2-digit' });
}

export function formatFull(at: string): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'short' });
}

/** "Today", "Yesterday", "Monday", then the date; the year only when it is another one. */
export function formatDay(at: string, now: Date): string {
  const day = new Date(at);
  const days = daysBetween(day, now);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days > 1 && days < 7) return day.toLocaleDateString(undefined, { weekday: 'long' });
  return day.toLocaleDateString(undefined, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...(day.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' }),
  });
}

/** The shortest form that says when, for a list: a time today, a weekday this week, else a date. */
export function formatBrief(at: string, now: Date): string {
  const day = new Date(at);
  const days = daysBetween(day, now);
  if (days <= 0) return formatTime(at);
  if (days === 1) return 'Yesterday';
  if (days < 7) return day.toLocaleDateString(undefined, { weekday: 'short' });
  return day.toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}
