"""From `hello` to `ready`: who is it, which rooms, and what they missed."""

import asyncio

from services.gateway.rooms.local_room import LocalRoom, Phase
from services.gateway.rooms.local_rooms import LocalRooms
from services.gateway.rooms.memberships import Memberships
from services.gateway.sessions import Sessions
from services.gateway.sockets.connection import Connection
from services.gateway.sockets.encode import reply_frame
from warren.chassis.telemetry import get_logger
from warren.contracts import socket
from warren.contracts.errors import CloseCode, Code, Refusal
from warren.contracts.limits import HEARTBEAT_MS

OPEN_SECONDS = 15.0
log = get_logger("hello")


class Greeter:
    """Makes a connection ready."""

    def __init__(self, server_id: str, sessions: Sessions, memberships: Memberships, local_rooms: LocalRooms) -> None:
        self._server_id = server_id
        self._sessions = sessions
        self._memberships = memberships
        self._rooms = local_rooms

    async def greet(self, connection: Connection, hello: socket.Hello) -> bool:
        """Answer `hello`. False when the connection was refused and closed instead."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                session = await self._sessions.authenticate(hello.token)
                connection.user, connection.session = session.user, session.session
                self._rooms.audience.arrived(connection)
                opened = await self._open(await self._memberships.of(session.user))
        except Refusal as refusal:
            self._turn_away(connection, refusal)
            return False
        except TimeoutError:
            detail = "The rooms could not be opened in time; connect again."
            self._turn_away(connection, Refusal(Code.UNAVAILABLE, detail, retry_after_ms=1000))
            return False
        if connection.closed:
            self._rooms.audience.left(connection)
            return False
        self._make_ready(connection, hello, opened)
        return True

    async def _open(self, room_ids: list[str]) -> list[LocalRoom]:
        """The rooms, all in step with their owners in the same tick. Raises Refusal."""
        while True:
            found = await asyncio.gather(*(self._rooms.live(room) for room in room_ids), return_exceptions=True)
            opened: list[LocalRoom] = []
            for room in found:
                if isinstance(room, LocalRoom):
                    opened.append(room)
                elif not (isinstance(room, Refusal) and room.code is Code.NOT_FOUND):
                    raise room
            if all(room.phase is Phase.LIVE for room in opened):
                return opened

    def _make_ready(self, connection: Connection, hello: socket.Hello, opened: list[LocalRoom]) -> None:
        mine = [room for room in opened if connection.user in room.members]
        ready = socket.Ready(
            user=connection.user,
            session_id=connection.session,
            connection_id=connection.id,
            server_id=self._server_id,
            heartbeat_ms=HEARTBEAT_MS,
            rooms={room.id: room.head for room in mine},
        )
        connection.send(reply_frame(ready))
        connection.ready = True
        for room in mine:
            self._rooms.audience.join(room, connection, hello.rooms.get(room.id))
        late, connection.added_meanwhile = connection.added_meanwhile, set()
        for room_id in late:
            self._rooms.welcome(room_id, connection)

    def _turn_away(self, connection: Connection, refusal: Refusal) -> None:
        self._rooms.audience.left(connection)
        if connection.closed:
            return
        connection.refuse(refusal)
        match refusal.code:
            case Code.SESSION_REVOKED:
                code = CloseCode.SESSION_REVOKED
            case Code.UNAUTHENTICATED | Code.TOKEN_EXPIRED:
                code = CloseCode.UNAUTHENTICATED
            case _:
                code = CloseCode.GOING_AWAY
        log.info("hello refused", code=refusal.code, detail=refusal.detail)
        connection.close(code, refusal.detail)
