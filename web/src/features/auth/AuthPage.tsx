import type { SubmitEvent } from 'react';
import { useState } from 'react';
import { ApiError, sentenceOf } from '../../api/errors';
import { ErrorNote } from '../../components/ErrorNote';
import { Field } from '../../components/Field';
import { Logo } from '../../components/Logo';
import { useWarren } from '../../realtime/use-snapshot';
import './auth.css';

interface AuthPageProps {
  mode: 'sign-in' | 'sign-up';
  /** Why somebody who was signed in is here. */
  notice: string | null;
  onSwitch: (mode: 'sign-in' | 'sign-up') => void;
}

export function AuthPage({ mode, notice, onSwitch }: AuthPageProps) {
  const joining = mode === 'sign-up';
  return (
    <main className="auth">
      <section className="auth-card">
        <div className="auth-brand">
          <Logo size={44} />
          <span className="wordmark">Warren</span>
        </div>
        <h1>{joining ? 'Dig yourself in' : 'Welcome back'}</h1>
        <p className="auth-lead">
          {joining ? 'One account for all the rooms of your team.' : 'Your rooms are as you left them.'}
        </p>
        {notice !== null && <ErrorNote>{notice}</ErrorNote>}
        <AuthForm key={mode} joining={joining} />
        <p className="auth-switch">
          {joining ? 'Already have an account?' : 'New here?'}{' '}
          <button
            type="button"
            className="link-button"
            data-testid="switch-auth"
            onClick={() => {
              onSwitch(joining ? 'sign-in' : 'sign-up');
            }}
          >
            {joining ? 'Sign in' : 'Create an account'}
          </button>
        </p>
      </section>
      <div className="auth-art" aria-hidden="true">
        {[0, 1, 2, 3, 4].map((door) => (
          <i key={door} />
        ))}
      </div>
    </main>
  );
}

function AuthForm({ joining }: { joining: boolean }) {
  const { session } = useWarren();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fieldError = (name: string): string | undefined =>
    error instanceof ApiError ? error.errors.find(({ field }) => field === name)?.detail : undefined;

  const submit = async (event: SubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    // Every field asked for below is a text input of this form.
    const value = (name: string): string => form.get(name) as string;
    setBusy(true);
    setError(null);
    try {
      if (joining) await session.signUp(value('username').trim(), value('email').trim(), value('password'));
      else await session.signIn(value('login').trim(), value('password'));
    } catch (refusal) {
      setError(refusal);
      setBusy(false);
    }
  };

  return (
    <form data-testid={joining ? 'sign-up' : 'sign-in'} onSubmit={(event) => void submit(event)}>
      {joining ? (
        <>
          <Field
            label="Username"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            autoFocus
            maxLength={32}
            hint="3 to 32 small letters, digits, dots, dashes."
            error={fieldError('username')}
          />
          <Field label="Email" name="email" type="email" autoComplete="email" required error={fieldError('email')} />
        </>
      ) : (
        <Field
          label="Username or email"
          name="login"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          autoFocus
        />
      )}
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete={joining ? 'new-password' : 'current-password'}
        required
        {...(joining ? { hint: 'At least 8 characters.' } : {})}
        error={fieldError('password')}
      />
      {error !== null && <ErrorNote>{sentenceOf(error)}</ErrorNote>}
      <button type="submit" className="button button-primary button-wide" disabled={busy} data-testid="submit">
        {busy ? 'One moment…' : joining ? 'Create account' : 'Sign in'}
      </button>
    </form>
  );
}
