import { useEffect, useId, useState } from 'react';
import { sentenceOf } from '../../api/errors';
import type { User } from '../../api/types';
import { Avatar } from '../../components/Avatar';
import { ErrorNote } from '../../components/ErrorNote';
import { Icon } from '../../components/Icon';
import { nameOf } from '../../realtime/people';
import { useMe } from '../../components/use-people';
import { useWarren } from '../../realtime/use-snapshot';

const PAUSE_MS = 200;

interface PeoplePickerProps {
  label: string;
  chosen: readonly User[];
  onPick: (user: User) => void;
  onDrop: (user: User) => void;
}

/** Search by username; Enter takes the first one found. */
export function PeoplePicker({ label, chosen, onPick, onDrop }: PeoplePickerProps) {
  const id = useId();
  const [query, setQuery] = useState('');
  const { found, error } = useFound(query.trim().toLowerCase());
  const offered = found.filter((user) => chosen.every((each) => each.id !== user.id));
  const pick = (user: User): void => {
    onPick(user);
    setQuery('');
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {chosen.length > 0 && (
        <ul className="chips" data-testid="chosen">
          {chosen.map((user) => (
            <li key={user.id}>
              {nameOf(user)}
              <button
                type="button"
                aria-label={`Remove ${nameOf(user)}`}
                onClick={() => {
                  onDrop(user);
                }}
              >
                <Icon name="close" size={12} />
              </button>
            </li>
          ))}
        </ul>
      )}
      <span className="search">
        <Icon name="search" size={16} />
        <input
          id={id}
          name="query"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          placeholder="Search by username"
          data-testid="people-search"
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || query === '') return;
            event.preventDefault();
            const first = offered[0];
            if (first !== undefined) pick(first);
          }}
        />
      </span>
      {error !== null && <ErrorNote>{error}</ErrorNote>}
      <ul className="found" aria-label="People found">
        {offered.map((user) => (
          <li key={user.id}>
            <button
              type="button"
              data-testid="person"
              data-username={user.username}
              onClick={() => {
                pick(user);
              }}
            >
              <Avatar id={user.id} name={nameOf(user)} size="small" />
              <b>{nameOf(user)}</b>
              <span>@{user.username}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function useFound(query: string): { found: readonly User[]; error: string | null } {
  const { api, people } = useWarren();
  const me = useMe();
  const [result, setResult] = useState<{ query: string; found: readonly User[]; error: string | null }>({
    query: '',
    found: [],
    error: null,
  });
  useEffect(() => {
    if (query === '') return;
    let current = true;
    const timer = setTimeout(() => {
      api.findUsers(query).then(
        (users) => {
          if (!current) return;
          people.learn(users);
          setResult({ query, found: users.filter(({ id }) => id !== me), error: null });
        },
        (error: unknown) => {
          if (current) setResult({ query, found: [], error: sentenceOf(error) });
        },
      );
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [api, people, me, query]);
  return result.query === query ? result : { found: [], error: null };
}
