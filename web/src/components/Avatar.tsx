import type { CSSProperties } from 'react';
import { hueOf } from '../lib/ids';
import { Icon } from './Icon';

const initialsOf = (name: string): string => {
  const words = name.split(/[\s._-]+/).filter((word) => word !== '');
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => Array.from(word ?? '?')[0] ?? '').join('').toUpperCase();
};

interface AvatarProps {
  id: string;
  name: string;
  kind?: 'person' | 'room';
  size?: 'small' | 'medium' | 'large';
}

/** People live in arches, the doors of a warren; rooms are squares. */
export function Avatar({ id, name, kind = 'person', size = 'medium' }: AvatarProps) {
  const hue = { '--hue': String(hueOf(id)) } as CSSProperties;
  return (
    <span className={`avatar avatar-${kind} avatar-${size}`} style={hue} aria-hidden="true">
      {kind === 'room' ? <Icon name="hash" /> : initialsOf(name)}
    </span>
  );
}
