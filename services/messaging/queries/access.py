"""Who may read what: checked against the stored membership on each query."""

from services.messaging.rooms.permissions import check_member
from services.messaging.store.members import MemberRecord, Projections, RoomRecord
from warren.contracts.errors import not_found


async def check_readable(projections: Projections, user: str, room: str) -> tuple[RoomRecord, MemberRecord]:
    """The room and the caller's membership. Raises not_found, or not_a_member where the room is public."""
    record = await projections.room(room)
    if record is None:
        raise not_found("room")
    member = await projections.member(room, user)
    check_member(member.role if member else None, public=record.public)
    assert member is not None  # check_member refused otherwise
    return record, member


async def check_visible(projections: Projections, user: str, room: str) -> tuple[RoomRecord, MemberRecord | None]:
    """The room, and the caller's membership if there is one. Raises not_found for what may not be seen."""
    record = await projections.room(room)
    if record is None:
        raise not_found("room")
    member = await projections.member(room, user)
    if member is None and not record.public:
        raise not_found("room")
    return record, member
