"""Three times as much as Warren can carry: what it takes it answers soon, the rest it refuses, and then all is well.

How much it can carry is measured first, with every socket keeping a few messages under way: more than that rate is not
sustainable for anybody. Then an open loop sends three times as much, from a process of its own, while the ordinary
clients of the suite go on: their messages and everything that the flood was told is checked like in every run.
"""

from tests.faults import records
from tests.faults.experiment import Experiment, Scene, Since
from tests.faults.flooding import Flooder
from tests.faults.load import Plan

USERS = 200
ROOMS_EACH = 2
MEASURE_SECONDS = 4.0
FLOOD_SECONDS = 15.0
TIMES = 3.0
OFFERED_AT_LEAST = 2.5
"""Times the sustainable rate that must have been offered, or the run says nothing."""
ACK_P99_SECONDS = 5.0
NEVER = 1e9


def few(plan: Plan) -> Plan:
    """The ordinary clients are not the load here."""
    return Plan(users=plan.users, rooms=plan.rooms, members=4, rate=10.0, seed=plan.seed, churn=False)


def _flooder(scene: Scene) -> Flooder:
    found = scene.kept["flooder"]
    assert isinstance(found, Flooder)
    return found


async def prepare(scene: Scene) -> None:
    scene.kept["flooder"] = Flooder(scene)
    await _flooder(scene).start(USERS, ROOMS_EACH)


async def measure(scene: Scene) -> None:
    rate = (await _flooder(scene).ask(f"measure {MEASURE_SECONDS}"))["rate"]
    scene.say(f"overload: {rate:.0f} messages a second are what it can carry")
    scene.measured["sustainable per s"] = rate


async def flood(scene: Scene) -> None:
    rate = TIMES * scene.measured["sustainable per s"]
    scene.kept["flood"] = await _flooder(scene).ask(f"flood {rate} {FLOOD_SECONDS}")


async def go_on(scene: Scene) -> None:
    answer = await _flooder(scene).finish()
    scene.kept["without a time"] = answer["without_a_time"]
    for code, count in answer["refusals"].items():
        scene.measured[f"refused as {code}"] = count


async def clear(scene: Scene) -> None:
    await _flooder(scene).stop()


def judge(scene: Scene) -> list[str]:
    told = scene.kept["flood"]
    begun, ended = told["begun"], told["ended"]
    waits = sorted(ack_seconds(scene.recorder.records, begun, ended))
    seconds = ended - begun
    measured = scene.measured
    measured["offered per s"] = (told["sent"] + told["held"]) / seconds
    measured["held back by TCP"] = told["held"]
    measured["accepted per s"] = len(waits) / seconds
    measured["ack p50 s"], measured["ack p99 s"] = _quantile(waits, 0.5), _quantile(waits, 0.99)
    measured["ack worst s"] = _quantile(waits, 1.0)
    refused = sum(count for name, count in measured.items() if name.startswith("refused as"))
    missed = []
    if measured["offered per s"] < OFFERED_AT_LEAST * measured["sustainable per s"]:
        missed.append("the load generator did not reach the rate: this run says nothing of overload")
    if not measured["ack p99 s"] <= ACK_P99_SECONDS:
        missed.append(f"ack p99 of what was accepted is {measured['ack p99 s']:.1f} s, limit {ACK_P99_SECONDS:g} s")
    if scene.kept["without a time"]:
        missed.append(f"{scene.kept['without a time']} refusals do not say when to try again")
    if not refused and not told["held"]:
        missed.append("nothing was refused: it was not overloaded")
    return missed


def ack_seconds(run: list[records.AnyRecord], begun: float, ended: float) -> list[float]:
    """From the send to its acknowledgement, of every message that was first said between `begun` and `ended`."""
    said: dict[str, float] = {}
    waits = []
    for record in run:
        match record:
            case records.Attempt(tries=0) if begun <= record.at <= ended:
                said[record.nonce] = record.at
            case records.Acked() if record.nonce in said:
                waits.append(record.at - said.pop(record.nonce))
            case _:
                pass
    return waits


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else NEVER


EXPERIMENTS = [
    Experiment(
        "overload",
        f"{TIMES:g} times the messages that it can carry, for {FLOOD_SECONDS:g} s",
        flood,
        go_on,
        prepare=prepare,
        look=measure,
        clear=clear,
        limit=10,
        since=Since.DONE,
        shape=few,
        judge=judge,
    )
]
