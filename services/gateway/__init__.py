"""The gateway: REST for requests, WebSockets for everything live. No database, no business rules.

__main__.py settings.py service.py   the program, and how it is put together
sockets/    one socket from handshake to close: listener.py -> connection.py -> outbound.py
rooms/      rooms as this gateway sees them: commands.py out, receiver.py in, local_rooms.py to the sockets
rest/       one file for each topic of the REST contract
presence/   this gateway's lease, its connections, and what its clients watch
sessions.py     who is it: access token and session
isolation.py    the broker is lost to this gateway alone: its sockets go to others.py
limits.py       rates        text.py   message bodies as they are stored

socket -> Connection -> CommandSender --CommandBatch--> owner
sockets <- LocalRooms <- Receiver <----EventBatch------ owner
"""
