"""The promises: every value that crosses a process boundary, typed, with no I/O.

Reading order:

    errors.py     the error codes and the one table that maps them to HTTP and socket close codes
    limits.py     every bound that a client can meet
    ids.py        how ids look and how a room finds its partition
    codec.py      MessagePack and JSON encoders and decoders
    topology.py   queues and exchanges as values, with all their arguments
    rpc.py        what a method is, and how a call and its failure look on the wire
    rest.py       bodies of REST requests and the objects in REST answers
    socket.py     frames of `GET /ws` in both directions
    auth.py       methods and notices of the auth service
    presence.py   methods and notices of the presence service
    rooms.py      commands to a room's owner, its answers, and the queries of the messaging service
    events.py     what happened in a room, on its way from the owner to the gateways

        gateway --CommandBatch--> messaging.rooms.p --> owner --EventBatch--> gateway.<incarnation>
        gateway --rpc.Call------> rpc.auth | rpc.presence | rpc.messaging
        auth, presence, messaging --Notice--> warren.notices --> every gateway
"""
