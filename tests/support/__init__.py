"""What tests share.

servers.py    RabbitMQ, MongoDB, Redis, Consul on private ports, started once for the run
spaces.py     a database, a Redis database and a vhost of one's own on these servers
processes.py  Warren's programs as processes, and waiting until they are ready
calls.py      an RPC client on the real broker
waiting.py    wait for a fact, not for time
"""
