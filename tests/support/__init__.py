"""What tests share.

servers.py    RabbitMQ, MongoDB, Redis, Consul on private ports, started once for the run
spaces.py     a database, a Redis database and a vhost of one's own on these servers
processes.py  Warren's programs as processes, and waiting until they are ready
calls.py      an RPC client on the real broker
stack.py      the whole of Warren, started by its own deployment command, and ways to harm it
client.py     the public protocol as a client speaks it: one socket, one account
chatter.py    a client that reconnects, resumes and never loses anything; several that chat at once
browsers.py   Chromium, and Warren's web client in it
waiting.py    wait for a fact, not for time
"""
