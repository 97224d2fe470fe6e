"""From a row back to the object a person wrote, and from an object to its rows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trunkline.intent import model
from trunkline.ovn import identity
from trunkline.ovn.compile import compile_object
from trunkline.ovn.context import Context
from trunkline.ovn.identity import ObjectKey
from trunkline.ovn.rows import DesiredRow


class Origin(msgspec.Struct, frozen=True):
    """Where a northbound row comes from; `source` is the user's object ("Pod shop/web-0") or empty."""

    owner: str
    object: ObjectKey
    part: str = ""
    source: str = ""

    def __str__(self) -> str:
        part = f", {self.part}" if self.part else ""
        return f"{self.object}{part}" + (f", from {self.source}" if self.source else "")


def origin(external_ids: Mapping[str, str]) -> Origin | None:
    """Where the row with these `external_ids` comes from, or None if Trunkline did not write it."""
    owner, kind, object_id = (external_ids.get(mark, "") for mark in (identity.OWNER, identity.KIND, identity.ID))
    if not (owner and kind and object_id):
        return None
    part, source = external_ids.get(identity.PART, ""), external_ids.get(identity.SOURCE, "")
    return Origin(owner, ObjectKey(kind, object_id), part, source)


def rows_of(item: model.Object, context: Context) -> tuple[DesiredRow, ...]:
    """The rows that follow from an intent object, in the order of the table of rules."""
    return tuple(compile_object(item, context).rows.values())
