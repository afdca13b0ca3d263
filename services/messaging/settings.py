"""Settings of the messaging service."""

from warren.chassis.settings import Settings


class MessagingSettings(Settings, frozen=True, kw_only=True):
    """Nothing beyond what every service reads."""

    port: int = 7300
