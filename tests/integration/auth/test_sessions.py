"""Sessions against the real servers: what Redis loses comes back, what has ended stays ended."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from aiormq.abc import DeliveredMessage

from services.gateway.sessions import Sessions
from tests.conftest import StartProgram
from tests.support.calls import Caller, caller
from tests.support.processes import Program
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.chassis.channel import bind, declare
from warren.chassis.redis import RedisClient
from warren.contracts import auth
from warren.contracts.codec import decode
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import NOTICE_TYPE, AnyNotice, SessionRevoked
from warren.contracts.rest import SignedIn
from warren.contracts.topology import NOTICES, Queue

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module", autouse=True)
def instances(start: StartProgram) -> list[Program]:
    """Two, as in a cluster: each call may meet either."""
    return [start("auth"), start("auth")]


@pytest.fixture
async def call(space: Space) -> AsyncIterator[Caller]:
    async with caller(space) as made:
        yield made


@pytest.fixture
async def gateway(space: Space, call: Caller) -> AsyncIterator[Sessions]:
    """How a gateway looks at sessions."""
    redis = RedisClient(space.redis_url, "test")
    yield Sessions(space.environment["JWT_SECRET"], redis.client, call.rpc)
    await redis.stop()


@pytest.fixture
async def signed_in(call: Caller) -> SignedIn:
    return await register(call)


async def register(call: Caller, username: str | None = None) -> SignedIn:
    name = username or f"user-{secrets.token_hex(4)}"
    return await call.rpc.call(auth.REGISTER, auth.Register(name, f"{name}@example.org", PASSWORD))


async def refused(work: object) -> Code:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def test_every_gateway_honours_a_new_session(signed_in: SignedIn, gateway: Sessions) -> None:
    session = await gateway.authenticate(signed_in.access_token)
    assert (session.user, session.session) == (signed_in.user.id, signed_in.session_id)


async def test_a_redis_flush_signs_nobody_out(signed_in: SignedIn, gateway: Sessions, space: Space) -> None:
    with space.redis() as redis:
        redis.flushdb()
        assert (await gateway.authenticate(signed_in.access_token)).session == signed_in.session_id
        assert int(redis.ttl(auth.session_key(signed_in.session_id))) > 6 * 86400


async def test_a_redis_flush_brings_no_ended_session_back(
    signed_in: SignedIn, gateway: Sessions, call: Caller, space: Space
) -> None:
    await call.rpc.call(auth.LOGOUT, auth.Logout(signed_in.user.id, signed_in.session_id))
    assert await refused(gateway.authenticate(signed_in.access_token)) is Code.SESSION_REVOKED
    with space.redis() as redis:
        redis.flushdb()
        assert await refused(gateway.authenticate(signed_in.access_token)) is Code.SESSION_REVOKED
        assert redis.exists(auth.session_key(signed_in.session_id)) == 0
    assert await refused(call.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token))) is Code.SESSION_REVOKED


async def test_a_refresh_token_rotates(signed_in: SignedIn, call: Caller, gateway: Sessions) -> None:
    second = await call.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token))
    third = await call.rpc.call(auth.REFRESH, auth.Refresh(second.refresh_token))
    assert len({signed_in.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert second.session_id == third.session_id == signed_in.session_id
    assert (await gateway.authenticate(third.access_token)).user == signed_in.user.id


async def test_a_reused_refresh_token_ends_the_session(signed_in: SignedIn, call: Caller, gateway: Sessions) -> None:
    second = await call.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token))
    third = await call.rpc.call(auth.REFRESH, auth.Refresh(second.refresh_token))
    assert await refused(call.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token))) is Code.SESSION_REVOKED
    assert await refused(call.rpc.call(auth.REFRESH, auth.Refresh(third.refresh_token))) is Code.SESSION_REVOKED
    assert await refused(gateway.authenticate(third.access_token)) is Code.SESSION_REVOKED


async def test_the_previous_refresh_token_works_while_its_answer_may_be_lost(signed_in: SignedIn, call: Caller) -> None:
    lost = await call.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token))
    again = await call.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token))
    assert again.session_id == lost.session_id
    await call.rpc.call(auth.REFRESH, auth.Refresh(again.refresh_token))


async def test_tabs_that_refresh_at_the_same_moment_all_stay_signed_in(signed_in: SignedIn, call: Caller) -> None:
    answers = await asyncio.gather(
        *(call.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token)) for _ in range(4))
    )
    assert len({answer.refresh_token for answer in answers}) == 4
    assert {answer.session_id for answer in answers} == {signed_in.session_id}


async def test_an_unknown_refresh_token_is_unauthenticated(call: Caller) -> None:
    assert await refused(call.rpc.call(auth.REFRESH, auth.Refresh("x" * 43))) is Code.UNAUTHENTICATED


async def test_gateways_hear_that_a_session_ended(signed_in: SignedIn, call: Caller) -> None:
    heard: asyncio.Queue[SessionRevoked] = asyncio.Queue()
    await listen(call, heard.put_nowait)
    await call.rpc.call(auth.LOGOUT, auth.Logout(signed_in.user.id, signed_in.session_id))
    notice = await asyncio.wait_for(heard.get(), 2)
    assert notice == SessionRevoked(signed_in.user.id, [signed_in.session_id])


async def test_an_end_that_could_not_be_told_is_told_later(
    signed_in: SignedIn, call: Caller, space: Space, gateway: Sessions
) -> None:
    """As left by an instance that died between MongoDB and Redis."""
    heard: asyncio.Queue[SessionRevoked] = asyncio.Queue()
    await listen(call, heard.put_nowait)
    with space.mongo() as mongo:
        ended = {"revoked_at": 1, "reason": "test", "untold": True}
        mongo.get_default_database()["sessions"].update_one({"_id": signed_in.session_id}, {"$set": ended})
    assert (await asyncio.wait_for(heard.get(), 10)).sessions == [signed_in.session_id]
    assert await refused(gateway.authenticate(signed_in.access_token)) is Code.SESSION_REVOKED


async def test_sessions_survive_the_death_of_an_instance(
    instances: list[Program], signed_in: SignedIn, call: Caller, gateway: Sessions, space: Space
) -> None:
    instances[0].kill()
    with space.redis() as redis:
        redis.flushdb()
    assert (await gateway.authenticate(signed_in.access_token)).user == signed_in.user.id
    assert (await call.rpc.call(auth.REFRESH, auth.Refresh(signed_in.refresh_token))).user.id == signed_in.user.id
    instances[0].start()
    await asyncio.to_thread(instances[0].wait_ready)


async def test_only_fingerprints_of_refresh_tokens_are_stored(signed_in: SignedIn, space: Space) -> None:
    with space.mongo() as mongo:
        database = mongo.get_default_database()
        kept = [repr(document) for name in database.list_collection_names() for document in database[name].find()]
    assert kept
    assert not any(signed_in.refresh_token in text or PASSWORD in text for text in kept)


async def test_an_ended_session_is_removed_by_the_database_some_day(signed_in: SignedIn, space: Space) -> None:
    with space.mongo() as mongo:
        for name in ("sessions", "refresh_tokens"):
            indexes = mongo.get_default_database()[name].index_information()
            assert indexes["remove"]["expireAfterSeconds"] == 0


async def test_without_redis_sessions_are_checked_in_mongodb(signed_in: SignedIn, call: Caller, space: Space) -> None:
    nobody = RedisClient("redis://127.0.0.1:1/0", "test")
    sessions = Sessions(space.environment["JWT_SECRET"], nobody.client, call.rpc)

    async def is_known() -> bool:
        return (await sessions.authenticate(signed_in.access_token)).user == signed_in.user.id

    await eventually(is_known, "auth answers in place of Redis")
    await nobody.stop()


async def listen(call: Caller, heard: Callable[[SessionRevoked], None]) -> None:
    """Consume as a gateway does, on a queue of our own."""

    async def consumer(delivery: DeliveredMessage) -> None:
        assert delivery.header.properties.message_type == NOTICE_TYPE
        notice: object = decode(delivery.body, AnyNotice)  # type: ignore[arg-type]
        if isinstance(notice, SessionRevoked):
            heard(notice)

    channel = await call.link.channel()
    queue = Queue(f"test-{secrets.token_hex(4)}", durable=False, exclusive=True)
    await declare(channel, queue)
    await bind(channel, queue, NOTICES)
    await channel.basic_consume(queue.name, consumer, no_ack=True)
