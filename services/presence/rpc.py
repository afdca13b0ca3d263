"""The table from contract to function."""

from services.presence.directory import Directory
from warren.chassis.rpc_server import RpcServer
from warren.contracts import presence


def answer_all(rpc: RpcServer, directory: Directory) -> None:
    rpc.answer(presence.UPDATE, directory.update)
    rpc.answer(presence.SET_STATUS, directory.set_status)
    rpc.answer(presence.GET_PRESENCE, directory.get)
