"""The table from query to the function that answers it."""

from services.messaging.queries.history import HistoryQueries
from services.messaging.queries.rooms import RoomQueries
from warren.chassis.rpc_server import RpcServer
from warren.contracts import rooms


def answer_queries(server: RpcServer, room_queries: RoomQueries, history: HistoryQueries) -> None:
    server.answer(rooms.ROOMS_OF, room_queries.rooms_of)
    server.answer(rooms.LIST_ROOMS, room_queries.list_rooms)
    server.answer(rooms.GET_ROOM, room_queries.get_room)
    server.answer(rooms.LIST_MEMBERS, room_queries.list_members)
    server.answer(rooms.HISTORY, history.history)
    server.answer(rooms.EVENTS_AFTER, history.events_after)
