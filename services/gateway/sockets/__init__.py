"""One socket from handshake to close.

listener.py    accepts, checks origin and subprotocol, pings, drains
connection.py  frames in: hello first, then what each op does
rates.py       how many frames a socket may send
hello.py       from token to `ready`: session, rooms, what was missed
outbound.py    bytes out: one write a tick, bounded
encode.py      WebSocket frames as bytes
"""
