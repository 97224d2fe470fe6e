"""Intent to OVN northbound rows, and rows to the smallest change: pure, no input or output."""

from trunkline.ovn.compile import compile_object, compile_rows
from trunkline.ovn.context import Context
from trunkline.ovn.diff import Plan, plan
from trunkline.ovn.identity import ObjectKey, RowKey, RowUuid
from trunkline.ovn.observed import Observed
from trunkline.ovn.rows import Compiled, DesiredRow
from trunkline.ovn.target import Target

__all__ = [
    "Compiled",
    "Context",
    "DesiredRow",
    "ObjectKey",
    "Observed",
    "Plan",
    "RowKey",
    "RowUuid",
    "Target",
    "compile_object",
    "compile_rows",
    "plan",
]
