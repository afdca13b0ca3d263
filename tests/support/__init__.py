"""What tests share.

servers.py    RabbitMQ, MongoDB, Redis, Consul on private ports, started once for the run
spaces.py     a database, a Redis database and a vhost of one's own on these servers
processes.py  Warren's programs as processes, and waiting until they are ready
calls.py      an RPC client on the real broker
stack.py      the whole of Warren, started by its own deployment command, and ways to harm it
client.py     the public protocol as a client speaks it: one socket, one account
chatter.py    a client that reconnects, resumes and never loses anything; several that chat at once
sharing.py    which worker runs which tests, when there are several
owner.py      which messaging instance owns a room now
browsers.py   Chromium, and Warren's web client in it
waiting.py    wait for a fact, not for time
"""

import pytest

# So that their assertions say what they found, as those of tests do.
_ASSERTING = ("browsers", "chatter", "client", "owner", "processes", "servers", "spaces", "stack", "waiting")
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in _ASSERTING))
