"""The table from query to the function that answers it."""

from services.messaging.queries.history import HistoryQueries
from services.messaging.queries.rooms import RoomQueries
from warren.chassis.rpc_server import RpcServer
from warren.contracts import queries


def answer_queries(server: RpcServer, room_queries: RoomQueries, history: HistoryQueries) -> None:
    server.answer(queries.ROOMS_OF, room_queries.rooms_of)
    server.answer(queries.LIST_ROOMS, room_queries.list_rooms)
    server.answer(queries.GET_ROOM, room_queries.get_room)
    server.answer(queries.LIST_MEMBERS, room_queries.list_members)
    server.answer(queries.HISTORY, history.history)
    server.answer(queries.EVENTS_AFTER, history.events_after)
