"""All of the messaging service's MongoDB, and nothing else.

log.py       room_log: append, read; the unique keys here are what guards the promises
runs.py      the form of its documents
members.py   rooms and members: projections of the log, each change raised by `rev` only
indexes.py   what must be indexed
"""
