"""People who use the whole system through its public doors."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.support.chatter import Chat, chatters
from tests.support.client import Account, Socket, hello, register
from tests.support.stack import Stack


@dataclass
class World:
    """Makes accounts and sockets; closes the sockets at the end of the test."""

    stack: Stack
    http: httpx.AsyncClient
    sockets: list[Socket] = field(default_factory=list)

    async def person(self, name: str) -> Account:
        """A new account, signed in through nginx."""
        return await register(self.stack.app, self.http, name)

    async def people(self, *names: str) -> list[Account]:
        return [await self.person(name) for name in names]

    def at(self, account: Account, gateway: int) -> Account:
        """The same account, whose REST requests go straight to one gateway."""
        return Account(self.stack.gateways[gateway].url, self.http, account.signed_in, account.password)

    async def online(
        self, account: Account, rooms: dict[str, int] | None = None, *, gateway: int | None = None
    ) -> Socket:
        """A socket that is ready: through nginx, or straight at a gateway. `rooms`: the last seq it has of each."""
        url = self.stack.ws if gateway is None else self.stack.gateways[gateway].ws
        socket = await hello(url, account, rooms)
        self.sockets.append(socket)
        return socket

    async def raw_socket(self) -> Socket:
        """A socket through nginx that has not said hello."""
        socket = await Socket.connect(self.stack.ws, origin=self.stack.app)
        self.sockets.append(socket)
        return socket

    async def chat(self, *urls: str, pause: float = 0.05) -> Chat:
        """A room whose members, one for each address, are ready to chat in it: `async with await world.chat(...)`."""
        members = await self.people(*(f"chatter{number}" for number in range(1, len(urls) + 1)))
        room = await members[0].group(*members[1:])
        return Chat(await chatters(zip(members, urls, strict=True), room), pause)

    def close(self) -> None:
        for socket in self.sockets:
            if not socket.closed.is_set():
                socket.cut()


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        made = World(stack, http)
        yield made
        made.close()
