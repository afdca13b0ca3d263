"""Accounts, credentials, tokens and sessions.

__main__.py       the program
service.py        builds every object once
settings.py       what it reads from the environment
rpc.py            the table from contract to function
accounts.py       register, sign in, look up users
names.py          pure: what a username, an email, a password may be
passwords.py      argon2id in a bounded thread pool
sessions.py       a session's life: begin, refresh, check, end
tokens.py         pure: access tokens, and what a presented refresh token means
revocations.py    tells Redis and the gateways that a session has ended, until they know
notices.py        news for all gateways
store.py          users and credentials in MongoDB
session_records.py  durable sessions and refresh-token families in MongoDB
session_store.py  live sessions in Redis

    gateway --rpc.auth--> one of the instances --> MongoDB (the truth), Redis (what every gateway reads)
    an ended session: MongoDB first, then Redis, then a notice to all gateways
"""
