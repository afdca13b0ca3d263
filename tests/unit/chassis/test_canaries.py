"""Which partitions are silent, and when a canary is sent through one."""

from warren.chassis.canaries import Canaries, all_answer, who_is_silent
from warren.contracts.ids import partition_of
from warren.contracts.rooms import canary_room


class Bench:
    """Two partitions, overdue after 20 s; a canary that is away for 60 s is sent again."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.canaries = Canaries(2, overdue=20, again=60, now=lambda: self.now)

    def round(self) -> None:
        """Send what is due, and let all of it come back."""
        for partition in self.canaries.due():
            self.canaries.sent(partition)
            self.canaries.came_back(partition)


def test_a_partition_counts_as_silent_until_its_first_canary_is_back() -> None:
    bench = Bench()
    assert bench.canaries.silent() == {0: "never", 1: "never"}
    for partition in bench.canaries.due():
        bench.canaries.sent(partition)
    bench.canaries.came_back(1)
    assert bench.canaries.silent() == {0: "never"}


def test_silence_is_told_once_it_is_overdue_and_counted_from_the_first_canary() -> None:
    bench = Bench()
    bench.round()
    bench.canaries.sent(1)
    bench.now += 20
    assert bench.canaries.silent() == {}
    bench.now += 5
    assert bench.canaries.silent() == {1: 25}
    bench.canaries.lost(1)
    bench.canaries.sent(1)
    bench.now += 5
    assert bench.canaries.silent() == {1: 30}
    bench.canaries.came_back(1)
    assert bench.canaries.silent() == {}


def test_one_canary_of_a_partition_is_away_at_a_time() -> None:
    bench = Bench()
    bench.round()
    assert bench.canaries.due() == [0, 1]
    bench.canaries.sent(0)
    assert bench.canaries.due() == [1]
    bench.now += 61
    assert bench.canaries.due() == [0, 1], "away for so long that it may be lost"


def test_after_a_loss_of_the_connection_all_that_were_away_are_due() -> None:
    bench = Bench()
    bench.round()
    bench.canaries.sent(0)
    bench.canaries.sent(1)
    bench.canaries.came_back(1)
    bench.canaries.all_lost()
    bench.canaries.sent(1)
    assert bench.canaries.due() == [0]


def test_people_are_told_which_partitions_are_silent() -> None:
    assert who_is_silent({2: "never", 5: 21.4}) == "partition 2 has not answered yet, partition 5 is silent for 21 s"
    assert who_is_silent(dict.fromkeys(range(6), 30.0)).endswith("partition 3 is silent for 30 s and 2 more")
    assert all_answer(4) == "messages came round through all 4 partitions"


def test_a_canary_finds_the_way_to_its_partition() -> None:
    for partitions in (1, 4, 13):
        names = [canary_room(partition, partitions) for partition in range(partitions)]
        assert [partition_of(name, partitions) for name in names] == list(range(partitions))
