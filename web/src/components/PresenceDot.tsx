import type { Status } from '../api/types';

const WORDS: Record<Status, string> = { online: 'Online', away: 'Away', busy: 'Busy', offline: 'Offline' };

export function PresenceDot({ status, user }: { status: Status; user?: string }) {
  return (
    <span
      className={`presence-dot presence-${status}`}
      data-testid="presence-dot"
      data-status={status}
      data-user={user}
      role="img"
      aria-label={WORDS[status]}
      title={WORDS[status]}
    />
  );
}
