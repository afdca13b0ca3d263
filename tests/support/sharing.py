"""How workers share the tests: `pytest -n 2 --no-loadscope-reorder`, as ./scripts/test.sh does.

The tests of a file stay together and in order, since they share programs and databases. Each worker starts servers of
its own. What judges the whole Warren by the clock is done last, by one worker, when nothing else runs any more.
"""

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

ALONE = "alone"
FOLDERS_ALONE = ("tests/system/", "tests/browser/", "tests/faults/")


class SideBySide(LoadScopeScheduling):
    """Hands out files in the order in which they were collected, and at the end everything of `FOLDERS_ALONE`."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ALONE if file.startswith(FOLDERS_ALONE) else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        if ALONE in self.workqueue:
            self.workqueue.move_to_end(ALONE)
        if next(iter(self.workqueue)) != ALONE or self.nodes == [node]:
            super()._assign_work_unit(node)
        elif node is not self.nodes[0]:
            node.shutdown()  # it finishes what it has and stops its servers; the first one waits for that

    def remove_node(self, node: WorkerController) -> str | None:
        crashed = super().remove_node(node)
        for other in self.nodes:
            self._reschedule(other)
        return crashed
