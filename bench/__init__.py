"""Numbers that anyone can repeat: `python -m bench team --find`, `python -m bench --help`.

    __main__.py   the command line
    campaign.py   several measurements after one another, and the search for the highest rate that holds
    own.py        a Warren that is started for the measurement, when none runs
    workloads.py  who talks to whom: rooms and members of each workload
    system.py     what is measured: addresses, and the CPU seconds and memory of its parts
    users.py      accounts and rooms, made once and kept for the next run
    run.py        one measurement of an open loop
    idle.py       sockets that say nothing; all sockets cut at once
    kill.py       kill -9 one server of three
    curves.py     how the cost of a message grows
    flame.py      flame graphs under load
    capacity.py   what the measured costs come to for millions of connections
    process.py    load processes, seen from outside
    load.py       the load process: sockets, an open loop of sends, what came back and when
    returning.py  the load process of the kill experiment
    wire.py       a WebSocket client that reads thousands of frames for the price of a few
    dialects.py   what the servers speak
    figures.py    times, percentiles, and the figures of a measurement
    search.py     which rate to try next
    show.py       tables
    plot.py       SVG
    peers/        what a team would write otherwise, measured the same way

Latency counts from the moment at which a message should have been sent (open loop), so a system that falls behind
cannot hide it. The load generator is honest about itself: it reports its own CPU and how late it sent, and a run says
when something else used the machine.
"""
