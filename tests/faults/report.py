"""Outcomes as a table, and as docs/reports/faults.md with its plot."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import plot
from tests.faults.experiments import KNOWN
from tests.faults.outcomes import NEVER, NOT_MADE, SUFFIX, Outcome, load

HEAD = (
    "experiment", "runs", "acknowledged", "delivered", "losses", "duplicates", "violations",
    "sends again p50 / p99 (s)", "caught up p50 / p99 (s)", "limit (s)", "late runs",
)  # fmt: skip
SHOWN_VIOLATIONS = 10
INTRODUCTION = (
    "Each run: people chat in rooms over all gateways and nginx, in an open loop; they edit, delete, react, read, and "
    "are removed and added. Something is broken. Afterwards a checker that knows nothing of Warren's code decides from "
    "what the clients recorded and from MongoDB whether the promises held: C1 acknowledged is stored and delivered to "
    "everybody entitled, C2 nothing twice, C3 one order without gaps, C4 every unknown send resolved, C5 nothing to "
    "those who are no members, C6 edits, deletes and reactions end equal, C7 unread, C8 no acknowledgement without a "
    "quorum. Run it: `./scripts/faults.sh`.",
    "*Sends again*: from the fault (or from its end, when it lasts) until the last message that waited more than a "
    "second for its acknowledgement had it. *Caught up*: the same for reaching everybody. With fewer than a hundred "
    "runs p99 is the worst of them.",
)


def gather(folders: Iterable[Path]) -> tuple[list[Outcome], list[str]]:
    """The outcomes in some folders, in the order of the experiments, and why other runs could not be made. Raises
    OSError, msgspec.DecodeError."""
    outcomes: list[Outcome] = []
    not_made: list[str] = []
    for folder in folders:
        outcomes += [load(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
        not_made += [path.read_text().strip() for path in sorted(folder.glob(f"*{NOT_MADE}"))]
    order = list(KNOWN)
    outcomes.sort(key=lambda outcome: (order.index(outcome.experiment), outcome.seed))
    return outcomes, not_made


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown, one row an experiment."""
    rows = [HEAD, tuple("---" for _ in HEAD)]
    for name in dict.fromkeys(outcome.experiment for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.experiment == name]
        times = (quantiles([one.sends for one in mine]), quantiles([one.caught_up for one in mine]))
        rows.append((*_counts(name, mine), *times, f"{mine[0].limit:g}", _late_runs(mine)))
    rows.append((*_counts("all", outcomes), "", "", "", _late_runs(outcomes)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _counts(name: str, mine: Sequence[Outcome]) -> tuple[str, ...]:
    return (
        name,
        str(len(mine)),
        f"{sum(outcome.acknowledged for outcome in mine):,}",
        f"{sum(outcome.delivered for outcome in mine):,}",
        str(sum(outcome.losses for outcome in mine)),
        str(sum(outcome.duplicates for outcome in mine)),
        _claims(mine),
    )


def _late_runs(mine: Sequence[Outcome]) -> str:
    return str(sum(not outcome.in_time for outcome in mine))


def _claims(mine: Sequence[Outcome]) -> str:
    total: dict[str, int] = {}
    for outcome in mine:
        for claim, count in outcome.by_claim.items():
            total[claim] = total.get(claim, 0) + count
    return ", ".join(f"{claim}: {count}" for claim, count in sorted(total.items())) or "none"


def quantiles(values: Sequence[float]) -> str:
    """p50 / p99."""
    ordered = sorted(values)
    chosen = [ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]]
    return " / ".join("never" if value >= NEVER else f"{value:.1f}" for value in chosen)


def write(outcomes: Sequence[Outcome], path: Path, not_made: Sequence[str] = ()) -> None:
    """The report, and beside it the plot. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = path.with_suffix(".svg")
    image.write_text(plot.draw(outcomes))
    found = [outcome for outcome in outcomes if not outcome.holds]
    late = [outcome for outcome in outcomes if not outcome.in_time]
    acknowledged = sum(outcome.acknowledged for outcome in outcomes)
    sections = [
        "# Faults",
        f"{len(outcomes)} runs, {acknowledged:,} acknowledged messages, {datetime.now(UTC):%Y-%m-%d}. "
        f"Runs with a violation: {len(found)}. Runs past their time limit: {len(late)}.",
        *INTRODUCTION,
        table(outcomes),
        f"![Deliveries per second around each fault]({image.name})",
        "## What was done",
        "\n".join(f"- **{name}**: {KNOWN[name].what}." for name in dict.fromkeys(one.experiment for one in outcomes)),
        *_measured(outcomes),
        "## Violations",
        "\n".join(_violations(found)) or "None.",
        "## Late",
        "\n".join(_late(outcome) for outcome in late) or "None.",
    ]
    if not_made:
        sections += ["## Runs that could not be made", "\n".join(f"- {sentence}" for sentence in not_made)]
    path.write_text("\n\n".join(sections) + "\n")


def _measured(outcomes: Sequence[Outcome]) -> list[str]:
    """What experiments measured besides: a table of their runs each."""
    parts = []
    for name in dict.fromkeys(outcome.experiment for outcome in outcomes if outcome.measured):
        mine = [outcome for outcome in outcomes if outcome.experiment == name]
        keys = list(dict.fromkeys(key for outcome in mine for key in outcome.measured))
        rows = [("seed", *keys), ("---",) * (len(keys) + 1)]
        rows += [(str(one.seed), *(_number(one.measured.get(key)) for key in keys)) for one in mine]
        parts += [f"## Measured in {name}", "\n".join(f"| {' | '.join(row)} |" for row in rows)]
    return parts


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def _violations(found: Sequence[Outcome]) -> list[str]:
    lines: list[str] = []
    for outcome in found:
        lines.append(f"- {outcome.experiment}, seed {outcome.seed}: {outcome.by_claim}")
        lines.extend(f"  - {violation}" for violation in outcome.violations[:SHOWN_VIOLATIONS])
    return lines


def _late(outcome: Outcome) -> str:
    line = (
        f"- {outcome.experiment}, seed {outcome.seed}: sends again after {outcome.sends:.1f} s, caught up after "
        f"{outcome.caught_up:.1f} s, limit {outcome.limit:g} s"
    )
    return "; ".join([line, *outcome.missed])
