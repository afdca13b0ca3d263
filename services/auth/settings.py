"""What the auth service reads from the environment."""

from typing import Annotated

from msgspec import Meta

from warren.chassis.settings import Settings


class AuthSettings(Settings, frozen=True, kw_only=True):
    """JWT_SECRET and JWT_EXPIRE are shared with the gateway; auth needs nothing else of its own."""

    port: Annotated[int, Meta(ge=1, le=65535, description="Port of health and metrics.")] = 7100
