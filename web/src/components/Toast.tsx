import { useEffect } from 'react';
import { useSnapshot, useWarren } from '../realtime/use-snapshot';
import { Icon } from './Icon';

const SHOWN_MS = 7_000;

export function Toast() {
  const warren = useWarren();
  const toast = useSnapshot(warren.toast);
  useEffect(() => {
    if (toast === null) return;
    const timer = setTimeout(() => {
      warren.say(null);
    }, SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [toast, warren]);
  if (toast === null) return null;
  return (
    <div className="toast" role="status" data-testid="toast" key={toast.id}>
      <span>{toast.text}</span>
      <button
        type="button"
        className="icon-button"
        aria-label="Dismiss"
        onClick={() => {
          warren.say(null);
        }}
      >
        <Icon name="close" size={16} />
      </button>
    </div>
  );
}
