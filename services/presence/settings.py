"""What the presence service reads from the environment."""

from typing import Annotated

from msgspec import Meta

from warren.chassis.settings import Settings
from warren.contracts.presence import GRACE_SECONDS


class PresenceSettings(Settings, frozen=True, kw_only=True):
    """Shared settings, and the grace."""

    port: Annotated[int, Meta(ge=1, le=65535, description="Port of health and metrics.")] = 7200
    presence_grace_seconds: Annotated[
        float, Meta(ge=0, le=300, description="A user stays online this long after their last connection ended.")
    ] = GRACE_SECONDS
