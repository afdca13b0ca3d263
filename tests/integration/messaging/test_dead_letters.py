"""What cannot be carried out is put aside with its reason, others go on, and operators can look, replay and drop."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import pytest
from pamqp.commands import Basic

from services.messaging.dead_letters_cli import main
from tests.integration.messaging.gateway import Gateway, check_log, gateway, log_of
from tests.support.calls import caller
from tests.support.processes import Program
from tests.support.servers import PROJECT
from tests.support.spaces import Space
from tests.support.waiting import eventually, until
from warren.chassis.channel import Delivery, publish
from warren.contracts import rooms
from warren.contracts.codec import encode
from warren.contracts.errors import Code
from warren.contracts.ids import partition_of
from warren.contracts.topology import PARTITION_DELIVERY_LIMIT, ROOMS_DEAD, partition_queue

ROOM = "lunch"
PARTITION = partition_of(ROOM, 4)


@dataclass
class Ran:
    returncode: int
    stdout: str
    stderr: str


class Tool:
    """`python -m services.messaging dead-letters` in the space."""

    def __init__(self, space: Space) -> None:
        self.environment = {"PATH": os.environ["PATH"], **space.environment}

    def run(self, *words: str) -> Ran:
        """In this process: it starts in no time."""
        out, err = io.StringIO(), io.StringIO()

        def work() -> int:
            try:
                return main(words, self.environment)
            except SystemExit as end:
                return int(end.code or 0)

        with redirect_stdout(out), redirect_stderr(err), ThreadPoolExecutor(1) as pool:
            code = pool.submit(work).result(60)
        return Ran(code, out.getvalue(), err.getvalue())

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """In a process of its own, which an interrupt ends, also when the tests run in the background of a shell."""
        return subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, "-m", "services.messaging", "dead-letters", *words],
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def letters(self) -> list[dict[str, Any]]:
        done = self.run("list", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    async def until_letters(self, count: int) -> list[dict[str, Any]]:
        async def there() -> bool:
            return len(await asyncio.to_thread(self.letters)) == count

        await eventually(there, f"{count} dead letters", 20)
        return self.letters()


@pytest.fixture
def tool(space: Space, messaging: Program) -> Iterator[Tool]:
    """With an empty dead-letter queue."""
    made = Tool(space)

    def empty() -> bool:
        made.run("drop", "--all")
        return made.letters() == []

    until(empty, "no letters are left, nor in the hands of a tool that was killed", 20)
    yield made
    assert messaging.is_running, "no letter may end an instance"


async def put(space: Space, *letters: tuple[str, bytes]) -> None:
    """Letters (reason, body) straight into the queue, as an owner would put them."""
    async with caller(space) as link:
        channel = await link.link.channel()
        for reason, body in letters:
            properties = Basic.Properties(delivery_mode=2, headers={"x-reason": reason}, message_id=reason)
            await publish(channel, ROOMS_DEAD.name, body, mandatory=True, properties=properties)


def letter(*commands: rooms.AnyCommand) -> bytes:
    return encode(rooms.CommandBatch("", 0, 0, list(commands)))


def post(nonce: str, room: str = ROOM) -> rooms.Post:
    return rooms.Post(1, room, "ann", nonce, f"body of {nonce}")


async def test_a_batch_that_nobody_can_decode_goes_to_the_dead_letters_and_others_go_on(
    space: Space, edge: Gateway, tool: Tool
) -> None:
    await edge.ask(edge.create("undecodable"))
    await edge.send_bytes(partition_of("undecodable", 4), b"\xc1 from another world")
    assert len(await edge.seqs(edge.post("undecodable", "nonce-001"))) == 1
    [found] = await tool.until_letters(1)
    assert found["kind"] == "20 bytes" and found["room"] == "?"
    assert found["reason"].startswith("rejected: cannot be decoded")
    refused = tool.run("replay", "1")
    assert refused.returncode == 1 and "cannot decode it" in refused.stderr
    shown = json.loads(tool.run("show", found["id"]).stdout)
    assert bytes.fromhex(shown["undecodable_hex"]).endswith(b"from another world")
    assert tool.run("drop", found["id"]).returncode == 0
    assert tool.letters() == []


async def test_a_command_that_fails_is_put_aside_with_the_error_and_can_be_replayed_when_it_is_mended(
    space: Space, edge: Gateway, tool: Tool
) -> None:
    """A role that only a later version knows: the rule that finds an heir fails on it."""
    room = "roles"
    neighbour = next(name for n in range(99) if partition_of(name := f"next-{n}", 4) == partition_of(room, 4))
    await edge.ask(edge.create(neighbour))
    log: list[dict[str, Any]] = [
        {"kind": "room.changed", "room_kind": "group", "name": "R", "topic": None, "public": False},
        {"kind": "member.joined", "user": "ann", "role": "owner"},
        {"kind": "member.joined", "user": "bob", "role": "curator"},
    ]
    with space.mongo() as client:
        entries = [{"seq": seq, "sender": "ann", "at": 1, "n": 0} | entry for seq, entry in enumerate(log, 1)]
        run = {"_id": {"room": room, "seq": 1}, "entries": entries, "change": True}
        client.get_default_database()["room_log"].insert_one(run)
    leave = rooms.RemoveMember(edge.ref(), room, "ann", "op-leave-1", "ann")
    before, after, beside = edge.post(room, "nonce-1"), edge.post(room, "nonce-2"), edge.post(neighbour, "nonce-3")
    answers = await edge.ask(before, leave, after, beside)
    assert [getattr(answer, "seq", None) for answer in answers] == [4, None, 5, 3]
    refused = answers[1]
    assert isinstance(refused, rooms.Refused) and refused.code == Code.INTERNAL
    [found] = await tool.until_letters(1)
    assert (found["room"], found["kind"], found["tries"]) == (room, "remove_member", 1)
    assert found["reason"].startswith("ValueError") and found["age"].endswith("s")
    check_log(space, room)

    assert await edge.seqs(rooms.SetMember(edge.ref(), room, "ann", "op-mend-1", "bob", "member")) == [6]
    replayed = tool.run("replay", found["id"])
    assert replayed.returncode == 0 and "1 commands" in replayed.stdout

    async def left() -> bool:
        return [entry["kind"] for entry in log_of(space, room)][6:] == ["member.changed", "member.left"]

    await eventually(left, "ann has left and bob is the owner")
    assert tool.letters() == []


async def test_a_batch_that_ends_its_owners_is_put_aside_after_a_bounded_number_of_tries(
    space: Space, edge: Gateway, tool: Tool, messaging: Program
) -> None:
    await edge.ask(edge.create(ROOM))
    messaging.stop()
    await edge.send(edge.post(ROOM, "poison-001"), edge.post(ROOM, "poison-002"))
    deaths = 0
    while deaths <= PARTITION_DELIVERY_LIMIT and await take_and_die(space):
        deaths += 1
    assert deaths == PARTITION_DELIVERY_LIMIT + 1
    assert not await take_and_die(space), "it does not come again"
    [found] = await tool.until_letters(1)
    assert (found["room"], found["kind"], found["tries"]) == (ROOM, "2 post", deaths)
    assert found["reason"].startswith("delivery_limit: ")
    messaging.start()
    await asyncio.to_thread(messaging.wait_ready)
    assert tool.run("replay", "--all").returncode == 0

    async def stored() -> bool:
        return [entry.get("nonce") for entry in log_of(space, ROOM)][2:] == ["poison-001", "poison-002"]

    await eventually(stored, "both posts of the batch are stored")
    assert tool.letters() == []


async def take_and_die(space: Space) -> bool:
    """An owner that takes a batch and ends before it is settled. False when there was none."""
    async with caller(space) as link:
        channel = await link.link.channel(confirms=False)
        taken = asyncio.Event()

        async def take(_delivery: Delivery) -> None:
            taken.set()

        await channel.basic_consume(partition_queue(PARTITION).name, take)
        try:
            await asyncio.wait_for(taken.wait(), 2)
        except TimeoutError:
            return False
        return True


async def test_the_list_is_a_table_in_the_order_of_the_queue_and_looking_changes_nothing(
    space: Space, tool: Tool
) -> None:
    await put(space, *((f"Error-{number}", letter(post("nonce-000", f"room-{number}"))) for number in range(5)))
    tables = [tool.run("list").stdout for _ in range(30)]
    lines = tables[0].splitlines()
    assert lines[0].split() == ["POSITION", "ID", "ROOM", "KIND", "AGE", "TRIES", "REASON"]
    assert [line.split()[2] for line in lines[1:]] == [f"room-{number}" for number in range(5)]
    assert lines[1].endswith("Error-0")
    tool.run("show", "3")
    assert {*tables, tool.run("list").stdout} == {tables[0]}


async def test_dropping_takes_out_what_was_chosen_and_nothing_else(space: Space, tool: Tool) -> None:
    await put(space, *((f"Error-{number}", letter(post("nonce-000", f"room-{number}"))) for number in range(4)))
    assert tool.run("drop", "2", tool.letters()[3]["id"]).returncode == 0
    assert [found["room"] for found in tool.letters()] == ["room-0", "room-2"]
    unknown = tool.run("drop", "1", "17")
    assert unknown.returncode == 1 and "no letter 17" in unknown.stderr
    assert len(tool.letters()) == 2


async def test_a_replay_goes_to_the_queue_of_each_room_and_leaves_out_what_is_over(
    space: Space, edge: Gateway, tool: Tool
) -> None:
    names = [f"spread-{number}" for number in range(8)]
    for name in names:
        await edge.ask(edge.create(name))
    over: list[rooms.AnyCommand] = [rooms.Listen(1, names[0], "", 0), rooms.Typing(1, names[0], "ann", True)]
    mixed = letter(*over, *(post("nonce-001", name) for name in names))
    await put(space, ("mixed", mixed), ("over", letter(*over)))
    assert tool.run("replay", "--all").returncode == 0

    async def stored() -> bool:
        return all([entry.get("nonce") for entry in log_of(space, name)][2:] == ["nonce-001"] for name in names)

    await eventually(stored, "every room has its message")
    assert tool.letters() == []
    with space.redis() as redis:
        assert redis.exists(f"room:listeners:{names[0]}") == 0


async def test_replaying_what_its_sender_has_sent_again_changes_nothing(
    space: Space, edge: Gateway, tool: Tool
) -> None:
    await edge.ask(edge.create("again"))
    assert await edge.seqs(edge.post("again", "nonce-001")) == [3]
    await put(space, ("Error", letter(post("nonce-001", "again"))))
    assert tool.run("replay", "1").returncode == 0
    async with gateway(space) as other:
        assert await other.seqs(other.post("again", "nonce-002")) == [4]
    check_log(space, "again")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
async def test_an_interrupted_tool_loses_nothing(space: Space, tool: Tool, end: signal.Signals) -> None:
    every = {f"{number:08}" for number in range(500)}
    await put(space, *((name, letter(post("nonce-000", "nowhere"))) for name in sorted(every)))
    running = tool.start("drop", "--all")
    assert running.stdout is not None
    said = [running.stdout.readline() for _ in range(20)]
    running.send_signal(end)
    said += running.stdout.readlines()
    running.stdout.close()
    assert running.wait(20) != 0
    gone = {line.split()[1].rstrip(":") for line in said if line.startswith("dropped")}

    async def all_there() -> bool:
        left = {found["id"] for found in tool.letters()}
        return len(every - left - gone) <= 1  # one may be gone before it could be said

    await eventually(all_there, "what was not dropped is back")
    assert 20 <= len(gone) < len(every)


def test_the_help_explains_the_reasons_and_wrong_use_is_code_2(tool: Tool) -> None:
    shown = tool.run("--help").stdout
    assert all(word in shown for word in ("delivery_limit", "rejected", "list", "show", "replay", "drop", "WHICH"))
    assert tool.run().returncode == 2
    assert tool.run("replay").returncode == 2


def test_a_broker_that_is_away_is_one_line(space: Space) -> None:
    away = Tool(space)
    away.environment["RABBITMQ_URL"] = "amqp://127.0.0.1:1/"
    done = away.run("list")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "RABBITMQ_URL" in done.stderr
