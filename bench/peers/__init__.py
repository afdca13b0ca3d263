"""What a team would otherwise write: two small chat servers, started three times each and loaded like Warren.

    socketio_node/    socket.io 4 on Node with the Redis adapter
    socketio_python/  python-socketio on uvicorn with the RabbitMQ manager
    install.py        their packages, in .run/peers, from their own locks
    stack.py          start and stop three of one, beside the servers of a running Warren
    users.py          their users and rooms: a collection in MongoDB

Both store a message by a majority before they emit it. Neither checks a password: that is to their favour.
"""
