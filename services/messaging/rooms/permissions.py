"""Who may do what in a room. Plain rules over roles; raises the refusal that the caller gets."""

from warren.contracts.errors import Code, Refusal, invalid, not_found

OWNER, ADMIN, MEMBER = "owner", "admin", "member"
ROLES = (OWNER, ADMIN, MEMBER)
GROUP, CHANNEL, DIRECT = "group", "channel", "direct"
KINDS = (DIRECT, GROUP, CHANNEL)


def check_member(role: str | None, *, public: bool) -> str:
    """The caller's role. A room that one cannot even see answers like one that does not exist."""
    if role is not None:
        return role
    if public:
        raise Refusal(Code.NOT_A_MEMBER, "Join the room first.")
    raise not_found("room")


def check_set_member(kind: str, mine: str, current: str | None, wanted: str) -> None:
    """May somebody with role `mine` give `wanted` to one who has `current` (None = not a member yet)?"""
    if kind == DIRECT:
        raise Refusal(Code.FORBIDDEN, "A direct room always has the same two members.")
    if wanted not in ROLES:
        raise invalid("role", "expected owner, admin or member")
    if current is None and wanted == MEMBER:
        return
    if mine == OWNER:
        return
    if mine == ADMIN and OWNER not in (wanted, current):
        return
    raise Refusal(Code.FORBIDDEN, "Only an owner may do that, or an admin where no owner is concerned.")


def check_remove(kind: str, mine: str, current: str, *, myself: bool) -> None:
    """May somebody with role `mine` remove one who has `current`?"""
    if kind == DIRECT:
        raise Refusal(Code.FORBIDDEN, "A direct room always has the same two members.")
    if myself or mine == OWNER or (mine == ADMIN and current != OWNER):
        return
    raise Refusal(Code.FORBIDDEN, "Only owners and admins may remove others, and admins no owner.")


def check_delete(mine: str, *, own: bool) -> None:
    """May somebody with role `mine` delete a message for all?"""
    if not own and mine not in (OWNER, ADMIN):
        raise Refusal(Code.FORBIDDEN, "Only owners and admins may delete what others wrote.")
