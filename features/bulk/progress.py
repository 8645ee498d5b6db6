"""How far it has come: a bar on a terminal, elsewhere a line every few seconds; all on stderr."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

PAUSE = 5.0  # seconds between two lines


class Progress:
    """Shows one step after another."""

    def __init__(self, stderr: Any, *, is_quiet: bool) -> None:
        self.stderr = stderr
        self.is_quiet = is_quiet

    @contextmanager
    def counting(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Give the function that is told how much of ``total`` is done; None: nobody knows."""
        if self.is_quiet:
            yield lambda _done: None
        elif self.stderr.isatty():
            with self._bars(total) as bars:
                task = bars.add_task(what, total=total)
                yield lambda done: bars.update(task, completed=done)
        else:
            yield _Lines(self.stderr, what, total)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show on a terminal that something is being done whose length nobody knows."""
        if self.is_quiet or not self.stderr.isatty():
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Bars(*columns, console=self._console, transient=True) as bars:
            bars.add_task(what, total=None)
            yield

    def _bars(self, total: int | None) -> Bars:
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
        ]
        if total:
            columns.append(TimeRemainingColumn())
        return Bars(*columns, console=self._console, transient=True)

    @property
    def _console(self) -> Console:
        return Console(file=getattr(self.stderr, "_out", self.stderr), force_terminal=True)


class _Rate(ProgressColumn):
    """How many rows a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


class _Lines:
    """Writes a line every few seconds."""

    def __init__(self, stderr: Any, what: str, total: int | None) -> None:
        self.stderr = stderr
        self.what = what
        self.total = total
        self.started = self.last = time.monotonic()

    def __call__(self, done: int) -> None:
        """Tell how much is done, unless that was told just now."""
        now = time.monotonic()
        if now - self.last < PAUSE:
            return
        self.last = now
        of = f" of {self.total:,}" if self.total else ""
        rate = done / (now - self.started)
        left = f", {(self.total - done) / rate:,.0f} s left" if self.total and rate else ""
        self.stderr.write(f"{self.what}: {done:,}{of}, {rate:,.0f} a second{left}", str)
