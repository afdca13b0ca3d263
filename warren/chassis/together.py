"""Ask once for all who want to know meanwhile.

A storm of sockets asks the same question about thousands of users at once. A call to a server costs about the same
whatever is in it, so while some calls are out, further keys gather for the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Together(Generic[K, V]):
    """`ask` answers for at least the keys that it is given. At most `calls` of them are out at once, each with at most
    `keys`; more than one, since one that waits for an instance that has just died must not hold up everybody."""

    def __init__(self, ask: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, keys: int = 50, calls: int = 4) -> None:
        self._ask = ask
        self._keys = keys
        self._most_calls = calls
        self._waiting: dict[K, asyncio.Future[V]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._starting = False

    async def of(self, key: K) -> V:
        """The answer for one key, asked for after this was called. Raises what `ask` raises."""
        answer = self._waiting.get(key)
        if answer is None:
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
            self._next()
        return await asyncio.shield(answer)

    def _next(self) -> None:
        if self._waiting and not self._starting and len(self._calls) < self._most_calls:
            self._starting = True
            task = asyncio.create_task(self._call(), name="ask-together")
            self._calls.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._next()

    async def _call(self) -> None:
        """The keys are chosen here, not when the first of them came: all of that tick come along."""
        self._starting = False
        keys = list(self._waiting)[: self._keys]
        asked = {key: self._waiting.pop(key) for key in keys}
        self._next()
        try:
            found = await self._ask(keys)
            for key, answer in asked.items():
                answer.set_result(found[key])
        except Exception as error:  # all who asked get it
            for answer in asked.values():
                if not answer.done():
                    answer.set_exception(error)
                    answer.exception()  # who asked may have hung up: then nobody looks
        finally:
            for answer in asked.values():
                answer.cancel()  # no effect on an answer that was given
