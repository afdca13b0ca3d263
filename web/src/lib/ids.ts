const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

/** 22 characters of [A-Za-z0-9_-], 132 random bits: unique without asking anybody. Works on plain http too. */
export function makeNonce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(22)), (byte) => ALPHABET.charAt(byte & 63)).join('');
}

/** A stable number 0..359 for an id, so that a person keeps the same colour everywhere. */
export function hueOf(id: string): number {
  let hash = 2166136261;
  for (const character of id) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 0) % 360;
}
