"""A TCP proxy between a gateway and RabbitMQ: it can cut, freeze, and lose whole messages to the gateway's own queue.

AMQP 0-9-1 frames: type, channel, size, payload, end mark. A delivery is a method frame (60, 60), a header frame with
the body's size, and body frames; the proxy leaves out all of them, so the connection goes on as if nothing was sent.
"""

import asyncio
import contextlib
import struct

METHOD, HEADER, BODY = 1, 2, 3
BASIC_DELIVER = b"\x00\x3c\x00\x3c"
FRAME_HEAD = struct.Struct("!BHI")
CHUNK = 65_536
GATEWAY_QUEUE = b"gateway."


class BrokerProxy:
    """Listens on `port`; `lose_every` n leaves out each nth delivery to a gateway's queue (0: none)."""

    def __init__(self, port: int, broker: tuple[str, int]) -> None:
        self.port = port
        self.lose_every = 0
        self.lost = 0
        self._broker = broker
        self._open = True
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._deliveries = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        self.cut()
        self.thaw()
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """Close all connections and refuse new ones until `join`."""
        self._open = False
        for writer in self._writers:
            writer.transport.abort()

    def join(self) -> None:
        self._open = True

    def freeze(self) -> None:
        """Nothing passes either way; connections stay open."""
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._broker)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, far_writer}
        self._writers |= pair
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass_on(reader, far_writer))
                    group.create_task(self._pass_frames(far_reader, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass  # one side closed: so does the other
        finally:
            self._writers -= pair
            for one in pair:
                one.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionError("closed")

    async def _pass_frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left_out: dict[int, int] = {}
        """Channel -> bytes of body that are still to be left out; -1: its header is."""
        while True:
            head = await reader.readexactly(FRAME_HEAD.size)
            kind, channel, size = FRAME_HEAD.unpack(head)
            rest = await reader.readexactly(size + 1)
            await self._flows.wait()
            if self._is_left_out(kind, channel, rest, left_out):
                continue
            writer.write(head + rest)
            await writer.drain()

    def _is_left_out(self, kind: int, channel: int, payload: bytes, left_out: dict[int, int]) -> bool:
        if kind == METHOD and payload.startswith(BASIC_DELIVER) and self._is_chosen(payload):
            left_out[channel] = -1
            return True
        if channel not in left_out or kind not in (HEADER, BODY):
            return False
        if kind == HEADER:
            left_out[channel] = int.from_bytes(payload[4:12], "big")
        else:
            left_out[channel] -= len(payload) - 1
        if left_out[channel] == 0:
            del left_out[channel]
        return True

    def _is_chosen(self, deliver: bytes) -> bool:
        if not self.lose_every or not _routing_key(deliver).startswith(GATEWAY_QUEUE):
            return False
        self._deliveries += 1
        chosen = self._deliveries % self.lose_every == 0
        self.lost += chosen
        return chosen


def _routing_key(deliver: bytes) -> bytes:
    """Of a basic.deliver: consumer tag, delivery tag (8), redelivered (1), exchange, routing key."""
    at = 4
    at += 1 + deliver[at] + 9
    at += 1 + deliver[at]
    return deliver[at + 1 : at + 1 + deliver[at]]
