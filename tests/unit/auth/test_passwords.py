"""Hashing in a bounded pool."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher, Type

from services.auth.passwords import MEMORY_KIB, PARALLELISM, TIME_COST, WAITING, Passwords
from warren.contracts.errors import Code, Refusal

QUICK = PasswordHasher(1, 64, 1)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(QUICK, workers=2)
    await made.start()
    yield made
    await made.stop()


async def test_a_password_matches_its_own_hash_only(passwords: Passwords) -> None:
    kept = await passwords.hash("secret one")
    assert await passwords.verify(kept, "secret one")
    assert not await passwords.verify(kept, "secret two")


async def test_an_unknown_login_matches_no_password(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "anything")


async def test_a_broken_hash_matches_no_password(passwords: Passwords) -> None:
    assert not await passwords.verify("not a hash", "anything")


async def test_a_hash_of_other_parameters_is_dated(passwords: Passwords) -> None:
    assert passwords.is_dated(PasswordHasher(2, 64, 1).hash("x"))
    assert not passwords.is_dated(QUICK.hash("x"))


def test_what_is_used_in_earnest_is_argon2id_above_the_recommended_minimum() -> None:
    hasher = PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM)
    assert hasher.type is Type.ID
    assert MEMORY_KIB * TIME_COST >= 19 * 1024 * 2


class Held:
    """A hasher whose hashes end when the test says so."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def hash(self, _password: str) -> str:
        assert self.release.wait(10)
        return "hash"


async def test_a_full_pool_refuses_at_once_with_a_time_to_retry() -> None:
    held = Held()
    passwords = Passwords(held, workers=1)  # type: ignore[arg-type]
    running = [asyncio.create_task(passwords.hash("x")) for _ in range(WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as caught:
        await passwords.hash("one too many")
    assert caught.value.code is Code.OVERLOADED
    assert caught.value.retry_after_ms
    held.release.set()
    assert await asyncio.gather(*running) == ["hash"] * WAITING
    assert await passwords.hash("there is room again") == "hash"
    await passwords.stop()
