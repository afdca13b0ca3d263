"""Settings of the messaging service."""

from typing import Annotated

from msgspec import Meta

from warren.chassis.settings import Settings


class MessagingSettings(Settings, frozen=True, kw_only=True):
    """Nothing beyond what every service reads, but for the default port."""

    port: Annotated[int, Meta(ge=1, le=65535, description="Port of health and metrics.")] = 7300
