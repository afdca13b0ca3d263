import { useState } from 'react';
import { sentenceOf } from '../../api/errors';
import type { Room } from '../../api/types';
import { ErrorNote } from '../../components/ErrorNote';
import { Icon } from '../../components/Icon';
import { useWarren } from '../../realtime/use-snapshot';

/** Asks once before it leaves: coming back may need somebody's invitation. */
export function LeaveRoom({ room, onLeft }: { room: Room; onLeft: () => void }) {
  const { api, rooms, outbox } = useWarren();
  const [step, setStep] = useState<'idle' | 'asking' | 'leaving'>('idle');
  const [error, setError] = useState<string | null>(null);

  const leave = async (): Promise<void> => {
    setStep('leaving');
    setError(null);
    try {
      await api.leaveRoom(room.id);
      onLeft();
      outbox.forget(room.id);
      rooms.remove(room.id);
    } catch (refusal) {
      setError(sentenceOf(refusal));
      setStep('idle');
    }
  };

  return (
    <>
      {error !== null && <ErrorNote>{error}</ErrorNote>}
      {step === 'idle' ? (
        <button
          type="button"
          className="button button-quiet button-wide"
          data-testid="leave-room"
          onClick={() => {
            setStep('asking');
          }}
        >
          <Icon name="leave" size={16} /> Leave room
        </button>
      ) : (
        <div className="confirm" role="group" aria-label="Leave this room?">
          <span>{room.public ? 'Leave this room?' : 'Leave? Only a member can bring you back.'}</span>
          <button
            type="button"
            className="button button-danger"
            data-testid="confirm-leave"
            disabled={step === 'leaving'}
            onClick={() => void leave()}
          >
            Leave
          </button>
          <button
            type="button"
            className="button button-quiet"
            onClick={() => {
              setStep('idle');
            }}
          >
            Stay
          </button>
        </div>
      )}
    </>
  );
}
