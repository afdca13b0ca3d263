import type { SubmitEvent } from 'react';
import { useState } from 'react';
import { sentenceOf } from '../../api/errors';
import type { User } from '../../api/types';
import { Dialog } from '../../components/Dialog';
import { ErrorNote } from '../../components/ErrorNote';
import { Field } from '../../components/Field';
import { useWarren } from '../../realtime/use-snapshot';
import { PeoplePicker } from './PeoplePicker';

const KINDS = { group: 'Group', direct: 'Direct', join: 'Join by id' } as const;
type Kind = keyof typeof KINDS;

interface NewRoomProps {
  onDone: (room: string) => void;
  onClose: () => void;
}

/** Make a group, talk to one person, or join a public room whose id one has been told. */
export function NewRoom({ onDone, onClose }: NewRoomProps) {
  const warren = useWarren();
  const [kind, setKind] = useState<Kind>('group');
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const ready = kind !== 'direct' || chosen.length === 1;

  const create = async (form: FormData): Promise<string> => {
    const text = (name: string): string => (form.get(name) as string).trim();
    if (kind === 'join') {
      await warren.api.joinRoom(text('room'));
      return text('room');
    }
    const members = chosen.map(({ id }) => id);
    const room = await warren.api.createRoom(
      kind === 'direct' ? { kind, members } : { kind, name: text('name'), members, public: form.get('public') !== null },
    );
    warren.rooms.adopt(room);
    return room.id;
  };

  const submit = async (event: SubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      const room = await create(form);
      await warren.rooms.refresh();
      onDone(room);
    } catch (refusal) {
      setError(sentenceOf(refusal));
      setBusy(false);
    }
  };

  return (
    <Dialog title="Start talking" onClose={onClose}>
      <div className="segments" role="tablist" aria-label="Kind of room">
        {(Object.keys(KINDS) as Kind[]).map((each) => (
          <button
            key={each}
            type="button"
            role="tab"
            aria-selected={each === kind}
            data-testid={`new-${each}`}
            onClick={() => {
              setKind(each);
              setError(null);
              if (each === 'direct') setChosen(chosen.slice(0, 1));
            }}
          >
            {KINDS[each]}
          </button>
        ))}
      </div>
      <form data-testid="new-room-form" onSubmit={(event) => void submit(event)}>
        {kind === 'group' && <Field label="Name" name="name" required maxLength={80} autoComplete="off" autoFocus />}
        {kind === 'join' && (
          <Field
            label="Room id"
            name="room"
            required
            maxLength={64}
            autoComplete="off"
            spellCheck={false}
            autoFocus
            hint="A member finds it in the panel of the room. Only public rooms can be joined this way."
          />
        )}
        {kind !== 'join' && (
          <PeoplePicker
            label={kind === 'group' ? 'Members' : 'With'}
            chosen={chosen}
            onPick={(user) => {
              setChosen(kind === 'direct' ? [user] : [...chosen, user]);
            }}
            onDrop={(user) => {
              setChosen(chosen.filter(({ id }) => id !== user.id));
            }}
          />
        )}
        {kind === 'group' && (
          <label className="check">
            <input type="checkbox" name="public" />
            <span>
              Public <small>Everybody who knows its id can join.</small>
            </span>
          </label>
        )}
        {error !== null && <ErrorNote>{error}</ErrorNote>}
        <button type="submit" className="button button-primary button-wide" data-testid="create-room" disabled={busy || !ready}>
          {busy ? 'One moment…' : kind === 'join' ? 'Join room' : kind === 'direct' ? 'Start conversation' : 'Create room'}
        </button>
      </form>
    </Dialog>
  );
}
