"""Lines and stacked bars as SVG, without a library. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 36, 44
INK, GRID = "#333", "#ddd"
COLOURS = ("#1f6feb", "#d1495b", "#2a9d5c", "#e08e0b", "#7a4fbf", "#4c8c8c", "#8a8a8a", "#b05a2c")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`; `log` spreads decades evenly."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """0 at `low`, 1 at `high`."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 2, 5) if len(decades) <= 4 else (1,)
            return [t for d in decades for s in steps if self.low * 0.999 <= (t := s * 10.0**d) <= self.high * 1.001]
        step = _step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def axis(values: Sequence[float], *, log: bool) -> Axis:
    """An axis around the values; a linear one begins at zero."""
    low, high = min(values), max(values)
    if log:
        return Axis(low / 1.1, high * 1.1, log=True)
    return Axis(0.0, high * 1.05 or 1.0)


def lines(
    title: str, x_label: str, y_label: str, series: Mapping[str, Points], *, log_x: bool = False, log_y: bool = False
) -> str:
    """One picture: a line with dots for each series. Series without points are left out."""
    shown = {name: sorted(points) for name, points in series.items() if points}
    if not shown:
        raise ValueError(f"nothing to plot in {title!r}")
    across = axis([x for points in shown.values() for x, _ in points], log=log_x)
    up = axis([y for points in shown.values() for _, y in points], log=log_y)
    parts = _frame(title, x_label, y_label, up)
    for tick in across.ticks():
        parts.append(_text(_x(across, tick), HEIGHT - BOTTOM + 16, f"{tick:g}", "middle"))
    for number, (name, points) in enumerate(shown.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(_x(across, x), _y(up, y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in places]
        parts += _legend(number, name, colour)
    return _whole(parts)


def bars(title: str, y_label: str, stacks: Mapping[str, Mapping[str, float]]) -> str:
    """One picture: a bar for each of `stacks`, cut into its parts."""
    names = list(dict.fromkeys(name for stack in stacks.values() for name in stack))
    up = axis([sum(max(0.0, part) for part in stack.values()) for stack in stacks.values()], log=False)
    parts = _frame(title, "", y_label, up)
    room = (WIDTH - LEFT - RIGHT) / len(stacks)
    for number, (label, stack) in enumerate(stacks.items()):
        left, height = LEFT + room * (number + 0.15), 0.0
        for name, value in stack.items():
            top, bottom = _y(up, height + max(0.0, value)), _y(up, height)
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{room * 0.7:.1f}" height="{bottom - top:.1f}"'
                f' fill="{colour}"/>'
            )
            height += max(0.0, value)
        parts.append(_text(left + room * 0.35, HEIGHT - BOTTOM + 16, label, "middle"))
    for number, name in enumerate(names):
        parts += _legend(number, name, COLOURS[number % len(COLOURS)])
    return _whole(parts)


def stacked(pictures: Sequence[str]) -> str:
    """Several pictures, one below the other."""
    moved = [f'<g transform="translate(0 {HEIGHT * number})">{one}</g>' for number, one in enumerate(pictures)]
    height = HEIGHT * len(pictures)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
        f' font-size="11"><rect width="{WIDTH}" height="{height}" fill="#fff"/>\n' + "\n".join(moved) + "\n</svg>\n"
    )


def _frame(title: str, x_label: str, y_label: str, up: Axis) -> list[str]:
    parts = [
        _text(LEFT, 16, title, "start", bold=True),
        _text(LEFT, 30, y_label, "start"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, "middle"),
    ]
    for tick in up.ticks():
        y = _y(up, tick)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{tick:g}", "end"))
    return parts


def _legend(number: int, name: str, colour: str) -> list[str]:
    y = TOP + 16 * number + 8
    return [
        f'<rect x="{WIDTH - RIGHT + 12}" y="{y - 8}" width="10" height="10" fill="{colour}"/>',
        _text(WIDTH - RIGHT + 27, y + 1, name, "start"),
    ]


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{INK}" text-anchor="{anchor}"{weight}>{safe}</text>'


def _whole(parts: Sequence[str]) -> str:
    return "<g>\n" + "\n".join(parts) + "\n</g>"


def _x(across: Axis, value: float) -> float:
    return LEFT + across.place(value) * (WIDTH - LEFT - RIGHT)


def _y(up: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - up.place(value) * (HEIGHT - TOP - BOTTOM)


def _step(rough: float) -> float:
    decade = 10.0 ** math.floor(math.log10(rough))
    return next(step * decade for step in (1, 2, 5, 10) if step * decade >= rough * 0.999)
