import { usePeople } from '../../components/use-people';
import { nameOf } from '../../realtime/people';
import { useSnapshot, useWarren } from '../../realtime/use-snapshot';

const NOBODY: readonly string[] = [];

export function typingSentence(names: readonly string[]): string {
  const [first, second] = names;
  if (first === undefined) return '';
  if (second === undefined) return `${first} is typing…`;
  return names.length === 2 ? `${first} and ${second} are typing…` : 'Several people are typing…';
}

/** Always there, so that the timeline does not jump when somebody begins to type. */
export function TypingLine({ room }: { room: string }) {
  const { typing } = useWarren();
  const users = useSnapshot(typing.users).get(room) ?? NOBODY;
  const people = usePeople(users);
  return (
    <div className="typing-line" data-testid="typing" aria-live="polite">
      {users.length > 0 && (
        <span className="typing-dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
      )}
      {typingSentence(users.map((user) => nameOf(people.get(user))))}
    </div>
  );
}
