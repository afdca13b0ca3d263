"""How cost grows: CPU of a message over room size, users, gateways, rate and batch, the others held still."""

import dataclasses
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench import plot, workloads
from bench.figures import Figures
from bench.run import measure
from bench.system import PROJECT, System, find
from bench.users import prepare
from bench.workloads import Workload

SIZES = (2, 10, 30, 100, 300, 1_000)
SIZE_USERS, SIZE_ROOMS, SIZE_RATE = 1_000, 10, 50.0
USERS = (100, 300, 1_000, 3_000)
USERS_RATE = 200.0
GATEWAYS = (1, 2, 3, 4, 6)
GATEWAYS_RATE = 500.0
RATES = (50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 4_000.0)


NAMES = ("rate", "batch", "users", "size", "gateways")
DRAWN = ("gateways", "messaging", "mongodb", "rabbitmq")


@dataclass(frozen=True)
class Curve:
    """`points` are (what was changed, the figures there)."""

    name: str
    title: str
    changed: str
    points: Sequence[tuple[float, Figures]]

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": "curve",
            "name": self.name,
            "title": self.title,
            "changed": self.changed,
            "points": [{"at": at, **figures.as_dict()} for at, figures in self.points],
        }

    def picture(self) -> str:
        """CPU of a message by part, net of idle, and all parts together."""
        parts = [
            part for part in self.points[0][1].cpu_share if part in ("gateways", "messaging", "mongodb", "rabbitmq")
        ]
        series = {"all parts": [(at, max(1.0, one.cpu_ms_per_message(net=True) * 1e3)) for at, one in self.points]}
        for part in parts:
            series[part] = [(at, max(1.0, one.us_per_message_by_part()[part])) for at, one in self.points]
        return plot.lines(self.title, self.changed, "CPU us a message, net of idle", series, log_x=True, log_y=True)

    def table(self) -> Table:
        shown = Table(title=self.title)
        parts = list(self.points[0][1].cpu_share)
        for heading in (
            self.changed,
            "CPU us/message, net",
            "us/delivery, net",
            *parts,
            "delivery p50 / p99 ms",
            "lost",
        ):
            shown.add_column(heading, justify="right")
        for at, one in self.points:
            split = one.us_per_message_by_part()
            shown.add_row(
                f"{at:g}", f"{one.cpu_ms_per_message(net=True) * 1e3:.0f}", f"{one.cpu_us_per_delivery(net=True):.1f}",
                *[f"{split[part]:.0f}" for part in parts], f"{one.delivery_p50:.0f} / {one.delivery_p99:.0f}",
                str(one.lost),
            )  # fmt: skip
        if (line := fit([(at, one.cpu_ms_per_message(net=True) * 1e3) for at, one in self.points])) is not None:
            shown.caption = f"least squares: {line[0]:.0f} us + {line[1]:.3g} us for each of {self.changed}"
        return shown


def fit(points: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Least squares (a, b) of y = a + b x, each point weighted by 1 / y so that small ones count; None below three."""
    if len(points) < 3 or any(y <= 0 for _, y in points):
        return None
    weights = [1 / (y * y) for _, y in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    spread = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    if not spread:
        return None
    slope = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True)) / spread
    return mean_y - slope * mean_x, slope


async def draw(system: System, names: Sequence[str], seconds: float, most_users: int) -> list[Curve]:
    """The curves of `names`. For that of gateways they are scaled to six and back to what they were."""
    steps: dict[str, tuple[str, str, list[tuple[float, Workload, float]]]] = {
        "rate": (
            "Over the rate (team), which makes the batches",
            "messages a second",
            [(rate, workloads.team(), rate) for rate in RATES],
        ),
        "users": (
            f"Over users, rooms of 30, {USERS_RATE:g} msg/s",
            "users",
            [(float(n), workloads.team(n, n // 10, min(30, n)), USERS_RATE) for n in USERS if n <= most_users],
        ),
        "size": (
            f"Over the size of rooms, {SIZE_RATE:g} msg/s",
            "members of a room",
            [
                (float(size), workloads.team(SIZE_USERS, SIZE_ROOMS, size, name=f"rooms of {size}"), SIZE_RATE)
                for size in SIZES
                if most_users >= SIZE_USERS
            ],
        ),
    }
    found: list[Curve] = []
    for name in names:
        if name == "batch":
            rates = next((curve for curve in found if curve.name == "rate"), None)
            found.append(batches(rates or await _curve(system, "rate", *steps["rate"], seconds)))
        elif name == "gateways":
            found.append(await _gateways(system, seconds))
        elif steps[name][2]:
            title, changed, points = steps[name]
            found.append(await _curve(system, name, title, changed, points, seconds))
    return found


async def _curve(
    system: System, name: str, title: str, changed: str, steps: Sequence[tuple[float, Workload, float]], seconds: float
) -> Curve:
    points = [(at, await _measured(system, workload, rate, seconds)) for at, workload, rate in steps]
    return Curve(name, title, changed, points)


def batches(rates: Curve) -> Curve:
    """The same measurements by what a write held: the rate makes it."""
    points = sorted(((round(one.messages_per_write, 1), one) for _, one in rates.points), key=lambda point: point[0])
    return Curve("batch", "Over the batch (team, the runs over the rate)", "messages of a write", points)


async def _gateways(system: System, seconds: float) -> Curve:
    """Sockets on the first of six gateways only: one without sockets listens to no room and costs nothing a message."""
    before = len(system.sockets)
    _scale(max(GATEWAYS))
    try:
        six, points = find(), []
        for count in GATEWAYS:
            few = dataclasses.replace(six, sockets=six.sockets[:count])
            points.append((float(count), await _measured(few, workloads.team(), GATEWAYS_RATE, seconds)))
    finally:
        _scale(before)
    title = f"Over gateways (team), {GATEWAYS_RATE:g} msg/s"
    return Curve("gateways", title, "gateways", points)


def _scale(gateways: int) -> None:
    command = [str(PROJECT / "scripts/deploy-distributed.sh"), "scale", f"gateway={gateways}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"gateways could not be scaled: {done.stderr.strip()[-300:]}")


async def _measured(system: System, workload: Workload, rate: float, seconds: float) -> Figures:
    cast = await prepare(system, workload)
    figures = await measure(system, workload, cast, rate=rate, seconds=seconds)
    print(
        f"{workload.name}, {workload.users} users, {len(system.sockets)} gateways, {rate:g}/s:"
        f" {figures.cpu_ms_per_message(net=True) * 1e3:.0f} us of CPU a message, p99 {figures.delivery_p99:.0f} ms",
        flush=True,
    )
    return figures
