"""Rooms as this gateway sees them.

commands.py     commands to the owners: adaptive batches
backlog.py      those of one partition: what may gather, when they leave, when they are sent again
waiters.py      who waits for their answers, and until when
receiver.py     this gateway's queue: answers, events, news
local_rooms.py  the rooms that local sockets need: who needs them, what owners say of them, let go
in_step.py      each kept in step with its owner: opened, events in their order, what was missed fetched
audience.py     which sockets get what: who is here, who has the room, what a socket missed
local_room.py   one of them: head, members, recent frames, sockets
repair.py       what was missed: from recent events, else from the owner, else from the log
listener_sets.py   after Redis lost something: this gateway's name back into the sets that new owners read
memberships.py  which rooms a user is in, asked once for all who come in meanwhile
canaries.py     whether every partition answers, for the health report
reads.py        read marks, coalesced
"""
