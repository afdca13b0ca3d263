"""Who is online, as others may see it. Cost follows gateways: each keeps one lease, whatever the number of its users.

__main__.py   the program
service.py    builds every object once
settings.py   what it reads from the environment
rpc.py        the table from contract to function
directory.py  what gateways ask and tell
engine.py     pure: a user's entries, leases and status at a time -> what others see, and until when
leases.py     everything in Redis: leases, entries of connections, watches, statuses, users to look at
scripts/      the atomic steps of leases.py, in Lua; keys.lua lists all keys
changes.py    per tick: users to look at -> news to the gateways that watch them
sweeper.py    leases that ended: their entries and watches fall off

    gateway --SET presence:lease:<lease>--> Redis                       (one, refreshed)
    gateway --rpc.presence: Update--> any instance --> Redis            (connections, watches; marks users to look at)
    any instance: looks at the marked users --PresenceChanged--> queues of the gateways that watch them

All state is in Redis, every step is one script there, so any instance may do any step at any time: there is no leader.
"""
