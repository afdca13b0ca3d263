"""A chat server as a team would write it with python-socketio: rooms over several servers with the RabbitMQ manager,
each message stored in MongoDB by a majority before anybody is told. Measured beside Warren, never part of it.

Run by `uvicorn server:app`. Environment: MONGODB_URI, RABBITMQ_URL, COLLECTIONS (prefix of its collections).
"""

import os
from datetime import UTC, datetime
from typing import Any

import socketio  # type: ignore[import-not-found]  # in the peers' own environment
from pymongo import AsyncMongoClient
from pymongo.write_concern import WriteConcern

mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(os.environ["MONGODB_URI"])
db = mongo.get_default_database()
rooms = db[f"{os.environ['COLLECTIONS']}rooms"]
messages = db.get_collection(f"{os.environ['COLLECTIONS']}messages", write_concern=WriteConcern(w="majority", j=True))
sio = socketio.AsyncServer(
    async_mode="asgi",
    client_manager=socketio.AsyncAioPikaManager(os.environ["RABBITMQ_URL"]),
    transports=["websocket"],
)
app = socketio.ASGIApp(sio)


@sio.event  # type: ignore[untyped-decorator]
async def connect(sid: str, _environ: dict[str, Any], auth: dict[str, str] | None) -> None:
    """A user signs in and enters their rooms."""
    user = (auth or {}).get("token")
    if not user:
        raise socketio.exceptions.ConnectionRefusedError("sign in first")
    mine = [room["_id"] async for room in rooms.find({"members": user})]
    await sio.save_session(sid, {"user": user, "rooms": set(mine)})
    for room in mine:
        await sio.enter_room(sid, room)
    await sio.emit("ready", to=sid)


@sio.event  # type: ignore[untyped-decorator]
async def message(sid: str, sent: dict[str, str]) -> dict[str, Any]:
    """A member says something."""
    session = await sio.get_session(sid)
    if sent["room"] not in session["rooms"]:
        return {"ok": False, "id": sent["id"]}
    now = datetime.now(UTC)
    stored = {
        "_id": f"{session['user']}:{sent['nonce']}",
        "room": sent["room"],
        "sender": session["user"],
        "body": sent["body"],
    }
    await messages.insert_one({**stored, "at": now})
    await sio.emit("message", {**stored, "at": now.isoformat()}, room=sent["room"])
    return {"ok": True, "id": sent["id"]}
