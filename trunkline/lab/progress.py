"""What a person sees while a lab comes up: on a terminal a live list, elsewhere one plain line per finished step."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TextIO


class Progress(Protocol):
    """Somebody who is told what begins and what is done."""

    def step(self, title: str) -> AbstractContextManager[None]:
        """Announce a step for as long as the context lasts."""

    def note(self, text: str) -> None:
        """Say something once."""


class Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        print(f"{title} ({time.monotonic() - began:.1f} s)", file=self._stream, flush=True)

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Live:
    """A list that moves: finished steps above, running ones with a spinner below."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bars
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        self._console = Console(file=stream, highlight=False)
        self._bars: Any = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )

    def __enter__(self) -> Live:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        task = self._bars.add_task(title, total=None)
        began = time.monotonic()
        try:
            yield
            self._console.print(f"[green]✓[/green] {title} [dim]{time.monotonic() - began:.1f} s[/dim]")
        finally:
            self._bars.remove_task(task)

    def note(self, text: str) -> None:
        self._console.print(text, markup=False)


@contextmanager
def on(stream: TextIO | None = None) -> Iterator[Progress]:
    """The fitting kind of progress for the stream (standard error unless told)."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream)
        return
    with Live(stream) as live:
        yield live
