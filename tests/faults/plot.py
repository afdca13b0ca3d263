"""Deliveries per second around each fault, as one SVG: a strip for each experiment."""

from collections.abc import Sequence

from tests.faults.outcomes import Outcome

WIDTH, STRIP, LEFT, RIGHT, TOP = 900, 70, 190, 20, 30
INK, LINE, HARM = "#333", "#1f6feb", "#f4b8b0"


def draw(outcomes: Sequence[Outcome]) -> str:
    """The first run of each experiment. The fault is at 0 s; while it lasts the ground is red."""
    first = {outcome.experiment: outcome for outcome in reversed(outcomes) if outcome.curve}
    shown = [first[name] for name in dict.fromkeys(outcome.experiment for outcome in outcomes) if name in first]
    height = TOP + STRIP * len(shown) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="16" fill="{INK}">deliveries per second, all clients; seconds from the fault</text>',
    ]
    for number, outcome in enumerate(shown):
        parts.extend(_strip(outcome, TOP + STRIP * number))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _strip(outcome: Outcome, top: int) -> list[str]:
    start, end = outcome.curve[0][0], max(outcome.curve[-1][0], 1.0)
    highest = max(rate for _, rate in outcome.curve) or 1.0
    bottom = top + STRIP - 22

    def x(seconds: float) -> float:
        return LEFT + (seconds - start) / (end - start) * (WIDTH - LEFT - RIGHT)

    def y(rate: float) -> float:
        return bottom - rate / highest * (STRIP - 30)

    until = min(end, max(outcome.phases.get("heal", 0.0), 0.0))
    width = max(2.0, x(until) - x(0.0))
    points = " ".join(f"{x(at):.1f},{y(rate):.1f}" for at, rate in outcome.curve)
    ticks = [
        f'<text x="{x(at):.1f}" y="{bottom + 13}" fill="{INK}" text-anchor="middle">{at:g}</text>'
        for at in _ticks(start, end)
    ]
    return [
        f'<rect x="{x(0.0):.1f}" y="{top}" width="{width:.1f}" height="{bottom - top}" fill="{HARM}"/>',
        f'<text x="{LEFT - 8}" y="{top + 20}" fill="{INK}" text-anchor="end">{outcome.experiment}</text>',
        f'<text x="{LEFT - 8}" y="{top + 34}" fill="{INK}" text-anchor="end">up to {highest:.0f}/s</text>',
        f'<line x1="{LEFT}" y1="{bottom}" x2="{WIDTH - RIGHT}" y2="{bottom}" stroke="{INK}" stroke-width="0.5"/>',
        f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="1.2"/>',
        *ticks,
    ]


def _ticks(start: float, end: float) -> list[float]:
    step = next(step for step in (5, 10, 20, 50, 100, 500, 5_000) if (end - start) / step <= 12 or step == 5_000)
    first = int(start // step) * step
    return [float(at) for at in range(first, int(end) + 1, step) if start <= at <= end]
