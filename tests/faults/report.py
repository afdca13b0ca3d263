"""Outcomes as a table, and as docs/reports/faults.md with its plot."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import plot
from tests.faults.experiments import ALL
from tests.faults.run import NEVER, Outcome

HEAD = (
    "experiment", "runs", "acknowledged", "delivered", "losses", "duplicates", "violations",
    "sends again (s)", "caught up (s)", "limit (s)",
)  # fmt: skip
SHOWN_VIOLATIONS = 10


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown, one row an experiment; times are the worst (p99 of few runs is their worst)."""
    rows = [HEAD, tuple("---" for _ in HEAD)]
    for name in dict.fromkeys(outcome.experiment for outcome in outcomes):
        rows.append(_row(name, [outcome for outcome in outcomes if outcome.experiment == name]))
    rows.append((*_row("all", list(outcomes))[:7], "", "", ""))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, mine: list[Outcome]) -> tuple[str, ...]:
    return (
        name,
        str(len(mine)),
        f"{sum(outcome.acknowledged for outcome in mine):,}",
        f"{sum(outcome.delivered for outcome in mine):,}",
        str(sum(outcome.losses for outcome in mine)),
        str(sum(outcome.duplicates for outcome in mine)),
        _claims(mine),
        _worst([outcome.sends for outcome in mine]),
        _worst([outcome.caught_up for outcome in mine]),
        f"{mine[0].limit:g}{'' if all(outcome.in_time for outcome in mine) else ' (missed)'}" if mine else "",
    )


def _claims(mine: list[Outcome]) -> str:
    total: dict[str, int] = {}
    for outcome in mine:
        for claim, count in outcome.by_claim.items():
            total[claim] = total.get(claim, 0) + count
    return ", ".join(f"{claim}: {count}" for claim, count in sorted(total.items())) or "none"


def _worst(values: list[float]) -> str:
    if not values:
        return ""
    ordered = sorted(values)
    middle = ordered[len(ordered) // 2]
    if ordered[-1] >= NEVER:
        return "never"
    return f"{ordered[-1]:.1f}" if len(ordered) == 1 else f"{middle:.1f} / {ordered[-1]:.1f}"


def write(outcomes: Sequence[Outcome], path: Path) -> None:
    """The report, and beside it faults.svg."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = path.with_suffix(".svg")
    image.write_text(plot.draw(outcomes))
    found = [outcome for outcome in outcomes if not outcome.holds]
    late = [outcome for outcome in outcomes if not outcome.in_time]
    acknowledged = sum(outcome.acknowledged for outcome in outcomes)
    lines = [
        "# Faults",
        "",
        f"{len(outcomes)} runs, {acknowledged:,} acknowledged messages, {datetime.now(UTC):%Y-%m-%d}. "
        f"Runs with a violation: {len(found)}. Runs past their time limit: {len(late)}.",
        "",
        "Each run: people chat in rooms over all gateways and nginx, in an open loop; they edit, delete, react, read, "
        "and are removed and added. Something is broken. Afterwards a checker that knows nothing of Warren's code "
        "decides from what the clients recorded and from MongoDB whether the promises held: C1 acknowledged is stored "
        "and delivered to everybody entitled, C2 nothing twice, C3 one order without gaps, C4 every unknown send "
        "resolved, C5 nothing to those who are no members, C6 edits, deletes and reactions end equal, C7 unread, "
        "C8 no acknowledgement without a quorum. Run it: `./scripts/faults.sh`.",
        "",
        "*Sends again*: from the fault (or from its end, when it lasts) until the last message that waited more than a "
        "second for its acknowledgement had it. *Caught up*: the same for reaching everybody. Median / worst.",
        "",
        table(outcomes),
        "",
        f"![Deliveries per second around each fault]({image.name})",
        "",
        "## What was done",
        "",
        *(f"- **{name}**: {ALL[name].what}." for name in dict.fromkeys(one.experiment for one in outcomes)),
        "",
        "## Violations",
        "",
        *(_violations(found) or ["None."]),
        "",
        "## Late",
        "",
        *([_late(outcome) for outcome in late] or ["None."]),
    ]
    path.write_text("\n".join(lines) + "\n")


def _violations(found: list[Outcome]) -> list[str]:
    lines: list[str] = []
    for outcome in found:
        lines.append(f"- {outcome.experiment}, seed {outcome.seed}: {outcome.by_claim}")
        lines.extend(f"  - {violation}" for violation in outcome.violations[:SHOWN_VIOLATIONS])
    return lines


def _late(outcome: Outcome) -> str:
    return (
        f"- {outcome.experiment}, seed {outcome.seed}: sends again after {outcome.sends:.1f} s, caught up after "
        f"{outcome.caught_up:.1f} s, limit {outcome.limit:g} s"
    )
