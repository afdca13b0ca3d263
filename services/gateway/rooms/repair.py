"""Events that this gateway does not have (any more): from the messaging service's log."""

from collections.abc import Sequence

from warren.chassis.rpc_client import RpcClient
from warren.contracts import queries, rooms
from warren.contracts.errors import Code, Refusal
from warren.contracts.limits import RESUME_EVENTS

PAGE_EVENTS = 500


def covers(events: Sequence[rooms.RoomEvent], after: int) -> bool:
    """Do these contiguous events begin no later than right after `after`?"""
    return bool(events) and events[0].seq <= after + 1


class Missed:
    """Reads stored events."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    async def events(self, room: str, after: int, upto: int) -> list[rooms.RoomEvent]:
        """The events with after < seq <= upto, contiguous, at most RESUME_EVENTS. Raises Refusal."""
        found: list[rooms.RoomEvent] = []
        while after < upto and len(found) < RESUME_EVENTS:
            query = queries.EventsAfter("", room, after, min(PAGE_EVENTS, upto - after))
            page = (await self._rpc.call(queries.EVENTS_AFTER, query)).events
            if not page or page[0].seq != after + 1:
                raise Refusal(Code.UNAVAILABLE, "The room's log does not show these events yet; try again.")
            found.extend(page)
            after = page[-1].seq
        return found
