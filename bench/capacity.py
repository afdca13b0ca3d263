"""What measured costs come to for millions of connections. Pure but for the file it reads and writes.

`python -m bench.capacity docs/capacity.md` reads the tables of inputs in that file (a row: `name`, value, what it is)
and writes what follows from them between its two marks. docs/capacity.md explains each formula.
"""

import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- computed: python -m bench.capacity docs/capacity.md -->", "<!-- end of what is computed -->"
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
HOURS, DAYS, MONTH_SECONDS = 730, 365, 730 * 3_600
Inputs = dict[str, float]


class NotAnInput(Exception):
    """A row of an inputs table is missing or no number."""


@dataclass(frozen=True)
class Plan:
    """What `connections` need at the peak."""

    connections: int
    messages: float
    deliveries: float
    gateways: int
    gateway_gib: float
    messaging: int
    partitions: int
    broker_batches: float
    broker_clusters: int
    broker_cores: float
    shards: int
    mongodb_cores: float
    other_cores: float
    stored_tb: float
    egress_tb: float
    vcpus: int
    back_seconds: float
    dollars: float

    @property
    def machines(self) -> int:
        return max(3, math.ceil(self.vcpus / 16))  # so that one may be lost


def read_inputs(text: str) -> Inputs:
    """Rows `| `name` | value | ...` of any table."""
    rows = re.findall(r"^\| `([a-z_]+)` \| ([0-9.,]+) \|", text, re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in rows}


def plan(connections: int, given: Inputs) -> Plan:
    """Raises NotAnInput."""
    try:
        return _plan(connections, given)
    except KeyError as error:
        raise NotAnInput(f"docs/capacity.md has no row for {error}") from error


def _plan(connections: int, given: Inputs) -> Plan:
    full = given["utilisation"]
    messages = connections * given["messages_per_hour"] / 3_600
    deliveries = messages * given["audience"]
    gateways, messaging = _gateways_and_owners(connections, messages, deliveries, given)
    partitions = max(4, 2 ** math.ceil(math.log2(2 * messaging)))
    batches = _batches(messages, gateways, messaging, given) + _commands(messages, gateways, partitions, given)
    broker_cores = batches * given["broker_batch_us"] / 1e6 / full
    clusters = max(1, math.ceil(broker_cores / (3 * given["cores_per_machine"])))
    mongodb_cores = messages * given["mongodb_us"] / 1e6 / full
    shards = max(1, math.ceil(mongodb_cores / (3 * given["cores_per_machine"])))
    other = connections * given["other_idle_us"] / 1e6 / full
    mean = messages / given["peak_to_mean"]
    stored = 3 * mean * 86_400 * DAYS * given["stored_bytes"] / 1e12
    egress = mean * given["audience"] * given["delivery_bytes"] * MONTH_SECONDS / 1e12
    gib = connections * given["connection_kib"] / 2**20
    vcpus = math.ceil(gateways + messaging + max(6, broker_cores) + max(6, mongodb_cores) + max(2, other))
    back = connections / gateways * given["connect_us"] / 1e6 / ((1 - full) * vcpus)
    memory_vcpus = gib / given["gib_per_vcpu"]
    dollars = (
        max(vcpus, memory_vcpus) * given["dollars_vcpu"]
        + stored * 1_000 * given["dollars_gb_disk"]
        + egress * 1_000 * given["dollars_gb_egress"]
    )
    return Plan(
        connections, messages, deliveries, gateways, gib, messaging, partitions, batches, clusters, broker_cores,
        shards, mongodb_cores, other, stored, egress, vcpus, back, dollars,
    )  # fmt: skip


def _gateways_and_owners(connections: int, messages: float, deliveries: float, given: Inputs) -> tuple[int, int]:
    """Each needs to know how many there are of the other, since batches go between all of them: found by repetition."""
    full = given["utilisation"]
    gateways, messaging = 3, 2
    for _ in range(50):
        batches = _batches(messages, gateways, messaging, given)
        cores = (deliveries * given["delivery_us"] + messages * given["send_us"]) / 1e6
        cores += (connections * given["idle_us"] + batches * given["gateway_batch_us"]) / 1e6
        wanted = max(3, math.ceil(cores / full), math.ceil(connections / given["connections_per_gateway"]))
        owners = (messages * given["messaging_us"] + batches * given["messaging_batch_us"]) / 1e6
        needed = max(2, math.ceil(owners / full))
        if (wanted, needed) == (gateways, messaging):
            break
        gateways, messaging = wanted, needed
    return gateways, messaging


def _batches(messages: float, gateways: int, messaging: int, given: Inputs) -> float:
    """Batches of events a second from owners to gateways: one for each pair and write, if there are so many events."""
    fan_out = messages * min(given["audience"], gateways)
    return min(fan_out, gateways * messaging * given["writes_per_second"])


def _commands(messages: float, gateways: int, partitions: int, given: Inputs) -> float:
    """Batches of commands a second from gateways to partitions."""
    return min(messages, gateways * partitions * given["writes_per_second"])


def table(plans: list[Plan]) -> str:
    """Markdown: a column for each plan."""
    rows: list[tuple[str, list[str]]] = [
        ("messages/s at the peak", [f"{p.messages:,.0f}" for p in plans]),
        ("deliveries/s at the peak", [f"{p.deliveries:,.0f}" for p in plans]),
        ("gateway processes (one core each)", [f"{p.gateways:,}" for p in plans]),
        ("memory of connections, GiB", [f"{p.gateway_gib:,.1f}" for p in plans]),
        ("messaging processes (one core each)", [f"{p.messaging:,}" for p in plans]),
        ("partitions", [f"{p.partitions:,}" for p in plans]),
        ("batches/s through the broker", [f"{p.broker_batches:,.0f}" for p in plans]),
        ("RabbitMQ cores, clusters of three machines", [f"{p.broker_cores:,.1f}, {p.broker_clusters}" for p in plans]),
        ("MongoDB cores, shards of three machines", [f"{p.mongodb_cores:,.1f}, {p.shards}" for p in plans]),
        ("auth, presence, Redis, Consul: cores", [f"{p.other_cores:,.1f}" for p in plans]),
        ("stored in a year, three copies, TB", [f"{p.stored_tb:,.1f}" for p in plans]),
        ("sent to clients in a month, TB", [f"{p.egress_tb:,.1f}" for p in plans]),
        ("vCPUs; machines of 16", [f"{p.vcpus:,}; {p.machines:,}" for p in plans]),
        ("a lost gateway's connections are back after, s", [f"{p.back_seconds:,.1f}" for p in plans]),
        ("dollars a month", [f"{p.dollars:,.0f}" for p in plans]),
        ("dollars a month for 1,000 connections", [f"{p.dollars / p.connections * 1_000:,.2f}" for p in plans]),
    ]
    head = "| connections | " + " | ".join(f"{p.connections:,}" for p in plans) + " |"
    rule = "|---|" + "---:|" * len(plans)
    return "\n".join([head, rule, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def rewritten(text: str) -> str:
    """The document with its computed part made anew."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NotAnInput(f"the document needs the lines {BEGIN} and {END}")
    shown = table([plan(connections, read_inputs(text)) for connections in SIZES])
    return f"{before}{BEGIN}\n\n{shown}\n\n{END}{after}"


def main() -> int:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/capacity.md")
    try:
        path.write_text(rewritten(path.read_text()))
    except (NotAnInput, OSError) as error:
        print(f"capacity: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
