"""Settings of the gateway."""

from typing import Annotated

from msgspec import Meta

from warren.chassis.settings import Settings


class GatewaySettings(Settings, frozen=True, kw_only=True):
    socket_port: Annotated[int, Meta(ge=0, le=65535, description="Port of /ws; 0 = PORT + 1000.")] = 0
    drain_seconds: Annotated[int, Meta(ge=0, le=15, description="On stop, sockets reconnect spread over this.")] = 5

    @property
    def ws_port(self) -> int:
        return self.socket_port or self.port + 1000
