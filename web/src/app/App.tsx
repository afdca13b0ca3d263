import { useEffect } from 'react';
import { ErrorNote } from '../components/ErrorNote';
import { Logo } from '../components/Logo';
import { Toast } from '../components/Toast';
import { AuthPage } from '../features/auth/AuthPage';
import { useSnapshot, useWarren } from '../realtime/use-snapshot';
import { go, useRoute } from './routes';
import { Shell } from './Shell';

export function App() {
  const { session } = useWarren();
  const view = useSnapshot(session.view);
  const route = useRoute();
  // Who has just signed up is at home, and signs in there the next time.
  const signedUp = view.state === 'signed-in' && route.page === 'sign-up';
  useEffect(() => {
    if (signedUp) go('/', true);
  }, [signedUp]);
  switch (view.state) {
    case 'starting':
      return (
        <div className="splash" role="status" aria-label="Starting">
          <Logo size={56} />
        </div>
      );
    case 'unreachable':
      return (
        <div className="splash">
          <Logo size={56} />
          <ErrorNote>{view.detail}</ErrorNote>
          <button type="button" className="button button-primary" onClick={() => void session.start()}>
            Try again
          </button>
        </div>
      );
    case 'signed-out':
      return (
        <AuthPage
          mode={route.page === 'sign-up' ? 'sign-up' : 'sign-in'}
          notice={view.notice}
          onSwitch={(mode) => {
            go(mode === 'sign-up' ? '/sign-up' : '/');
          }}
        />
      );
    case 'signed-in':
      return (
        <>
          <Shell key={view.user.id} user={view.user} room={route.page === 'room' ? route.room : null} />
          <Toast />
        </>
      );
  }
}
