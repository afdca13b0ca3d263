"""Which rooms is a user in? Asked once for all who come in meanwhile.

A storm of reconnecting sockets asks thousands of times at once. A call costs 4 ms of CPU in all parts whatever is in
it, so while some are out, further users gather for the next.
"""

import asyncio

from warren.chassis.lifecycle import Tasks
from warren.chassis.rpc import RpcClient
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal

USERS_AT_ONCE = 50
CALLS_AT_ONCE = 4
"""One that waits for a messaging instance that has just died must not hold up everybody."""


class Memberships:
    """Asks the messaging service."""

    def __init__(self, rpc: RpcClient, tasks: Tasks) -> None:
        self._rpc = rpc
        self._tasks = tasks
        self._waiting: dict[str, asyncio.Future[list[str]]] = {}
        self._calls = 0
        self._starting = False

    async def of(self, user: str) -> list[str]:
        """Ids of the rooms that the user is a member of, as they are after this was called. Raises Refusal."""
        answer = self._waiting.get(user)
        if answer is None:
            answer = self._waiting[user] = asyncio.get_running_loop().create_future()
            self._next()
        return await asyncio.shield(answer)

    def _next(self) -> None:
        if self._waiting and not self._starting and self._calls < CALLS_AT_ONCE:
            self._starting = True
            self._tasks.spawn("rooms-of", self._call())

    async def _call(self) -> None:
        """The users are chosen here, not when the first of them came: all of that tick's come along."""
        self._starting = False
        self._calls += 1
        users = list(self._waiting)[:USERS_AT_ONCE]
        asked = {user: self._waiting.pop(user) for user in users}
        self._next()
        refusal = Refusal(Code.UNAVAILABLE, "The gateway is stopping; connect again.", retry_after_ms=1_000)
        try:
            found = await self._rpc.call(rooms.ROOMS_OF, rooms.RoomsOf(users))
        except Refusal as error:
            refusal = error
        else:
            for user, answer in asked.items():
                answer.set_result(found.rooms.get(user, []))
        finally:
            self._calls -= 1
            for answer in asked.values():
                if not answer.done():
                    answer.set_exception(refusal)
                    answer.exception()  # who asked may have hung up: nobody has to look
            self._next()
