"""This gateway's side of presence: what the presence service must know of it, and what its clients want to know.

link.py      the lease, the calls, the way of news to the connections
outbox.py    pure: what the service was not told yet, cut into updates
watches.py   pure: which connections watch whom, and the last known presence of each

    sockets --connected, disconnected, watch--> link --Update, one in flight--> presence service
    sockets <--deliver-- link <--answer of the Update | PresenceChanged-- presence service
"""

from services.gateway.presence.link import PresenceLink, Timing

__all__ = ["PresenceLink", "Timing"]
