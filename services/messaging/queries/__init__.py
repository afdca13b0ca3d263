"""The read path: any instance answers from MongoDB.

rooms.py     my rooms, a room, its members
history.py   messages and events of a room
access.py    who may read what
"""
