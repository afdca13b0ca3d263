"""One client's socket: frames in, one method for each `op`. Knows nothing of rooms but their names."""

from typing import TYPE_CHECKING, Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from services.gateway.rooms.local_room import LocalRoom
from services.gateway.sockets.encode import reply_frame
from services.gateway.sockets.outbound import Outbound
from services.gateway.sockets.rates import FrameRate, TooFast
from services.gateway.text import normalise_body, normalise_emoji
from warren.chassis.telemetry import get_logger
from warren.contracts import rooms, socket
from warren.contracts.codec import rfc3339
from warren.contracts.errors import CloseCode, Code, Refusal
from warren.contracts.ids import new_id
from warren.contracts.limits import FRAME_BYTES, FRAME_FRAGMENTS, PENDING_SENDS

if TYPE_CHECKING:
    from services.gateway.sockets.listener import SocketServer

NORMAL_CLOSURE = 1000
_decode = msgspec.json.Decoder(socket.ClientFrame).decode
log = get_logger("connection")


class Connection(WSListener):
    """State of one socket. `ready` once `ready` was sent; before that only `hello` is taken."""

    __slots__ = ("_fragments", "_pending", "_rate", "_server", "_typing_at", "added_meanwhile", "closed",
                 "greeting", "id", "opened_at", "outbound", "pings", "ready", "rooms", "session", "user")  # fmt: skip

    outbound: Outbound

    def __init__(self, server: "SocketServer") -> None:
        super().__init__()
        self._server = server
        self._fragments: list[bytes] | None = None
        self._pending = 0
        self._rate = FrameRate(server.now) if server.rate_limits else None
        self._typing_at = 0.0
        self.id = new_id()
        self.user = ""
        self.session = ""
        self.ready = False
        self.greeting = False
        self.closed = False
        self.pings = 0
        self.opened_at = 0.0
        self.rooms: set[LocalRoom] = set()
        self.added_meanwhile: set[str] = set()

    # The transport's side

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.opened_at = self._server.now()
        self.outbound = Outbound(transport.underlying_transport, self._server.flusher, self._on_slow)
        self._server.connected(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed = True
        self.outbound.cut()
        self._server.disconnected(self)

    def pause_writing(self) -> None:
        self.outbound.paused(self._server.now())

    def resume_writing(self) -> None:
        self.outbound.resumed()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.PONG:
            self.pings = 0
        elif kind == WSMsgType.CLOSE:
            self.closed = True
            self.outbound.answer_close(NORMAL_CLOSURE)
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            payload = self._whole(frame)
            if payload is not None and not self.closed:
                self._on_text(payload)
        elif kind == WSMsgType.BINARY:
            self.close(CloseCode.MALFORMED, "frames are JSON text")

    def _whole(self, frame: WSFrame) -> bytes | None:
        """The message that this frame completes, if it does."""
        payload = frame.get_payload_as_bytes()
        if len(payload) > FRAME_BYTES:
            self.close(CloseCode.TOO_LARGE, f"a frame is at most {FRAME_BYTES} bytes")
            return None
        starts = frame.msg_type == WSMsgType.TEXT
        if starts and frame.fin and self._fragments is None:
            return payload
        if starts == (self._fragments is not None):
            self.close(CloseCode.PROTOCOL_VIOLATION, "fragments out of order")
            return None
        if starts:
            self._fragments = [payload]
            return None
        fragments = self._fragments
        assert fragments is not None
        fragments.append(payload)
        if len(fragments) > FRAME_FRAGMENTS or sum(map(len, fragments)) > FRAME_BYTES:
            self.close(CloseCode.TOO_LARGE, f"at most {FRAME_FRAGMENTS} fragments and {FRAME_BYTES} bytes")
            return None
        if not frame.fin:
            return None
        self._fragments = None
        return b"".join(fragments)

    # What the server says to this socket

    def send(self, frames: bytes) -> None:
        self.outbound.send(frames)

    def close(self, code: int, reason: str) -> None:
        self.closed = True
        self.outbound.close(code, reason)

    def refuse(self, refusal: Refusal, frame_id: Any = None) -> None:
        self.send(reply_frame(socket.Error(refusal.code, refusal.detail, frame_id, refusal.retry_after_ms)))

    def _on_slow(self) -> None:
        self.closed = True
        log.info("a client reads too slowly; its socket is closed", user=self.user, connection=self.id)

    # What the client says

    def _on_text(self, payload: bytes) -> None:
        try:
            frame = _decode(payload)
        except msgspec.ValidationError as error:
            self._invalid(payload, error)
            return
        except msgspec.DecodeError:
            self.close(CloseCode.MALFORMED, "not a JSON object")
            return
        if not self.ready:
            self._on_first(frame)
            return
        try:
            if self._rate is not None:
                self._rate.check()
            self._HANDLERS[type(frame)](self, frame)
        except Refusal as refusal:
            self.refuse(refusal, getattr(frame, "id", None))
        except TooFast:
            self.close(CloseCode.TOO_FAST, "too many frames")

    def _on_first(self, frame: socket.ClientFrame) -> None:
        if not isinstance(frame, socket.Hello) or self.greeting:
            self.close(CloseCode.PROTOCOL_VIOLATION, "say hello first, and wait for ready")
            return
        self.greeting = True
        self._server.greet(self, frame)

    def _invalid(self, payload: bytes, error: msgspec.ValidationError) -> None:
        """Well-formed JSON that is not what the op says: the documented error, on the frame that caused it."""
        if not self.ready:
            self.close(CloseCode.MALFORMED, "the first frame must be a valid hello")
            return
        try:
            frame_id = msgspec.json.decode(payload, type=_AnyId).id
        except msgspec.DecodeError:
            frame_id = None
        self.refuse(Refusal(Code.VALIDATION_FAILED, str(error)), frame_id)

    def _on_hello(self, _frame: socket.Hello) -> None:
        self.close(CloseCode.PROTOCOL_VIOLATION, "hello is said once")

    def _on_send(self, frame: socket.Send) -> None:
        self._check_pending()
        command = rooms.Post(
            self._server.commands.next_ref(),
            frame.room,
            self.user,
            frame.nonce,
            normalise_body(frame.body),
            frame.reply_to,
            frame.thread,
            frame.attachments,
        )

        def answered(answer: rooms.Answer) -> None:
            self._pending -= 1
            if isinstance(answer, rooms.Stored):
                self.send(reply_frame(socket.Ack(frame.id, frame.room, frame.nonce, answer.seq, rfc3339(answer.at))))
            else:
                self._on_refused(answer, frame.id)

        self._server.commands.submit(command, answered)
        self._pending += 1

    def _on_edit(self, frame: socket.Edit) -> None:
        body = normalise_body(frame.body)
        ref = self._server.commands.next_ref()
        self._change(rooms.Edit(ref, frame.room, self.user, new_id(), frame.seq, body), frame.id)

    def _on_delete(self, frame: socket.Delete) -> None:
        ref = self._server.commands.next_ref()
        self._change(rooms.Delete(ref, frame.room, self.user, new_id(), frame.seq), frame.id)

    def _on_react(self, frame: socket.React) -> None:
        emoji = normalise_emoji(frame.emoji)
        ref = self._server.commands.next_ref()
        self._change(rooms.React(ref, frame.room, self.user, new_id(), frame.seq, emoji, frame.on), frame.id)

    def _change(self, command: rooms.AnyCommand, frame_id: Any) -> None:
        self._check_pending()

        def answered(answer: rooms.Answer) -> None:
            self._pending -= 1
            if isinstance(answer, rooms.Stored):
                self.send(reply_frame(socket.Done(frame_id, command.room, answer.seq)))
            else:
                self._on_refused(answer, frame_id)

        self._server.commands.submit(command, answered)
        self._pending += 1

    def _on_refused(self, answer: rooms.Answer, frame_id: Any) -> None:
        assert isinstance(answer, rooms.Refused)  # Listening answers only Listen
        self.refuse(Refusal(Code(answer.code), answer.detail, retry_after_ms=answer.retry_after_ms), frame_id)

    def _check_pending(self) -> None:
        if self._pending >= PENDING_SENDS:
            raise Refusal(
                Code.RATE_LIMITED, f"Wait for answers: at most {PENDING_SENDS} are under way.", retry_after_ms=200
            )

    def _on_read(self, frame: socket.Read) -> None:
        self._server.reads.mark(frame.room, self.user, frame.seq)

    def _on_typing(self, frame: socket.Typing) -> None:
        """At most one a second: more says nothing more."""
        now = self._server.now()
        if frame.on and now - self._typing_at < 1.0:
            return
        self._typing_at = now if frame.on else 0.0
        ref = self._server.commands.next_ref()
        self._server.commands.submit(rooms.Typing(ref, frame.room, self.user, frame.on))

    def _on_watch(self, frame: socket.Watch) -> None:
        self._server.presence.watch(self.id, set(frame.users))

    def _on_status(self, frame: socket.Status) -> None:
        self._server.set_status(self, frame)

    def _on_sync(self, frame: socket.Sync) -> None:
        self._server.sync(self, frame)

    def _on_ping(self, frame: socket.Ping) -> None:
        self.send(reply_frame(socket.Pong(frame.id)))

    _HANDLERS: dict[type[Any], Any] = {
        socket.Hello: _on_hello,
        socket.Send: _on_send,
        socket.Edit: _on_edit,
        socket.Delete: _on_delete,
        socket.React: _on_react,
        socket.Read: _on_read,
        socket.Typing: _on_typing,
        socket.Watch: _on_watch,
        socket.Status: _on_status,
        socket.Sync: _on_sync,
        socket.Ping: _on_ping,
    }


class _AnyId(msgspec.Struct):
    id: str | int | None = None
