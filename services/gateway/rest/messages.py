"""Messages of a room: post, read, change, react."""

from functools import partial

from msgspec import Raw
from sanic import HTTPResponse

from services.gateway.limits import MESSAGES, RateLimits
from services.gateway.rest.endpoint import (
    LIMIT,
    Call,
    Commands,
    Endpoint,
    Parameter,
    Taking,
    answer,
    answer_bytes,
    nothing,
)
from services.gateway.text import normalise_body, normalise_emoji
from warren.chassis.rpc_client import RpcClient
from warren.contracts import limits, queries, rest, rooms
from warren.contracts.errors import invalid, not_found
from warren.contracts.ids import new_id

_PLACES = ("before", "after", "around")


class MessageEndpoints:
    def __init__(self, rpc: RpcClient, commands: Commands, rates: RateLimits) -> None:
        self._rpc = rpc
        self._commands = commands
        self._rates = rates

    def endpoints(self) -> list[Endpoint]:
        of = partial(Endpoint, "Messages")
        all_, one = "/rooms/{room}/messages", "/rooms/{room}/messages/{seq}"
        reaction = f"{one}/reactions/{{emoji}}"
        post, edit = Taking(rest.SendMessage, self.post), Taking(rest.EditMessage, self.edit)
        places = tuple(Parameter(name, f"Messages {name} this `seq`.", int) for name in _PLACES)
        after = Parameter("after", "The last `seq` I have, default 0.", int)
        posted = {201: rest.Message, 200: rest.Message}
        again = "Post a message. The same `nonce` again answers 200 with the message that it made."
        read = "Messages in ascending `seq`; the newest without a place."
        events = "Every event after a `seq`, as listeners got it."
        return [
            of("POST", all_, post, posted, again),
            of("GET", all_, self.history, {200: rest.MessagePage}, read, (*places, LIMIT)),
            of("GET", "/rooms/{room}/events", self.events, {200: rest.EventPage}, events, (after, LIMIT)),
            of("PATCH", one, edit, {200: rest.Message}, "Change the body of my message."),
            of("DELETE", one, self.delete, {204: None}, "Delete a message for all."),
            of("PUT", reaction, self.react, {204: None}, "React with an emoji."),
            of("DELETE", reaction, self.unreact, {204: None}, "Take my reaction back."),
        ]

    async def post(self, call: Call, body: rest.SendMessage) -> HTTPResponse:
        room = call.id("room")
        text = normalise_body(body.body)
        if len(body.attachments) > limits.ATTACHMENTS:
            raise invalid("attachments", f"at most {limits.ATTACHMENTS}")
        self._rates.check(MESSAGES, call.user)
        stored = await self._commands.ask(
            rooms.Post(
                self._commands.next_ref(),
                room,
                call.user,
                nonce=body.nonce,
                body=text,
                reply_to=body.reply_to,
                thread=body.thread,
                attachments=body.attachments,
                echo=True,
            )
        )
        status = 200 if stored.duplicate else 201
        if stored.object is None:
            return answer(await self._message(call.user, room, stored.seq), status)
        return answer_bytes(stored.object, status)

    async def history(self, call: Call) -> HTTPResponse:
        before, after, around = (call.number(name) for name in _PLACES)
        if sum(place is not None for place in (before, after, around)) > 1:
            raise invalid("before", f"only one of {', '.join(_PLACES)}")
        query = queries.History(call.user, call.id("room"), before, after, around, call.limit())
        found = await self._rpc.call(queries.HISTORY, query)
        return answer(rest.MessagePage(found.messages, found.head))

    async def events(self, call: Call) -> HTTPResponse:
        """The events are JSON already, as every listener got them."""
        query = queries.EventsAfter(call.user, call.id("room"), call.number("after") or 0, call.limit())
        found = await self._rpc.call(queries.EVENTS_AFTER, query)
        return answer(rest.EventPage([Raw(event.data) for event in found.events], found.head))

    async def edit(self, call: Call, body: rest.EditMessage) -> HTTPResponse:
        room, seq = call.id("room"), call.seq()
        text = normalise_body(body.body)
        self._rates.check(MESSAGES, call.user)
        await self._commands.ask(rooms.Edit(self._commands.next_ref(), room, call.user, new_id(), seq, text))
        return answer(await self._message(call.user, room, seq))

    async def delete(self, call: Call) -> HTTPResponse:
        if call.text("for") not in (None, "all"):  # must never be taken for a deletion for all
            raise invalid("for", "messages can only be deleted for all")
        ref = self._commands.next_ref()
        await self._commands.ask(rooms.Delete(ref, call.id("room"), call.user, new_id(), call.seq()))
        return nothing()

    async def react(self, call: Call) -> HTTPResponse:
        return await self._react(call, on=True)

    async def unreact(self, call: Call) -> HTTPResponse:
        return await self._react(call, on=False)

    async def _react(self, call: Call, *, on: bool) -> HTTPResponse:
        emoji = normalise_emoji(str(call.request.match_info["emoji"]))
        self._rates.check(MESSAGES, call.user)
        ref = self._commands.next_ref()
        await self._commands.ask(rooms.React(ref, call.id("room"), call.user, new_id(), call.seq(), emoji, on))
        return nothing()

    async def _message(self, user: str, room: str, seq: int) -> rest.Message:
        """One message as it is now."""
        found = await self._rpc.call(queries.HISTORY, queries.History(user, room, None, seq - 1, None, 1))
        if not found.messages or found.messages[0].seq != seq:
            raise not_found("message")
        return found.messages[0]
