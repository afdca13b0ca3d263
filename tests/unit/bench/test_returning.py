"""The kill experiment's clients: what they say when they come back."""

from bench.returning import Client, Member, digits
from tests.unit.bench.test_wire import FIRST, Transport, server_frame


async def test_a_member_remembers_the_head_of_each_room_however_the_stream_is_cut() -> None:
    entry = {"url": "ws://127.0.0.1:1", "token": "token", "number": 0}
    client = Client({"dialect": "warren"}, entry, ["ws://127.0.0.1:1"])
    member = Member(client)
    told = server_frame(b'{"op":"ready","rooms":{"r1":7,"r2":0}}')
    event = server_frame(b'{"op":"event","room":"r1","seq":8,"message":{"body":"|%d"}}' % FIRST)
    member.connection_made(Transport())
    member.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    for at in range(0, len(told), 50):
        member.data_received(told[at : at + 50])
    assert client.heads == {"r1": 7, "r2": 0}
    for at in range(len(event)):
        member.data_received(event[at : at + 1])
    assert client.heads == {"r1": 8, "r2": 0}
    assert digits(client.seen.deliveries) == {str(FIRST).encode()}
