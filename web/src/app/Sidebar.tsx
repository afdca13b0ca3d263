import { useCallback, useState } from 'react';
import { sentenceOf } from '../api/errors';
import type { User } from '../api/types';
import { Avatar } from '../components/Avatar';
import { Icon } from '../components/Icon';
import { Logo } from '../components/Logo';
import { PresenceDot } from '../components/PresenceDot';
import { NewRoom } from '../features/rooms/NewRoom';
import { RoomList } from '../features/rooms/RoomList';
import { nameOf } from '../realtime/people';
import type { Link } from '../realtime/socket';
import { useWarren } from '../realtime/use-snapshot';

interface SidebarProps {
  user: User;
  link: Link;
  current: string | null;
  onOpen: (room: string) => void;
}

export function Sidebar({ user, link, current, onOpen }: SidebarProps) {
  const { session, say } = useWarren();
  const [making, setMaking] = useState(false);
  const close = useCallback(() => {
    setMaking(false);
  }, []);
  const signOut = (): void => {
    session.signOut().catch((error: unknown) => {
      say(sentenceOf(error));
    });
  };
  return (
    <div className="sidebar">
      <header className="sidebar-head">
        <Logo />
        <span className="wordmark">Warren</span>
        <button
          type="button"
          className="icon-button"
          aria-label="New room"
          title="New room"
          data-testid="new-room"
          onClick={() => {
            setMaking(true);
          }}
        >
          <Icon name="plus" size={20} />
        </button>
      </header>
      <RoomList current={current} onOpen={onOpen} />
      <footer className="sidebar-foot" data-testid="me" data-user={user.id}>
        <span className="room-item-avatar">
          <Avatar id={user.id} name={nameOf(user)} size="small" />
          <PresenceDot status={link.state === 'ready' ? 'online' : 'offline'} />
        </span>
        <span className="sidebar-me">
          <b>{nameOf(user)}</b>
          <small>@{user.username}</small>
        </span>
        <button type="button" className="icon-button" aria-label="Sign out" title="Sign out" data-testid="sign-out" onClick={signOut}>
          <Icon name="power" />
        </button>
      </footer>
      {making && (
        <NewRoom
          onClose={close}
          onDone={(room) => {
            close();
            onOpen(room);
          }}
        />
      )}
    </div>
  );
}
