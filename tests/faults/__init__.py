"""Experiments that break Warren on purpose while people chat, and an independent checker that decides what held.

    __main__.py    the command line: `python -m tests.faults --help`
    records.py     what the load client writes down, as types, and the file it goes to
    observed.py    what it writes down of an event
    client.py      one device of one user: does what PROTOCOL.md says a client does, and records everything
    wire.py        its connection; sends.py its messages until they are answered; seen.py what it shows of its rooms
    people.py      accounts and rooms, through the public REST contract
    load.py        all devices together: an open loop of sends, changes, members who come and go, reads
    database.py    what MongoDB holds afterwards
    checker.py     decides C1 to C8 from records and database alone; imports nothing of Warren
    timing.py      recovery times, deliveries per second
    experiment.py  what an experiment is
    experiments/   the experiments: gateways, messaging, servers, clients, operations, overload, mixed; cluster
    flood.py       more than Warren can carry, from a process of its own; flooding.py drives it, raw_socket.py is its
                   client, transcript.py makes records of what that saw
    proxy.py       a TCP proxy that cuts, and one that loses chosen AMQP deliveries
    run.py         one run: load, harm, heal, settle, check
    outcomes.py    what is kept of a run
    campaign.py    everything, again and again, stopped and gone on with at will
    report.py      tables, docs/reports/faults.md
    plot.py        deliveries per second around a fault, as SVG
    safeguards.py  what protects each promise, and how to take it out
    mutations.py   Warren with one safeguard taken out: the checker must notice
    cluster.py     on Compose, with compose_stack.py: three RabbitMQ nodes of which one dies

The promises are those of docs: C1 acknowledged means stored and delivered; C2 nothing twice; C3 one order; C4 every
unknown send resolved; C5 nobody gets what is not theirs; C6 edits, deletes and reactions end equal; C7 unread is
head - read; C8 no acknowledgement without a quorum.
"""
