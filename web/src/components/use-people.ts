import { useEffect, useMemo } from 'react';
import type { Status, User } from '../api/types';
import { nameOf } from '../realtime/people';
import type { RoomEntry } from '../realtime/rooms/entry';
import { useSnapshot, useWarren } from '../realtime/use-snapshot';

/** Who is who; those of `ids` that nobody has named yet are asked for. */
export function usePeople(ids: readonly string[]): ReadonlyMap<string, User> {
  const { people } = useWarren();
  const known = useSnapshot(people.byId);
  const all = [...new Set(ids)].sort().join();
  useEffect(() => {
    if (all !== '') people.need(all.split(','));
  }, [people, all]);
  return known;
}

/** Watches these users as long as the view is there, and answers what is known of each. */
export function usePresence(ids: readonly string[]): (user: string) => Status {
  const { presence } = useWarren();
  const known = useSnapshot(presence.known);
  const all = [...new Set(ids)].sort().join();
  useEffect(() => (all === '' ? undefined : presence.want(all.split(','))), [presence, all]);
  return useMemo(() => (user: string) => known.get(user)?.status ?? 'offline', [known]);
}

/** The user who is signed in; '' while nobody is. */
export function useMe(): string {
  const { session } = useWarren();
  const view = useSnapshot(session.view);
  return view.state === 'signed-in' ? view.user.id : '';
}

/** What a room is called: its name, or in a direct room the other person. */
export function titleOf(entry: RoomEntry, people: ReadonlyMap<string, User>): string {
  if (entry.room.kind !== 'direct') return entry.room.name ?? 'Unnamed room';
  return entry.peer === null ? 'Direct conversation' : nameOf(people.get(entry.peer));
}
