"""Two workers share the files; what wants the machine for itself comes when the other worker has ended."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.sharing import SideBySide


class Worker:
    """Keeps what it was told to run. As a real one, it holds its last test back until it knows what follows."""

    def __init__(self) -> None:
        self.queue: list[int] = []
        self.ran: list[str] = []
        self.shutting_down = False
        self.gateway = SimpleNamespace(id="a worker")

    def send_runtest_some(self, indexes: list[int]) -> None:
        self.queue += indexes

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def ended(self) -> bool:
        return self.shutting_down and not self.queue


class Run:
    """Workers, the tests that both collected, and the scheduler between them."""

    def __init__(self, *tests: str, workers: int = 2) -> None:
        self.tests = list(tests)
        config = SimpleNamespace(getvalue=lambda _name: ["popen"] * workers)
        config.option = SimpleNamespace(loadscopereorder=False)
        self.scheduler = cast(Any, SideBySide(cast(pytest.Config, config)))
        self.workers = [Worker() for _ in range(workers)]
        for worker in self.workers:
            self.scheduler.add_node(worker)
            self.scheduler.add_node_collection(worker, self.tests)
        self.scheduler.schedule()

    def step(self, worker: Worker) -> bool:
        """Run a test on this worker, or let it end. False when it has nothing to do."""
        if worker.ended:
            if worker not in self.scheduler.nodes:
                return False
            self.scheduler.remove_node(worker)
            return True
        if len(worker.queue) < (1 if worker.shutting_down else 2):
            return False
        index = worker.queue.pop(0)
        worker.ran.append(self.tests[index])
        self.scheduler.mark_test_complete(worker, index)
        return True

    def to_the_end(self, *order: Worker) -> None:
        """Each worker in turn does all it can."""
        while any(self.step(worker) for worker in order):
            pass


FILES = [f"tests/unit/test_{file}.py::test_{number}" for file in "abcdefg" for number in range(3)]
WHOLE = [
    "tests/system/test_chat.py::test_1",
    "tests/browser/test_chat.py::test_2",
    "tests/browser/test_chat.py::test_3",
]
LATE = [
    "tests/system/test_killed_instances.py::test_1",
    "tests/browser/test_killed_instances.py::test_2",
    "tests/faults/test_z.py::test_3[a::b]",
]


@pytest.mark.parametrize("first", [0, 1])
def test_every_test_runs_once_a_file_on_one_worker_and_the_late_ones_after_the_other_worker_ended(first: int) -> None:
    run = Run(*FILES, *LATE)
    one, other = run.workers[first], run.workers[1 - first]
    late = run.workers[0]
    while run.step(one) or run.step(other):
        if set(late.ran) & set(LATE):
            assert run.workers[1] not in run.scheduler.nodes
    assert sorted(one.ran + other.ran) == sorted(FILES + LATE)
    assert late.ran[-3:] == LATE
    files = [{test.partition("::")[0] for test in worker.ran} for worker in run.workers]
    assert files[0] and files[1] and not files[0] & files[1]
    assert one.ended and other.ended


@pytest.mark.parametrize("first", [0, 1])
def test_the_worker_with_the_whole_warren_begins_with_it_and_is_the_one_that_ends_with_it(first: int) -> None:
    run = Run(*FILES, *WHOLE, *LATE)
    run.to_the_end(run.workers[first], run.workers[1 - first])
    assert run.workers[0].ran[:3] == WHOLE
    assert run.workers[0].ran[-3:] == LATE
    assert sorted(run.workers[0].ran + run.workers[1].ran) == sorted(FILES + WHOLE + LATE)


def test_both_workers_get_files_in_the_order_of_collection() -> None:
    run = Run(*FILES, *LATE)
    run.to_the_end(*run.workers)
    for worker in run.workers:
        assert [test for test in worker.ran if test in FILES] == sorted(test for test in worker.ran if test in FILES)


@pytest.mark.parametrize(
    "tests", [LATE, WHOLE, [*WHOLE, *LATE], [*FILES[:1], *LATE], [*FILES[:4], *LATE], FILES[:1], FILES]
)
def test_a_selection_of_any_size_is_run_and_ends(tests: list[str]) -> None:
    run = Run(*tests)
    run.to_the_end(*run.workers)
    assert sorted(test for worker in run.workers for test in worker.ran) == sorted(tests)
    assert all(worker.ended for worker in run.workers)


def test_a_run_that_is_stopped_does_not_begin_with_the_late_ones() -> None:
    run = Run(*FILES[:6], *LATE)
    for worker in run.workers:
        worker.shutdown()
    run.to_the_end(*run.workers)
    assert not {test for worker in run.workers for test in worker.ran} & set(LATE)
    assert all(worker.ended for worker in run.workers)


def test_one_worker_alone_does_everything_in_order() -> None:
    run = Run(*FILES, *LATE, workers=1)
    run.to_the_end(*run.workers)
    assert run.workers[0].ran == [*FILES, *LATE]


def test_what_a_crashed_worker_had_is_done_before_the_late_ones() -> None:
    run = Run(*FILES[:6], *LATE)
    stays, crashes = run.workers
    assert run.step(crashes)
    assert run.scheduler.remove_node(crashes) == FILES[4]
    run.to_the_end(stays)
    assert stays.ran == [*FILES[:3], *FILES[4:6], *LATE]
