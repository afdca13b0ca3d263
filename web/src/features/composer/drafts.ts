const keyOf = (room: string): string => `warren.draft.${room}`;

/** What is half written in a room survives a change of rooms and a reload of this tab. */
export const readDraft = (room: string): string => sessionStorage.getItem(keyOf(room)) ?? '';

export function saveDraft(room: string, text: string): void {
  if (text === '') sessionStorage.removeItem(keyOf(room));
  else sessionStorage.setItem(keyOf(room), text);
}
