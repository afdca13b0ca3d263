"""Which batch is carried out by itself when some have come again too often."""

from msgspec import Struct

from services.messaging.rooms.suspects import SUSPECT_TRIES, choose
from warren.contracts.rooms import CommandBatch


class Arrived(Struct):
    batch: CommandBatch
    tries: int


def arrived(gateway: str, number: int, tries: int) -> Arrived:
    return Arrived(CommandBatch(gateway, 0, number, []), tries)


def test_nothing_is_suspect_that_was_only_handed_over() -> None:
    assert choose([]) is None
    assert choose([arrived("a", 1, SUSPECT_TRIES - 1), arrived("b", 1, 0)]) is None


def test_any_suspect_may_be_first_but_never_one_before_an_older_one_of_its_gateway() -> None:
    waiting = [
        arrived("a", 1, SUSPECT_TRIES),
        arrived("a", 2, SUSPECT_TRIES),
        arrived("b", 7, SUSPECT_TRIES + 5),
        arrived("c", 1, 0),
    ]
    chosen = {(found.batch.gateway, found.batch.number) for _ in range(200) if (found := choose(waiting))}
    assert chosen == {("a", 1), ("b", 7)}
