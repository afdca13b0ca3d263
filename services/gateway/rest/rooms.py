"""Rooms and their members."""

from functools import partial

from sanic import HTTPResponse

from services.gateway.rest.endpoint import (
    CURSOR,
    LIMIT,
    Call,
    Commands,
    Endpoint,
    Taking,
    answer,
    answer_bytes,
    nothing,
)
from services.gateway.text import normalise_line
from warren.chassis.rpc_client import RpcClient
from warren.contracts import auth, limits, queries, rest, rooms
from warren.contracts.errors import Code, FieldError, Refusal, invalid, not_found
from warren.contracts.ids import direct_room_id, new_id

DIRECT = "direct"
KINDS = (DIRECT, "group", "channel")
ROLES = ("owner", "admin", "member")


class RoomEndpoints:
    def __init__(self, rpc: RpcClient, commands: Commands) -> None:
        self._rpc = rpc
        self._commands = commands

    def endpoints(self) -> list[Endpoint]:
        of = partial(Endpoint, "Rooms")
        room, member = "/rooms/{room}", "/rooms/{room}/members/{user}"
        create = Taking(rest.CreateRoom, self.create)
        set_member = Taking(rest.SetMember, self.set_member, optional=True)
        patch_me = Taking(rest.PatchMembership, self.patch_me)
        mine, members = rest.Page[rest.RoomSummary], rest.Page[rest.Member]
        made = "Make a room. The direct room of the same two people is always the same one."
        return [
            of("POST", "/rooms", create, {201: rest.Room}, made),
            of("GET", "/rooms", self.mine, {200: mine}, "The rooms that I am a member of.", (CURSOR, LIMIT)),
            of("GET", room, self.get, {200: rest.Room}, "One room."),
            of("GET", f"{room}/members", self.members, {200: members}, "The members of a room.", (CURSOR, LIMIT)),
            of("PUT", member, set_member, {204: None}, "Add a member, or change their role."),
            of("DELETE", member, self.remove_member, {204: None}, "Remove a member."),
            of("POST", f"{room}/join", self.join, {200: rest.Room}, "Become a member of a public room."),
            of("POST", f"{room}/leave", self.leave, {204: None}, "Leave a room."),
            of("PATCH", f"{room}/me", patch_me, {200: rest.Membership}, "My own place in a room."),
        ]

    async def create(self, call: Call, body: rest.CreateRoom) -> HTTPResponse:
        members = [member for member in dict.fromkeys(body.members) if member != call.user]
        room = _room_id(call.user, body, members)
        name = None if body.name is None else normalise_line(body.name, "name", limits.ROOM_NAME_CHARACTERS)
        topic = normalise_line(body.topic, "topic", limits.ROOM_TOPIC_CHARACTERS) if body.topic else None
        await self._check_users(body.members, members)
        stored = await self._commands.ask(
            rooms.Create(
                self._commands.next_ref(),
                room,
                call.user,
                op=new_id(),
                kind=body.kind,
                name=name,
                topic=topic,
                public=body.public,
                members=members,
            )
        )
        if stored.object is None:
            return await self._room(call, room, 201)
        return answer_bytes(stored.object, 201)

    async def mine(self, call: Call) -> HTTPResponse:
        page = await self._rpc.call(queries.LIST_ROOMS, queries.ListRooms(call.user, call.text("cursor"), call.limit()))
        return answer(rest.Page(page.rooms, page.next))

    async def get(self, call: Call) -> HTTPResponse:
        return await self._room(call, call.id("room"))

    async def members(self, call: Call) -> HTTPResponse:
        query = queries.ListMembers(call.user, call.id("room"), call.text("cursor"), call.limit())
        page = await self._rpc.call(queries.LIST_MEMBERS, query)
        found = await self._rpc.call(auth.GET_USERS, auth.GetUsers([row.user for row in page.members]))
        users = {user.id: user for user in found.users}
        members = [rest.Member(row.user, row.role, row.since, users.get(row.user)) for row in page.members]
        return answer(rest.Page(members, page.next))

    async def set_member(self, call: Call, body: rest.SetMember) -> HTTPResponse:
        room, member = call.id("room"), call.id("user")
        if body.role not in ROLES:
            raise invalid("role", f"one of {', '.join(ROLES)}")
        found = await self._rpc.call(auth.GET_USERS, auth.GetUsers([member]))
        if not found.users:
            raise not_found("user")
        ref = self._commands.next_ref()
        await self._commands.ask(rooms.SetMember(ref, room, call.user, new_id(), member, body.role))
        return nothing()

    async def remove_member(self, call: Call) -> HTTPResponse:
        return await self._remove(call, call.id("user"))

    async def leave(self, call: Call) -> HTTPResponse:
        return await self._remove(call, call.user)

    async def join(self, call: Call) -> HTTPResponse:
        room = call.id("room")
        await self._commands.ask(rooms.Join(self._commands.next_ref(), room, call.user, new_id()))
        return await self._room(call, room)

    async def patch_me(self, call: Call, body: rest.PatchMembership) -> HTTPResponse:
        """The read mark is not awaited: the answer says what it will be."""
        room = call.id("room")
        summary = await self._rpc.call(queries.GET_ROOM, queries.GetRoom(call.user, room))
        mine = summary.membership
        if mine.role not in ROLES:
            raise Refusal(Code.NOT_A_MEMBER, "Join the room first.")
        if isinstance(body.read_seq, int):
            if body.read_seq > summary.head:
                raise invalid("read_seq", f"the room's last seq is {summary.head}")
            self._commands.submit(rooms.Read(self._commands.next_ref(), room, call.user, body.read_seq))
            mine.read_seq = max(mine.read_seq, body.read_seq)
        return answer(mine)

    async def _remove(self, call: Call, member: str) -> HTTPResponse:
        ref = self._commands.next_ref()
        await self._commands.ask(rooms.RemoveMember(ref, call.id("room"), call.user, new_id(), member))
        return nothing()

    async def _room(self, call: Call, room: str, status: int = 200) -> HTTPResponse:
        summary = await self._rpc.call(queries.GET_ROOM, queries.GetRoom(call.user, room))
        return answer(summary.room, status)

    async def _check_users(self, given: list[str], members: list[str]) -> None:
        """Refuse ids that are nobody's, each by its place in the request."""
        if len(members) > limits.ROOM_CREATE_MEMBERS:
            raise invalid("members", f"at most {limits.ROOM_CREATE_MEMBERS:,}; add more later")
        if not members:
            return
        found = await self._rpc.call(auth.GET_USERS, auth.GetUsers(members))
        unknown = set(members) - {user.id for user in found.users}
        if unknown:
            places = [place for place, member in enumerate(given) if member in unknown]
            errors = tuple(FieldError(f"members[{place}]", "there is no such user") for place in places)
            raise Refusal(Code.VALIDATION_FAILED, "Some of the members do not exist.", errors=errors)


def _room_id(user: str, body: rest.CreateRoom, others: list[str]) -> str:
    """The id of the room to make, if its kind allows what was asked. Raises Refusal."""
    if body.kind not in KINDS:
        raise invalid("kind", f"one of {', '.join(KINDS)}")
    if body.kind != DIRECT:
        if body.name is None:
            raise invalid("name", f"a {body.kind} needs a name")
        return new_id()
    if len(others) != 1:
        raise invalid("members", "a direct room has exactly one other member")
    if body.name is not None or body.topic is not None or body.public:
        field = "public" if body.public else "topic" if body.topic is not None else "name"
        raise invalid(field, "a direct room has none")
    return direct_room_id(user, others[0])
