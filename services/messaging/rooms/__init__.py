"""Rooms as their owner keeps them; the write path in reading order.

owner.py        the write loop on one screen: carry out, project, fan out, settle
rounds.py       carrying out: load, decide, store, again where the memory was stale
consumer.py     the partition queues: what has arrived, and settling it
pace.py         when the next write begins
suspects.py     batches that have come again too often: one by one
cache.py        rooms in memory, loaded from the log when needed
room.py         the rules of one room: pure, commands in, entries out
room_state.py   what a room is in memory, as its log made it
permissions.py  who may do what
entries.py      an entry of the log, and the event that clients see
work.py         what one write has to do and what came of it, by room
fanout.py       one message per listening gateway
listeners.py    which gateways listen to which room
notices.py      rare news for all gateways
dead_letters.py commands that cannot be carried out, with their reason
"""
