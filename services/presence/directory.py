"""What gateways tell and ask."""

from services.presence.engine import View, view
from services.presence.leases import Leases, Outcome, Snapshot
from warren.contracts.errors import invalid
from warren.contracts.presence import (
    PRESENCE_USERS,
    STATUS_TEXT_CHARACTERS,
    STATUSES,
    GetPresence,
    Presences,
    SetStatus,
    Update,
    Updated,
)
from warren.contracts.rpc import Nothing


class Directory:
    """Every method may raise Refusal(unavailable): Redis does not answer."""

    def __init__(self, leases: Leases, grace_ms: int) -> None:
        self._leases = leases
        self._grace_ms = grace_ms

    async def update(self, update: Update) -> Updated:
        """Apply the changes of a gateway and answer the presence of those it now watches."""
        outcome = await self._leases.update(update)
        if outcome is Outcome.LOST:
            return Updated([], 0, lost=True)
        if not update.watch:
            return Updated([], 0)
        snapshot = await self._leases.facts(update.watch)
        views = self._views(snapshot)
        # A watcher that was told more than the others would miss the way back: if the change is undone before the
        # next tick looks, the others have nothing to learn, but this one has.
        ahead = [f.user for f, v in zip(snapshot.facts, views, strict=True) if v.mark != f.told]
        if ahead:
            await self._leases.retell(ahead)
        return Updated([each.presence for each in views], snapshot.at)

    async def set_status(self, request: SetStatus) -> Nothing:
        if request.status not in STATUSES:
            raise invalid("status", f"must be one of {', '.join(STATUSES)}")
        if request.text is not None and len(request.text) > STATUS_TEXT_CHARACTERS:
            raise invalid("text", f"must have at most {STATUS_TEXT_CHARACTERS} characters")
        await self._leases.set_status(request.user, request.status, request.text)
        return Nothing()

    async def get(self, request: GetPresence) -> Presences:
        if len(request.users) > PRESENCE_USERS:
            raise invalid("users", f"must be at most {PRESENCE_USERS}")
        snapshot = await self._leases.facts(request.users)
        return Presences([each.presence for each in self._views(snapshot)])

    def _views(self, snapshot: Snapshot) -> list[View]:
        return [view(facts, snapshot.leases, snapshot.now, self._grace_ms) for facts in snapshot.facts]
