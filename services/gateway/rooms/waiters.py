"""Who waits for the answer to a command, and until when: nobody waits for ever."""

from collections.abc import Callable

from msgspec import Struct

from warren.contracts import rooms
from warren.contracts.errors import Code

ANSWER_SECONDS = 15.0
OVERLOADED_MS = 1_000
Waiter = Callable[[rooms.Answer], None]


class _Waiting(Struct):
    waiter: Waiter
    until: float


class Waiters:
    """By the `ref` of the command, in the order of sending."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: dict[int, _Waiting] = {}

    def add(self, ref: int, waiter: Waiter) -> None:
        """`waiter` gets the answer, or a refusal after ANSWER_SECONDS."""
        self._waiting[ref] = _Waiting(waiter, self._now() + ANSWER_SECONDS)

    def answered(self, answer: rooms.Answer) -> None:
        """Hand an answer to who waits for it, if they still do."""
        waiting = self._waiting.pop(answer.ref, None)
        if waiting is not None:
            waiting.waiter(answer)

    def refuse_late(self) -> None:
        """Those whose answer should be here by now."""
        now, late = self._now(), []
        for ref, waiting in self._waiting.items():
            if waiting.until > now:
                break
            late.append(ref)
        detail = "No answer in time: it is not known whether it was done. Try again with the same nonce."
        for ref in late:
            self.answered(rooms.Refused(ref, Code.DEADLINE_EXCEEDED, detail, OVERLOADED_MS))

    def refuse_all(self) -> None:
        """Nobody will answer any more."""
        detail = "The gateway stopped: it is not known whether it was done. Try again with the same nonce."
        for ref in list(self._waiting):
            self.answered(rooms.Refused(ref, Code.UNAVAILABLE, detail, OVERLOADED_MS))
