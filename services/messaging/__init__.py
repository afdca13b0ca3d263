"""The messaging service: rooms, membership, messages.

__main__.py settings.py service.py   the program, and how it is put together
rpc.py      the table from query to function
dead_letters_cli.py dead_letter_box.py   for operators: commands that could not be carried out
queues_cli.py   for operators: durable queues that another version declared otherwise
rooms/      the write path: owner.py (read this first) -> room.py (the rules) -> fanout.py
canaries.py readiness: a message through each partition comes back
queries/    the read path: any instance answers from MongoDB
store/      all MongoDB

messaging.rooms.p --CommandBatch--> Owner --insert_many--> room_log
                                      `----EventBatch----> gateway.<incarnation> of each gateway that listens
"""
