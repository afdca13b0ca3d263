"""How workers share the tests: `pytest -n 2 --no-loadscope-reorder`, as ./scripts/test.sh does.

The tests of a file stay together and in order, since they share programs and databases. Each worker starts servers of
its own. One of them starts the whole Warren too: it begins with the tests of it that only use it, and ends with those
that break it and judge it by the clock, when nothing else runs any more.
"""

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

WHOLE = "the whole Warren"
FOLDERS_WHOLE = ("tests/system/", "tests/browser/")
ALONE = "alone"
FILES_ALONE = (
    "tests/system/test_killed_instances.py",
    "tests/system/test_server_faults.py",
    "tests/browser/test_killed_instances.py",
    "tests/faults/",
)


class SideBySide(LoadScopeScheduling):
    """The first worker gets `WHOLE` first and `ALONE` last; what is between goes a file at a time to who is free, in
    the order in which it was collected."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(FILES_ALONE):
            return ALONE
        return WHOLE if file.startswith(FOLDERS_WHOLE) else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        for scope, last in ((WHOLE, False), (ALONE, True)):
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last)
        if next(iter(self.workqueue)) != ALONE or self.nodes == [node]:
            super()._assign_work_unit(node)
        elif node is not self.nodes[0]:
            node.shutdown()  # it finishes what it has and stops its servers; the first one waits for that

    def remove_node(self, node: WorkerController) -> str | None:
        crashed = super().remove_node(node)
        for other in self.nodes:
            self._reschedule(other)
        return crashed
