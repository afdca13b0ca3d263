"""Look up users and their presence."""

import re
from functools import partial

from sanic import HTTPResponse

from services.gateway.rest.endpoint import CURSOR, LIMIT, Call, Endpoint, Parameter, answer
from warren.chassis.rpc_client import RpcClient
from warren.contracts import auth, limits, presence, rest
from warren.contracts.errors import invalid, not_found

_ID = re.compile(limits.ID_PATTERN)


class UserEndpoints:
    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    def endpoints(self) -> list[Endpoint]:
        of = partial(Endpoint, "Users")
        start = Parameter("query", "Start of the username or the display name.")
        users = Parameter("users", f"Up to {limits.WATCH_USERS:,} ids, separated by commas.")
        page, presences = rest.Page[rest.User], rest.Page[rest.Presence]
        return [
            of("GET", "/users", self.find, {200: page}, "Users by username.", (start, CURSOR, LIMIT)),
            of("GET", "/users/{user}", self.get, {200: rest.User}, "One user."),
            of("GET", "/presence", self.presence, {200: presences}, "Who is online.", (users,)),
        ]

    async def find(self, call: Call) -> HTTPResponse:
        query = auth.FindUsers(call.text("query") or "", call.text("cursor"), call.limit())
        page = await self._rpc.call(auth.FIND_USERS, query)
        return answer(rest.Page(page.users, page.next))

    async def get(self, call: Call) -> HTTPResponse:
        found = await self._rpc.call(auth.GET_USERS, auth.GetUsers([call.id("user")]))
        if not found.users:
            raise not_found("user")
        return answer(found.users[0])

    async def presence(self, call: Call) -> HTTPResponse:
        users = list(dict.fromkeys(user for user in (call.text("users") or "").split(",") if user))
        if not 1 <= len(users) <= limits.WATCH_USERS or not all(_ID.fullmatch(user) for user in users):
            raise invalid("users", f"1 to {limits.WATCH_USERS:,} user ids, separated by commas")
        found = await self._rpc.call(presence.GET_PRESENCE, presence.GetPresence(users))
        return answer(rest.Page(found.presences, None))
