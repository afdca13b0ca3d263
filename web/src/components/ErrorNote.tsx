import type { ReactNode } from 'react';
import { Icon } from './Icon';

/** What went wrong, in a sentence, with what can be done beside it. */
export function ErrorNote({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div className="error-note" role="alert" data-testid="error">
      <Icon name="alert" size={16} />
      <span>{children}</span>
      {action}
    </div>
  );
}
