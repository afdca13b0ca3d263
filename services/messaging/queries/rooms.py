"""My rooms with unread counts, one room, its members."""

import asyncio
from collections.abc import Sequence

from services.messaging.queries.access import check_readable, check_visible
from services.messaging.rooms.entries import Entry, message_of
from services.messaging.store.log import RoomLog
from services.messaging.store.members import MemberRecord, Projections, RoomRecord
from warren.contracts import queries, rest
from warren.contracts.codec import rfc3339
from warren.contracts.errors import not_found


class RoomQueries:
    """Answers queries.ROOMS_OF, LIST_ROOMS, GET_ROOM and LIST_MEMBERS."""

    def __init__(self, log: RoomLog, projections: Projections) -> None:
        self._log = log
        self._projections = projections

    async def rooms_of(self, query: queries.RoomsOf) -> queries.RoomIds:
        return queries.RoomIds(await self._projections.room_ids(query.users))

    async def list_rooms(self, query: queries.ListRooms) -> queries.RoomRows:
        members = await self._projections.rooms_of(query.user, query.cursor, query.limit + 1)
        page, more = members[: query.limit], len(members) > query.limit
        records = await self._projections.rooms([member.room for member in page])
        known = [member for member in page if member.room in records]
        rows = await self._summaries(known, records)
        return queries.RoomRows(rows, page[-1].room if more else None)

    async def get_room(self, query: queries.GetRoom) -> rest.RoomSummary:
        record, member = await check_visible(self._projections, query.user, query.room)
        if member is not None:
            return (await self._summaries([member], {record.id: record}))[0]
        head, n = await self._log.head(record.id)
        outside = rest.Membership("none", 0, 0)
        return rest.RoomSummary(_room_object(record, head, n), head, n, 0, 0, None, outside)

    async def list_members(self, query: queries.ListMembers) -> queries.MemberRows:
        await check_readable(self._projections, query.user, query.room)
        found = await self._projections.members(query.room, query.cursor, query.limit + 1)
        page, more = found[: query.limit], len(found) > query.limit
        rows = [queries.MemberRow(member.user, member.role, member.since) for member in page]
        return queries.MemberRows(rows, page[-1].user if more else None)

    async def _summaries(
        self, members: Sequence[MemberRecord], records: dict[str, RoomRecord]
    ) -> list[rest.RoomSummary]:
        ids = [member.room for member in members]
        heads, last, read = await asyncio.gather(
            self._log.heads(ids),
            asyncio.gather(*(self._log.last_message(room) for room in ids)),
            self._log.by_key([(member.room, member.read_seq) for member in members]),
        )
        return [
            _summary(records[member.room], member, heads[member.room], message, read)
            for member, message in zip(members, last, strict=True)
        ]


def _summary(
    record: RoomRecord,
    member: MemberRecord,
    head: tuple[int, int],
    last: Entry | None,
    read: dict[tuple[str, int], Entry],
) -> rest.RoomSummary:
    entry = read.get((member.room, member.read_seq))
    if entry is None:
        raise not_found("room")
    return rest.RoomSummary(
        room=_room_object(record, *head),
        head=head[0],
        n=head[1],
        unread=max(head[1] - entry.n, 0),
        mentions=0,
        last_message=message_of(last) if last else None,
        membership=rest.Membership(member.role, member.since, member.read_seq),
    )


def _room_object(record: RoomRecord, head: int, n: int) -> rest.Room:
    return rest.Room(
        id=record.id,
        kind=record.kind,
        name=record.name,
        topic=record.topic,
        public=record.public,
        created_by=record.created_by,
        created_at=rfc3339(record.created_at),
        head=head,
        n=n,
        members=record.members,
    )
