"""The gateway, put together in reading order."""

from services.gateway.isolation import Isolation
from services.gateway.limits import RateLimits
from services.gateway.others import Others
from services.gateway.presence import PresenceLink
from services.gateway.rest.app import install
from services.gateway.rest.traced import TracedCommands
from services.gateway.rooms.canaries import PartitionCanaries
from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.listener_sets import ListenerSets
from services.gateway.rooms.local_rooms import LocalRooms
from services.gateway.rooms.memberships import Memberships
from services.gateway.rooms.reads import ReadMarks
from services.gateway.rooms.receiver import Receiver
from services.gateway.rooms.repair import Missed
from services.gateway.sessions import Sessions
from services.gateway.settings import GatewaySettings
from services.gateway.sockets.hello import Greeter
from services.gateway.sockets.listener import SocketServer
from services.gateway.sockets.outbound import Flusher
from warren.chassis.instance import Instance
from warren.chassis.redis import RedisClient
from warren.contracts.ids import new_id


async def serve(settings: GatewaySettings) -> int:
    """Run one instance until it is told to stop. Returns the exit code."""
    base = Instance("gateway", settings, meta={"socket_port": str(settings.ws_port)})
    base.register_also("gateway-socket", f"{settings.server_id}-socket", settings.ws_port)
    redis = RedisClient(settings.redis_url, settings.server_id)
    rpc = base.rpc_client()
    incarnation = f"{settings.server_id}.{new_id()}"

    commands = CommandSender(settings.room_partitions, base.tasks)
    canaries = PartitionCanaries(commands, settings.room_partitions, base.tasks)
    local_rooms = LocalRooms(commands, Missed(rpc), base.tasks)
    listener_sets = ListenerSets(incarnation, redis.client, local_rooms, base.tasks)
    sessions = Sessions(settings.jwt_secret, redis.client, rpc)
    flusher = Flusher()
    presence = PresenceLink(
        incarnation=incarnation,
        queue="",
        redis=redis.client,
        rpc=rpc,
        tasks=base.tasks,
        deliver=lambda connection, news: sockets.deliver_presence(connection, news),  # noqa: PLW0108 - made below
    )
    sockets = SocketServer(
        host=settings.host,
        port=settings.ws_port,
        origins=settings.origins,
        drain_seconds=settings.drain_seconds,
        commands=commands,
        local_rooms=local_rooms,
        reads=ReadMarks(commands),
        greeter=Greeter(settings.server_id, sessions, Memberships(rpc), local_rooms),
        presence=presence,
        rate_limits=settings.rate_limits,
        flusher=flusher,
        tasks=base.tasks,
        cut_off=lambda: isolation.cut_off,
    )

    def moved(queue: str) -> None:
        listener_sets.moved(queue)
        presence.moved(queue)

    receiver = Receiver(
        incarnation,
        commands=commands,
        local_rooms=local_rooms,
        flusher=flusher,
        on_presence=presence.on_notice,
        on_revoked=sockets.on_revoked,
        on_moved=moved,
    )
    base.broker.on_connect(receiver.open)
    isolation = Isolation(
        is_connected=lambda: base.broker.is_up,
        queue=receiver,
        others=Others(base.discovery.others),
        send_away=sockets.send_away,
        tasks=base.tasks,
    )
    rates = RateLimits(settings.rate_limits)
    asked = TracedCommands(commands)
    install(base.app, settings=settings, sessions=sessions, rpc=rpc, commands=asked, limits=rates)

    base.check("redis", redis.check)
    base.check("rabbitmq", receiver.check)
    base.health.at_once("rabbitmq", isolation.finding)
    base.health.tell("sockets", lambda: f"{len(sockets)} open, {len(local_rooms)} rooms listened to")
    base.health.tell("partitions", canaries.figure)
    base.health.tell("presence", presence.figure)
    return await base.run([redis], [commands, canaries, listener_sets, presence, sockets, isolation])
