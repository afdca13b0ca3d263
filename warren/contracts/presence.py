"""The presence service: who is online. Callers: gateways.

A gateway keeps one lease in Redis, `presence:lease:<lease>`, which it refreshes every LEASE_REFRESH seconds and which
ends by itself LEASE_SECONDS after the last refresh. Each connection is an entry that points at its gateway's lease; a
user is online while the lease of any of their entries is alive, and GRACE_SECONDS longer.

A lease that ended is never revived. A gateway that lost its lease, or whose queue has changed, opens another one under
a new name and tells everything it has again; what hung on the former lease falls off with it.
"""

from msgspec import Struct

from warren.contracts.rest import Presence
from warren.contracts.rpc import Method, Nothing

LEASE_SECONDS = 10
LEASE_REFRESH = 3
GRACE_SECONDS = 5
"""A user whose last connection ended stays online this long, so that a quick reconnect does not flicker."""

STATUSES = ("online", "away", "busy", "invisible", "offline")
HIDDEN = ("invisible", "offline")
"""Who chose one of these is seen as offline, connected or not."""
STATUS_TEXT_CHARACTERS = 128

PRESENCE_USERS = 1_000
"""Users in one GetPresence."""
UPDATE_ITEMS = 1_000
"""Length of each list in one Update; gateways with more to tell send several."""


def lease_key(lease: str) -> str:
    """Redis string with an expiry, set by the gateway: while it exists, the connections under it count."""
    return f"presence:lease:{lease}"


class Connected(Struct, array_like=True):
    """A connection and the user it belongs to. Connection ids are never used twice."""

    connection: str
    user: str


class Update(Struct):
    """What changed at one gateway since its last update, in order, one in flight, repeated until it is answered.

    `number` counts the updates under `lease` from 1; the first one makes the lease known. `queue` is where the gateway
    gets its notices. `watch` and `unwatch` change the set of users that some client of this gateway watches.
    """

    lease: str
    queue: str
    number: int
    connected: list[Connected] = []
    disconnected: list[Connected] = []
    watch: list[str] = []
    unwatch: list[str] = []


class Updated(Struct):
    """The presence of every user in `watch`, as it was `at` (microseconds; see events.PresenceChanged).

    `lost`: the service does not know this lease (any more) and did nothing; open a new one and tell everything.
    """

    presences: list[Presence]
    at: int
    lost: bool = False


class SetStatus(Struct):
    """`validation_failed` unless `status` is one of STATUSES. `text` None keeps the text, "" clears it."""

    user: str
    status: str
    text: str | None = None


class GetPresence(Struct):
    """Up to PRESENCE_USERS users; unknown ones are offline."""

    users: list[str]


class Presences(Struct):
    """In the order of the question."""

    presences: list[Presence]


UPDATE = Method("presence.update", Update, Updated, idempotent=True)
SET_STATUS = Method("presence.set_status", SetStatus, Nothing, idempotent=True)
GET_PRESENCE = Method("presence.get", GetPresence, Presences, idempotent=True)
