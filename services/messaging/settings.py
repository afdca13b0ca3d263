"""Settings of the messaging service."""

from typing import Annotated

from msgspec import Meta

from warren.chassis.settings import Settings


class MessagingSettings(Settings, frozen=True, kw_only=True):
    """What every service reads, and how rooms are shared among the instances."""

    port: Annotated[int, Meta(ge=1, le=65535, description="Port of health and metrics.")] = 7300
    room_spread: Annotated[bool, Meta(description="true: all instances own partitions; false: one owns all, the others "
                                      "stand by. Worth it once an owner fills a core.")] = False  # fmt: skip
