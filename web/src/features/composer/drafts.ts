const keyOf = (user: string, room: string): string => `warren.draft.${user}.${room}`;

/** What is half written in a room survives a change of rooms and a reload of this tab; another user does not see it. */
export const readDraft = (user: string, room: string): string => sessionStorage.getItem(keyOf(user, room)) ?? '';

export function saveDraft(user: string, room: string, text: string): void {
  if (text === '') sessionStorage.removeItem(keyOf(user, room));
  else sessionStorage.setItem(keyOf(user, room), text);
}
