"""Frames of the message path are read and written as the library would, however they come."""

import asyncio

import pamqp.frame
import pytest
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError, ProtocolSyntaxError
from hypothesis import given
from hypothesis import strategies as st
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from warren.chassis.amqp_client import QuickReceiver
from warren.chassis.amqp_frames import FrameParser, publish_frames

names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20).filter(
    lambda text: len(text) < 40
)
tags = st.integers(0, 2**63 - 1)
frames = st.one_of(
    st.builds(Basic.Deliver, st.from_regex(r"[a-z0-9.]{1,30}", fullmatch=True), tags, st.booleans(),
              st.from_regex(r"[a-z.]{0,30}", fullmatch=True), names),
    st.builds(Basic.Ack, tags, st.booleans()),
    st.builds(Basic.Nack, tags, st.booleans(), st.booleans()),
    st.builds(ContentBody, st.binary(max_size=60)),
    st.builds(lambda size, kind: ContentHeader(0, size, Basic.Properties(message_type=kind)), tags, st.just("notice")),
    st.just(Channel.CloseOk()),
)  # fmt: skip


def seen(parser: FrameParser) -> list[tuple[int, bytes]]:
    """Channel and bytes of each frame."""
    return [(channel, pamqp.frame.marshal(frame, channel)) for _size, channel, frame in parser.frames]


@given(st.lists(st.tuples(frames, st.integers(0, 9)), max_size=8), st.lists(st.integers(1, 40)))
def test_frames_are_the_same_however_their_bytes_are_cut(sent: list[tuple[Basic.Ack, int]], cuts: list[int]) -> None:
    marshalled = [(channel, pamqp.frame.marshal(frame, channel)) for frame, channel in sent]
    marshalled.append((0, pamqp.frame.marshal(Heartbeat(), 0)))
    stream = b"".join(part for _channel, part in marshalled)
    parser = FrameParser()
    for cut in cuts:
        parser.feed(stream[:cut])
        stream = stream[cut:]
    parser.feed(stream)
    assert seen(parser) == marshalled
    assert parser.rest == b""


@given(
    st.integers(1, 65_535),
    st.sampled_from(["", "warren.notices"]),
    names,
    st.binary(max_size=300),
    st.booleans(),
    st.sampled_from([1, 2]),
)
def test_a_message_is_written_as_the_library_reads_it(
    channel: int, exchange: str, key: str, body: bytes, mandatory: bool, mode: int
) -> None:
    written = publish_frames(
        channel, exchange, key, body, mandatory=mandatory, delivery_mode=mode, message_id=f"id-{channel}"
    )
    found = []
    while written:
        size, on, frame = pamqp.frame.unmarshal(written)
        assert on == channel
        found.append(frame)
        written = written[size:]
    method, header, *bodies = found
    assert isinstance(method, Basic.Publish)
    assert isinstance(header, ContentHeader)
    assert (method.exchange, method.routing_key, method.mandatory, method.immediate) == (
        exchange,
        key,
        mandatory,
        False,
    )
    assert (header.body_size, header.properties.delivery_mode) == (len(body), mode)
    assert header.properties.message_id == f"id-{channel}"
    assert b"".join(frame.value for frame in bodies if isinstance(frame, ContentBody)) == body


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"AMQP\x00\x00\x09\x01", ProtocolSyntaxError),
        (b"\x01\x00\x01\x00\x00\x00\x04\x00\x3c\x00\x50\x00", InvalidFrameError),
        (b"\x01\x00\x01\x00\x00\x00\x06\x00\x3c\x00\x3c\x28\x00\xce", InvalidFrameError),
        (b"\x09\x00\x01\x00\x00\x00\x01\x00\xce", InvalidFrameError),
        (b"", AMQPConnectionError),
        (b"\x01\x00", AMQPConnectionError),
    ],
    ids=["another protocol", "no end", "cut short within", "no kind", "closed at once", "closed within a frame"],
)
async def test_what_is_no_frame_ends_the_connection_by_a_name(data: bytes, error: type[Exception]) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    with pytest.raises(error):
        await QuickReceiver(reader).get_frame()
