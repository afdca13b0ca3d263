import type { InputHTMLAttributes } from 'react';
import { useId } from 'react';

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: string;
  error?: string | undefined;
}

export function Field({ label, hint, error, ...input }: FieldProps) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} aria-invalid={error !== undefined} aria-describedby={note === undefined ? undefined : `${id}-note`} {...input} />
      {note !== undefined && (
        <small id={`${id}-note`} className={error === undefined ? 'field-hint' : 'field-error'}>
          {note}
        </small>
      )}
    </div>
  );
}
