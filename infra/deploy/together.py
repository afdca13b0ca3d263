"""Does several things at once, and gives up on all when one fails."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results, in order. Raises the first error at once, or KeyboardInterrupt.

    The others are abandoned then: their threads end with the process, which has failed. What they were waiting for is
    stopped by whoever catches the error.
    """
    ended: queue.SimpleQueue[tuple[int, T | _Failed]] = queue.SimpleQueue()

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            ended.put((index, call()))
        except BaseException as error:
            ended.put((index, _Failed(error)))

    for index, call in enumerate(calls):
        threading.Thread(target=run, args=(index, call), daemon=True).start()
    results: dict[int, T] = {}
    for _ in calls:
        index, result = ended.get()
        if isinstance(result, _Failed):
            raise result.error
        results[index] = result
    return [results[index] for index in range(len(calls))]
