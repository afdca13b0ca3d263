"""The parts of the checker's decision. Pure: records and database in, violations out; nothing of Warren is imported.

history.py   what the checks share: the log by key, membership intervals, what each device had and missed
stored.py    the log itself: one order, nothing twice, only members (C2, C3, C5)
sends.py     every send: acknowledged is stored, unknown is resolved, never without a quorum (C1, C4, C8)
delivery.py  every device: all it is entitled to, in order, once, and nothing else (C1, C2, C3, C5)
messages.py  what edits, deletions and reactions came to (C6)
reads.py     unread counts (C7)
"""
