"""Calls between services: what must not be written to disk is not."""

import asyncio
from pathlib import Path

import msgspec
from pamqp.commands import Basic

from tests.conftest import StartProgram
from tests.integration.chassis.lives import living
from tests.support.calls import caller
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.chassis.channel import declare
from warren.contracts import auth
from warren.contracts.rpc import Method
from warren.contracts.topology import rpc_queue

PASSWORD = "a-wombat-that-sings-of-8714"
QUERY = "a-wombat-that-is-sought-8715"


class Told(msgspec.Struct):
    password: str


OPEN = Method("lives.open", auth.Login, Told, idempotent=True, secret=True)


async def open_it(request: auth.Login) -> Told:
    return Told(request.password)


async def test_a_secret_request_is_not_in_the_queue_and_reaches_who_takes_the_call(space: Space) -> None:
    async with caller(space) as link:
        channel = await link.link.channel()
        queue = rpc_queue("lives")
        await declare(channel, queue)
        call = asyncio.create_task(link.rpc.call(OPEN, auth.Login("ann", PASSWORD)))
        bodies: list[bytes] = []

        async def has_come() -> bool:
            got = await channel.basic_get(queue.name)
            if not isinstance(got.delivery, Basic.GetOk):
                return False
            bodies.append(got.body)
            await channel.basic_nack(got.delivery.delivery_tag or 0, requeue=True)
            return True

        await eventually(has_come, "the call is in the queue")
        assert bodies == [b""]
        async with living(space, lambda server: server.answer(OPEN, open_it)):
            assert await call == Told(PASSWORD)


async def test_no_password_and_no_token_is_on_the_brokers_disk(space: Space, start: StartProgram) -> None:
    await asyncio.to_thread(start, "auth")
    async with caller(space) as link:
        signed_in = await link.rpc.call(auth.REGISTER, auth.Register("wombat", "wombat@example.org", PASSWORD))
        await link.rpc.call(auth.LOGIN, auth.Login("wombat", PASSWORD))
        again = await link.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token))
        await link.rpc.call(auth.FIND_USERS, auth.FindUsers(QUERY, None, 1))
    disk = space.servers.run_dir / "data" / "rabbitmq"

    async def found(text: str) -> bool:
        return await asyncio.to_thread(_is_in_a_file, disk, text.encode())

    await eventually(lambda: found(QUERY), "what is no secret is there: this looks in the right place")
    for secret in (PASSWORD, signed_in.refresh_token, again.refresh_token, again.access_token):
        assert not await found(secret)


def _is_in_a_file(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in folder.rglob("*") if path.is_file())
