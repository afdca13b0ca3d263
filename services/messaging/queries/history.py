"""Messages and events of a room, for its members and for gateways that repair a gap."""

from services.messaging.queries.access import check_readable
from services.messaging.rooms.entries import event_of, message_of
from services.messaging.store.log import RoomLog
from services.messaging.store.members import Projections
from warren.contracts import queries
from warren.contracts.limits import RESUME_EVENTS


class HistoryQueries:
    """Answers queries.HISTORY and EVENTS_AFTER."""

    def __init__(self, log: RoomLog, projections: Projections) -> None:
        self._log = log
        self._projections = projections

    async def history(self, query: queries.History) -> queries.Messages:
        await check_readable(self._projections, query.user, query.room)
        if query.around is not None:
            half = query.limit // 2
            newer = await self._log.messages(query.room, limit=query.limit - half, after=query.around - 1)
            # To MongoDB a limit of 0 is no limit at all.
            older = await self._log.messages(query.room, limit=half, before=query.around) if half else []
            found = older + newer
        else:
            found = await self._log.messages(query.room, limit=query.limit, before=query.before, after=query.after)
        head, _ = await self._log.head(query.room)
        return queries.Messages([message_of(entry) for entry in found], head)

    async def events_after(self, query: queries.EventsAfter) -> queries.StoredEvents:
        if query.user:
            await check_readable(self._projections, query.user, query.room)
        found = await self._log.after(query.room, query.after, min(query.limit, RESUME_EVENTS + 1))
        head, _ = await self._log.head(query.room)
        return queries.StoredEvents([event_of(entry) for entry in found], head)
