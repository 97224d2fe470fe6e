"""The numbers in OVN's northbound database: how many were drawn, and how far northd has followed."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.adapters import ovsdb


class Global(ovsdb.Row, table="NB_Global"):
    """`nb_cfg` moves with every write of ours, `sb_cfg` follows when northd has told the hypervisors."""

    nb_cfg: int
    sb_cfg: int


class Numbers:
    """A live view of them; `changed` is called whenever one moves."""

    def __init__(self, client: ovsdb.Client) -> None:
        self._client = client
        self._replica: ovsdb.Replica | None = None

    async def start(self, changed: Callable[[], None]) -> None:
        """Load the view."""
        self._replica = await self._client.replicate(Global)
        self._replica.listen(lambda _: changed())

    @property
    def drawn(self) -> int:
        """The number of the newest write."""
        return max((row.nb_cfg for row in self._rows()), default=0)

    @property
    def northd(self) -> int:
        """The number of the newest write that northd has passed on."""
        return max((row.sb_cfg for row in self._rows()), default=0)

    def _rows(self) -> list[Global]:
        return list(self._replica.table(Global).values()) if self._replica else []
