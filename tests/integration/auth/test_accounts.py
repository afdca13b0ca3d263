"""Accounts against the real servers: who may be called what, and what a wrong password tells."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest

from tests.conftest import StartProgram
from tests.support.calls import Caller, caller
from tests.support.spaces import Space
from warren.contracts import auth
from warren.contracts.errors import Code, Refusal
from warren.contracts.rest import SignedIn

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module", autouse=True)
def instance(start: StartProgram) -> None:
    start("auth")


@pytest.fixture
async def call(space: Space) -> AsyncIterator[Caller]:
    async with caller(space) as made:
        yield made


def unique(prefix: str = "user") -> str:
    return f"{prefix}-{secrets.token_hex(4)}"


async def register(call: Caller, username: str, email: str | None = None, password: str = PASSWORD) -> SignedIn:
    return await call.rpc.call(auth.REGISTER, auth.Register(username, email or f"{username}@example.org", password))


async def login(call: Caller, name: str, password: str = PASSWORD) -> SignedIn:
    return await call.rpc.call(auth.LOGIN, auth.Login(name, password))


async def refusal(work: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_a_registered_user_signs_in_by_username_and_by_email_in_any_case(call: Caller) -> None:
    name = unique("Ada")
    registered = await register(call, name, f"{name}@Example.org")
    for spelling in (name, name.lower(), name.upper(), f"{name}@example.org", f"{name.upper()}@EXAMPLE.ORG"):
        assert (await login(call, spelling)).user == registered.user
    assert registered.user.username == name.lower()
    assert registered.user.display_name == name


async def test_each_sign_in_is_a_session_of_its_own(call: Caller) -> None:
    name = unique()
    sessions = {(await register(call, name)).session_id, (await login(call, name)).session_id}
    assert len(sessions) == 2


async def test_a_taken_username_is_a_conflict_that_names_it(call: Caller) -> None:
    name = unique("bob")
    await register(call, name)
    refused = await refusal(register(call, name.upper(), f"{unique()}@example.org"))
    assert refused.code is Code.CONFLICT
    assert [error.field for error in refused.errors] == ["username"]


async def test_a_taken_email_is_a_conflict_that_names_it_in_any_case(call: Caller) -> None:
    name = unique("eve")
    await register(call, name)
    refused = await refusal(register(call, unique(), f"{name.upper()}@EXAMPLE.org"))
    assert refused.code is Code.CONFLICT
    assert [error.field for error in refused.errors] == ["email"]


async def test_of_two_who_want_a_name_at_once_one_gets_it(call: Caller) -> None:
    name = unique()
    answers = await asyncio.gather(
        *(register(call, name, f"{unique()}@example.org") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
    assert all(answer.code is Code.CONFLICT for answer in answers if isinstance(answer, Refusal))
    await login(call, name)


async def test_every_bad_field_is_named(call: Caller) -> None:
    refused = await refusal(register(call, "a b", "nobody", "short"))
    assert refused.code is Code.VALIDATION_FAILED
    assert {error.field for error in refused.errors} == {"username", "email", "password"}


async def test_a_wrong_password_and_an_unknown_login_look_alike(call: Caller) -> None:
    name = unique()
    await register(call, name)
    wrong = await refusal(login(call, name, "not this one"))
    unknown = await refusal(login(call, unique(), "not this one"))
    assert (wrong.code, wrong.detail) == (unknown.code, unknown.detail)
    assert wrong.code is Code.UNAUTHENTICATED


async def test_an_unknown_login_takes_as_long_as_a_wrong_password(call: Caller) -> None:
    name = unique()
    await register(call, name)

    async def least(login_name: str) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            await refusal(login(call, login_name, "not this one"))
            times.append(time.perf_counter() - began)
        return min(times)

    known, unknown = await least(name), await least(unique())
    assert unknown > known / 4, "without the hash it would be a tenth; a noisy machine doubles it"


async def test_a_password_typed_on_another_keyboard_is_the_same(call: Caller) -> None:
    name = unique()
    await register(call, name, password="cafe\u0301-ole\u0301")
    await login(call, name, "caf\u00e9-ol\u00e9")


async def test_the_users_of_a_page_follow_by_username(call: Caller) -> None:
    prefix = unique("page")
    names = [f"{prefix}-{number}" for number in range(5)]
    for name in names:
        await register(call, name)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await call.rpc.call(auth.FIND_USERS, auth.FindUsers(prefix.upper(), cursor, 2))
        seen += [user.username for user in page.users]
        cursor = page.next
        if cursor is None:
            break
    assert seen == names


async def test_users_are_told_to_others_without_their_email(call: Caller) -> None:
    signed_in = await register(call, unique())
    answer = await call.rpc.call(auth.GET_USERS, auth.GetUsers([signed_in.user.id, "nobody"]))
    assert [user.id for user in answer.users] == [signed_in.user.id]
    assert not hasattr(answer.users[0], "email")
    own = await call.rpc.call(auth.GET_USER, auth.GetUser(signed_in.user.id))
    assert own == signed_in.user


async def test_an_unknown_user_is_not_found(call: Caller) -> None:
    assert (await refusal(call.rpc.call(auth.GET_USER, auth.GetUser("nobody")))).code is Code.NOT_FOUND


async def test_too_many_sign_ins_at_once_are_refused_with_a_time_to_retry(call: Caller) -> None:
    name = unique()
    await register(call, name)
    answers = await asyncio.gather(*(login(call, name, "not this one") for _ in range(64)), return_exceptions=True)
    codes = {answer.code for answer in answers if isinstance(answer, Refusal)}
    assert codes <= {Code.UNAUTHENTICATED, Code.OVERLOADED, Code.DEADLINE_EXCEEDED}
    overloaded = [answer for answer in answers if isinstance(answer, Refusal) and answer.code is Code.OVERLOADED]
    assert overloaded
    assert all(answer.retry_after_ms for answer in overloaded)
