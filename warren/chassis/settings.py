"""Settings: one typed object per service, read once from the environment, checked before anything starts."""

import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_type_hints

import msgspec
from msgspec import Meta, Struct

DEFAULT_JWT_SECRET = "development-only-secret-0123456789abcdef"
"""Good for trying things out by hand; refused when NODE_ENV=production."""

_DURATION = re.compile(r"^(\d+)([smhd])$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class SettingsError(Exception):
    """A variable has a bad value. The message names it and says what is expected."""


def duration_seconds(text: str) -> int:
    """`7d`, `12h`, `30m`, `45s` in seconds. Raises ValueError."""
    found = _DURATION.match(text)
    if not found:
        raise ValueError("expected a number and one of s, m, h, d, such as 7d")
    return int(found[1]) * _UNITS[found[2]]


class Settings(Struct, frozen=True, kw_only=True):
    """What every service reads. A variable X may also be given as X_FILE, the path of a file with its value."""

    port: Annotated[int, Meta(ge=1, le=65535, description="Port of REST (gateway), health and metrics.")] = 5000
    server_id: Annotated[str, Meta(description="Name of this instance in Consul; default: service-hostname-port.")] = ""
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    advertise_address: Annotated[str, Meta(description="Address to register in Consul; default: HOST, or this "
                                           "host's own when HOST is 0.0.0.0.")] = ""  # fmt: skip
    cluster_mode: Annotated[bool, Meta(description="false: one instance of each service.")] = True
    node_env: Annotated[Literal["development", "production"], Meta(description="production refuses default "
                        "secrets.")] = "development"  # fmt: skip
    mongodb_uri: Annotated[str, Meta(description="MongoDB replica set.")] = "mongodb://127.0.0.1:27017/warren"
    redis_url: Annotated[str, Meta(description="Redis.")] = "redis://127.0.0.1:6379/0"
    rabbitmq_url: Annotated[str, Meta(description="RabbitMQ.")] = "amqp://guest:guest@127.0.0.1:5672/"
    consul_http_addr: Annotated[str, Meta(description="Consul's HTTP address.")] = "127.0.0.1:8500"
    jwt_secret: Annotated[str, Meta(min_length=32, description="Signs access tokens; 32 characters or more.")] = (
        DEFAULT_JWT_SECRET
    )
    jwt_expire: Annotated[str, Meta(pattern=_DURATION.pattern, description="Life of a session.")] = "7d"
    client_url: Annotated[str, Meta(description="Allowed origins, comma separated.")] = "http://localhost:3000"
    room_partitions: Annotated[int, Meta(ge=1, le=256, description="Partitions of the room queues.")] = 1
    rate_limits: Annotated[bool, Meta(description="off for benchmarks; refused in production.")] = True
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level of logs.")] = (
        "info"
    )

    def check(self) -> None:
        """Rules across variables. Raises SettingsError."""
        if self.node_env == "production" and self.jwt_secret == DEFAULT_JWT_SECRET:
            raise SettingsError("JWT_SECRET: production needs a secret of your own (openssl rand -base64 48)")
        if self.node_env == "production" and not self.rate_limits:
            raise SettingsError("RATE_LIMITS: off is for benchmarks and refused when NODE_ENV=production")

    @property
    def session_seconds(self) -> int:
        return duration_seconds(self.jwt_expire)

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(url.strip().rstrip("/") for url in self.client_url.split(",") if url.strip())

    @property
    def address(self) -> str:
        """The address that others reach this instance at."""
        if self.advertise_address:
            return self.advertise_address
        if self.host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            return self.host
        return socket.gethostbyname(socket.gethostname())

    @classmethod
    def load(cls, service: str, environ: Mapping[str, str]) -> Self:
        """Read and check everything. Raises SettingsError with one line."""
        values: dict[str, Any] = {}
        hints = get_type_hints(cls, include_extras=True)
        for field in msgspec.structs.fields(cls):
            name = field.name.upper()
            text = _read(name, environ)
            if text is None or text == "":
                continue
            values[field.name] = _convert(name, text, hints[field.name])
        port = values.get("port", cls.__struct_defaults__[cls.__struct_fields__.index("port")])
        values.setdefault("server_id", f"{service}-{socket.gethostname()}-{port}")
        settings = cls(**values)
        settings.check()
        return settings

    @classmethod
    def reference(cls) -> str:
        """The variables with their defaults and meaning, for --help."""
        lines = []
        hints = get_type_hints(cls, include_extras=True)
        for field in msgspec.structs.fields(cls):
            about = next((m.description for m in getattr(hints[field.name], "__metadata__", ()) if m.description), "")
            default = str(field.default).lower() if isinstance(field.default, bool) else field.default
            lines.append(f"  {field.name.upper():20} {about} (default: {default})")
        return "\n".join(lines)


def _read(name: str, environ: Mapping[str, str]) -> str | None:
    path = environ.get(f"{name}_FILE")
    if not path:
        return environ.get(name)
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{name}_FILE: cannot read {path}: {error.strerror}") from error


def _convert(name: str, text: str, kind: Any) -> Any:
    plain = getattr(kind, "__origin__", kind)
    if plain is bool:
        lowered = text.lower()
        if lowered not in ("true", "false", "on", "off", "1", "0"):
            raise SettingsError(f"{name}: expected true or false, got {text!r}")
        return lowered in ("true", "on", "1")
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        shown = "the given value" if "secret" in name.lower() else repr(text)
        raise SettingsError(f"{name}: {error} (got {shown})") from error


def load_or_exit(
    kind: "type[Settings]", service: str, environ: Mapping[str, str], argv: list[str], also: str = ""
) -> Any:
    """What each service's `__main__` does first: --help, --check-settings, or the settings object.

    A bad value ends the process with one line on stderr and exit code 2. `also`: what --help says of other uses.
    """
    if "--help" in argv or "-h" in argv:
        print(f"usage: python -m services.{service} [--check-settings]\n\nEnvironment:\n{kind.reference()}")  # noqa: T201
        if also:
            print(f"\n{also}")  # noqa: T201
        sys.exit(0)
    unknown = [word for word in argv if word != "--check-settings"]
    if unknown:
        sys.exit(f"services.{service}: unknown argument {unknown[0]!r}; see --help")
    try:
        settings = kind.load(service, environ)
    except SettingsError as error:
        print(f"services.{service}: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    if "--check-settings" in argv:
        print(f"services.{service}: settings are valid")  # noqa: T201
        sys.exit(0)
    return settings
