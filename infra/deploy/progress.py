"""The lines shown while something takes time: live on a terminal, plain elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table


class Progress:
    """Steps with their seconds. Several may be open at once, from several threads. Prints to stderr or stdout.

    On a terminal open steps spin below the finished ones; elsewhere each step prints one line when it begins and one
    when it ends.
    """

    def __init__(self, to_stderr: bool = False) -> None:
        self._console = Console(file=sys.stderr if to_stderr else sys.stdout, highlight=False, soft_wrap=True)
        self._open: dict[str, float] = {}
        self._live: Live | None = None
        self._lock = threading.RLock()

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        begun = time.monotonic()
        with self._lock:
            self._open[text] = begun
            if self._console.is_terminal:
                self._refresh()
            else:
                self.say(f"  ..  {text}")
        mark = "[red]fail[/red]"
        try:
            yield
            mark = "[green]  ok[/green]"
        finally:
            with self._lock:
                del self._open[text]
                self._refresh()
                self._console.print(f"{mark}  {text}  [dim]{time.monotonic() - begun:.1f} s[/dim]")

    def _refresh(self) -> None:
        """Show the spinner lines of what is open now, and no live display when nothing is."""
        if not self._console.is_terminal:
            return
        if not self._open:
            if self._live:
                self._live.stop()
                self._live = None
            return
        if self._live is None:
            self._live = Live(get_renderable=self._lines, console=self._console, transient=True, refresh_per_second=8)
            self._live.start()
        self._live.refresh()

    def _lines(self) -> Table:
        table = Table.grid(padding=(0, 1))
        now = time.monotonic()
        for text, begun in list(self._open.items()):
            table.add_row(Spinner("dots"), text, f"[dim]{now - begun:.0f} s[/dim]")
        return table
