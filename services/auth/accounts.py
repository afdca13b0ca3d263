"""Register, sign in, look up users."""

from services.auth.names import NewAccount, device_name, email_key, nfc
from services.auth.passwords import Passwords
from services.auth.sessions import Sessions
from services.auth.store import Account, AccountStore
from warren.chassis.clock import Clock
from warren.contracts import limits
from warren.contracts.auth import FindUsers, GetUser, GetUsers, Login, Refresh, Register, UserPage, Users
from warren.contracts.errors import Code, Refusal, invalid, not_found
from warren.contracts.ids import new_id
from warren.contracts.rest import SelfUser, SignedIn

USERS_AT_ONCE = 1_000


class Accounts:
    def __init__(self, store: AccountStore, passwords: Passwords, sessions: Sessions, clock: Clock) -> None:
        self._store = store
        self._passwords = passwords
        self._sessions = sessions
        self._clock = clock

    async def register(self, request: Register) -> SignedIn:
        new = NewAccount(request.username, request.email, request.password, request.device)
        await self._store.check_free(new.username, new.email)
        account = Account(
            id=new_id(),
            username=new.username,
            email=new.email,
            email_key=email_key(new.email),
            display_name=new.display_name,
            display_key=new.display_name.casefold(),
            created_at=self._clock(),
        )
        await self._store.add(account, await self._passwords.hash(new.password))
        return await self._sessions.begin(account, new.device)

    async def login(self, request: Login) -> SignedIn:
        """An unknown login and a wrong password are refused alike, in words and in time."""
        password = nfc(request.password)
        account = await self._store.by_login(request.login)
        kept = await self._store.password_of(account.id if account else "")
        matches = await self._passwords.verify(kept, password[: limits.PASSWORD_CHARACTERS[1] + 1])
        if account is None or kept is None or not matches:
            raise Refusal(Code.UNAUTHENTICATED, "The login or the password is wrong.")
        if self._passwords.is_dated(kept):
            await self._store.set_password(account.id, await self._passwords.hash(password))
        return await self._sessions.begin(account, device_name(request.device))

    async def refresh(self, request: Refresh) -> SignedIn:
        record, token = await self._sessions.rotate(request.refresh_token)
        account = await self._store.by_id(record.user)
        if account is None:
            raise Refusal(Code.UNAUTHENTICATED, "This account does not exist any more.")
        return self._sessions.answer(account, record, token)

    async def get_user(self, request: GetUser) -> SelfUser:
        account = await self._store.by_id(request.user)
        if account is None:
            raise not_found("user")
        return account.own()

    async def get_users(self, request: GetUsers) -> Users:
        if len(request.users) > USERS_AT_ONCE:
            raise invalid("users", f"at most {USERS_AT_ONCE}")
        return Users([account.public() for account in await self._store.by_ids(request.users)])

    async def find_users(self, request: FindUsers) -> UserPage:
        limit = min(max(request.limit, 1), limits.PAGE_MAX)
        found = await self._store.starting_with(request.query, request.cursor or "", limit + 1)
        following = found[limit - 1].username if len(found) > limit else None
        return UserPage([account.public() for account in found[:limit]], following)
