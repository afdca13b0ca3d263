import type { Link } from '../realtime/socket';

function sentence(link: Link): string | null {
  switch (link.state) {
    case 'offline':
      return 'You are offline. What you write is kept and sent when you are back.';
    case 'waiting':
      return 'Reconnecting…';
    case 'connecting':
      return link.again ? 'Reconnecting…' : null;
    case 'idle':
    case 'ready':
      return null;
  }
}

export function ConnectionBanner({ link }: { link: Link }) {
  const text = sentence(link);
  if (text === null) return null;
  return (
    <div className="connection-banner" role="status" data-testid="connection-banner" data-state={link.state}>
      <span className="pulse" aria-hidden="true" />
      {text}
    </div>
  );
}
