"""Numbers that anyone can repeat: `python -m bench team --rate 1000`, `python -m bench --help`.

    __main__.py   the command line, tables and JSON
    workloads.py  who talks to whom: rooms and members of each workload
    system.py     the Warren that is measured: its addresses, and the CPU seconds of its parts
    users.py      accounts and rooms, made once and kept for the next run
    load.py       one load process: sockets, an open loop of sends, what came back and when
    wire.py       a WebSocket client that reads thousands of frames for the price of a few
    run.py        one measurement: start load processes, add up what they saw

Latency counts from the moment at which a message should have been sent (open loop), so a system that falls behind
cannot hide it. The load generator is honest about itself: it reports its own CPU and how late it sent.
"""
