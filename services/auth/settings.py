"""What the auth service reads from the environment."""

from warren.chassis.settings import Settings


class AuthSettings(Settings, frozen=True, kw_only=True):
    """Nothing of its own yet: JWT_SECRET and JWT_EXPIRE are shared with the gateway."""

    port: int = 7100
