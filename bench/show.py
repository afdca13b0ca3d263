"""Figures for people: lines while it runs, tables at the end."""

from collections.abc import Sequence

from rich.table import Table

from bench.figures import Figures
from bench.idle import Idle, Storm
from bench.kill import Killed

Record = Figures | Idle | Storm | Killed


def line(record: Record) -> str:
    """One record in a line."""
    match record:
        case Figures():
            return _run(record)
        case Idle():
            where = " ".join(f"{part} {share:.3f}" for part, share in record.cpu_share.items() if share >= 0.001)
            costs = " ".join(f"{part} {spent:.0f}" for part, spent in record.connect_us.items() if spent >= 1)
            return (
                f"{record.system} idle{_through(record.through)}: {record.connections:,} sockets,"
                f" {record.kib:.1f} KiB each (+ {record.other_kib:.1f} in other parts); cores: {where};"
                f" connected in {record.connect_seconds:.0f} s, CPU us of one: {costs}"
            )
        case Storm():
            return (
                f"{record.system} storm{_through(record.through)}: {record.connections:,} sockets cut at once;"
                f" half back in {record.half:.1f} s, all {record.all:.1f} s, {record.refused} tries refused"
            )
        case Killed():
            return (
                f"{record.system} kill{_through(record.through)}: {record.users} users, {record.rate:g} msg/s,"
                f" {record.cut} cut; {record.acked} of {record.sent} acknowledged,"
                f" {record.never_seen} of these never seen by some member;"
                f" all back in {record.back_seconds:.2f} s"
                + (f", {record.never_back} never back" if record.never_back else "")
            )


def _through(what: str) -> str:
    return " nginx" if what == "nginx" else ""


def _run(figures: Figures) -> str:
    notes = ""
    if figures.generator_is_the_limit:
        notes += f"  (the load generator sent {figures.load_late_p99:.0f} ms late: it is the limit, or starved)"
    if figures.disturbed:
        notes += f"  (something else on this machine used {figures.elsewhere_share:.2f} cores)"
    return (
        f"{figures.system} {figures.workload}{_through(figures.through)} {figures.rate:g}/s:"
        f" delivery p50 {figures.delivery_p50:.0f} p99 {figures.delivery_p99:.0f} ms,"
        f" lost {figures.lost}, acknowledged {figures.acked} of {figures.sent},"
        f" {figures.cpu_us_per_delivery(net=False):.1f} us CPU per delivery"
        f" ({figures.cpu_us_per_delivery(net=True):.1f} net), holds: {'yes' if figures.holds else 'no'}{notes}"
    )


def runs(found: Sequence[Figures]) -> Table:
    """What came of each rate."""
    shown = _table(
        "Measured (CPU of all server parts; in brackets net of what they use idle)",
        *("system", "workload", "msg/s", "sent", "acked", "delivered", "lost", "ack ms", "delivery ms"),
        *("CPU us/delivery", "CPU ms/message", "load cores", "late ms", "holds"),
    )
    for one in found:
        shown.add_row(
            one.system, f"{one.workload}{_through(one.through)}", f"{one.rate:g}",
            f"{one.sent:,}", f"{one.acked:,}", f"{one.delivered:,}", f"{one.lost:,}",
            f"{one.ack_p50:.0f} / {one.ack_p99:.0f} / {one.ack_p999:.0f}",
            f"{one.delivery_p50:.0f} / {one.delivery_p99:.0f} / {one.delivery_p999:.0f}",
            f"{one.cpu_us_per_delivery(net=False):.1f} ({one.cpu_us_per_delivery(net=True):.1f})",
            f"{one.cpu_ms_per_message(net=False):.2f} ({one.cpu_ms_per_message(net=True):.2f})",
            f"{one.load_cpu_share:.2f}", f"{one.load_late_p99:.0f}", "yes" if one.holds else "no",
        )  # fmt: skip
    shown.caption = "ms: p50 / p99 / p99.9"
    return shown


def parts(found: Sequence[Figures]) -> Table:
    """Where the CPU of a message goes."""
    names = list(dict.fromkeys(part for one in found for part, share in one.cpu_share.items() if share >= 0.001))
    shown = _table("CPU us a message, net of idle", "system", "workload", "msg/s", *names)
    for one in found:
        split = one.us_per_message_by_part()
        values = [f"{split[name]:.0f}" if name in split else "" for name in names]
        shown.add_row(one.system, one.workload, f"{one.rate:g}", *values)
    return shown


def highest(found: Sequence[Figures]) -> Table:
    """The highest rate that held, of each system and workload."""
    shown = _table(
        "Highest rate tried that holds (p99 of delivery under 250 ms, nothing lost)",
        *("system", "workload", "msg/s", "deliveries/s", "delivery p50 / p99 ms", "CPU us/delivery", "CPU ms/message"),
    )
    for key in dict.fromkeys((one.system, one.workload, one.through) for one in found):
        holding = [one for one in found if (one.system, one.workload, one.through) == key and one.holds]
        name = f"{key[1]}{_through(key[2])}"
        if not holding:
            shown.add_row(key[0], name, "none", *[""] * 4)
            continue
        best = max(holding, key=lambda one: one.rate)
        shown.add_row(
            key[0], name, f"{best.rate:g}", f"{best.delivered / best.seconds:,.0f}",
            f"{best.delivery_p50:.0f} / {best.delivery_p99:.0f}",
            f"{best.cpu_us_per_delivery(net=False):.1f} ({best.cpu_us_per_delivery(net=True):.1f})",
            f"{best.cpu_ms_per_message(net=False):.2f} ({best.cpu_ms_per_message(net=True):.2f})",
        )  # fmt: skip
    return shown


def _table(title: str, *headings: str) -> Table:
    shown = Table(title=title)
    for heading in headings:
        shown.add_column(heading, justify="right")
    return shown
