"""A session's life: begin, refresh, check, end."""

from redis.exceptions import RedisError

from services.auth.revocations import Revocations
from services.auth.session_records import SessionRecord, SessionRecords
from services.auth.session_store import SessionStore
from services.auth.store import Account
from services.auth.tokens import (
    Family,
    Verdict,
    access_token,
    advance,
    fingerprint,
    judge,
    new_refresh_token,
)
from warren.chassis.clock import Clock
from warren.chassis.telemetry import get_logger
from warren.contracts.auth import CheckSession, Logout, SessionState
from warren.contracts.errors import Code, Refusal
from warren.contracts.ids import new_id
from warren.contracts.rest import SignedIn
from warren.contracts.rpc import Nothing

RACES = 5
"""Rotations of one session that may come between reading and writing before the caller is told to try again."""

log = get_logger("sessions")


class Sessions:
    """`life_seconds` is how long a session lasts, however often it is refreshed."""

    def __init__(
        self,
        records: SessionRecords,
        store: SessionStore,
        revocations: Revocations,
        clock: Clock,
        *,
        secret: str,
        life_seconds: int,
    ) -> None:
        self._records = records
        self._store = store
        self._revocations = revocations
        self._clock = clock
        self._secret = secret
        self._life_ms = life_seconds * 1000

    async def begin(self, account: Account, device: str | None) -> SignedIn:
        """A new session for somebody who has just proved who they are."""
        now = self._clock()
        refresh_token = new_refresh_token()
        family = Family([fingerprint(refresh_token)], [], now)
        record = SessionRecord(new_id(), account.id, device, now, now + self._life_ms, family)
        await self._records.add(record)
        try:
            await self._store.put(record, now)
        except RedisError as error:  # gateways ask `check`, which enters it
            log.warning("a new session is not in Redis yet", session=record.id, error=str(error))
        return self._signed_in(account, record, refresh_token, now)

    async def rotate(self, refresh_token: str) -> tuple[SessionRecord, str]:
        """The session of a refresh token, and its next token. A reused token ends the session."""
        presented = fingerprint(refresh_token)
        for _ in range(RACES):
            now = self._clock()
            record = await self._records.by_token(presented)
            if record is None:
                raise Refusal(Code.UNAUTHENTICATED, "This refresh token is not known; sign in again.")
            if not record.is_alive(now):
                raise ended()
            verdict = judge(record.family, presented, now)
            if verdict is Verdict.REUSED:
                log.warning("a refresh token was used again", session=record.id, user=record.user)
                await self._end(record.id, record.user, "refresh token reused")
                raise ended()
            fresh = new_refresh_token()
            await self._records.add_token(fingerprint(fresh), record)
            if await self._records.replace_family(record, advance(record.family, verdict, fingerprint(fresh), now)):
                return record, fresh
        raise Refusal(Code.OVERLOADED, "This session is refreshed too often at once.", retry_after_ms=1000)

    def answer(self, account: Account, record: SessionRecord, refresh_token: str) -> SignedIn:
        return self._signed_in(account, record, refresh_token, self._clock())

    async def logout(self, request: Logout) -> Nothing:
        await self._end(request.session, request.user, "logout")
        return Nothing()

    async def check(self, request: CheckSession) -> SessionState:
        """Called when Redis does not know the session, or does not answer: MongoDB decides."""
        now = self._clock()
        record = await self._alive(request, now)
        try:
            await self._store.put(record, now, unsure=True)
            await self._alive(request, now)  # it may have ended between the first look and `put`
            await self._store.keep(record)
        except RedisError as error:
            log.warning("a session could not be entered in Redis", session=record.id, error=str(error))
        except Refusal:
            await self._store.remove(record.id, record.user)
            raise
        return SessionState(record.user, record.id, record.expires_at // 1000)

    async def _alive(self, request: CheckSession, now: int) -> SessionRecord:
        record = await self._records.by_id(request.session)
        if record is None or record.user != request.user or not record.is_alive(now):
            raise ended()
        return record

    async def _end(self, session: str, user: str, reason: str) -> None:
        await self._records.revoke(session, user, reason, self._clock())
        await self._revocations.tell(session, user)

    def _signed_in(self, account: Account, record: SessionRecord, refresh_token: str, now: int) -> SignedIn:
        token = access_token(self._secret, record.user, record.id, now, record.expires_at)
        return SignedIn(account.own(), token.text, refresh_token, token.life, record.id)


def ended() -> Refusal:
    return Refusal(Code.SESSION_REVOKED, "This session has ended; sign in again.")
