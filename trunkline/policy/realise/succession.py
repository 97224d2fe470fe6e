"""Which network port goes on in another's place, so that counts grow on when a binding map gets another tag.  Pure.

A port for a tag is another port with another tag, and its flows have another cookie.  For whoever reads statistics the binding
map on the segment port is what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from trunkline.dialects.nsx.realisation import Carried

CookieOf = Callable[[str], int | None]
"""The cookie of a port's flows; None if OVN has not made the port."""


class Succession:
    """Ports that are yet to be made in place of others."""

    def __init__(self) -> None:
        self._former: dict[str, int] = {}

    def take(self, before: Iterable[Carried], after: Iterable[Carried], cookie: CookieOf) -> None:
        """Note what has changed; a port that was there before is nobody's successor, for it has counts of its own."""
        was = {(each.port, each.binding): each.id for each in before}
        for each in after:
            old = was.get((each.port, each.binding), each.id)
            former = self._former.pop(old, cookie(old)) if old != each.id else None
            if former is not None and cookie(each.id) is None:
                self._former[each.id] = former

    def made(self, cookie: CookieOf) -> Iterator[tuple[int, int]]:
        """The former cookie and the present one of each successor that has been made since the last time."""
        for port, former in list(self._former.items()):
            if (present := cookie(port)) is not None:
                del self._former[port]
                yield former, present
