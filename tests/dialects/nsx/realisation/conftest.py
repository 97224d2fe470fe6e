"""Policy documents as a manager would store them, and the network that follows, as YAML."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import yaml

from trunkline import ovn
from trunkline.dialects.nsx import change, paths
from trunkline.dialects.nsx.realisation import PHYSICAL_NETWORK, Fabric, Written
from trunkline.intent import model
from trunkline.kit import addresses

GOLDEN = Path(__file__).parent / "golden"
FACTS = {PHYSICAL_NETWORK: "trunk", "edges edges": ("hv1", "hv2")}


def golden_cases() -> list[str]:
    return sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


def stored(manager: Any, bodies: dict[str, dict[str, Any]]) -> list[Written]:
    """The documents that the manager holds after these were written, all in one request."""
    manager.do(*(change.Write(path=path, body=body) for path, body in bodies.items() if paths.resolve(path)))
    others = {path: body for path, body in bodies.items() if not paths.resolve(path)}
    found = [Written(entry.path, entry.kind, entry.raw) for entry in manager.tree.everything()]
    return found + [Written(path, body["resource_type"], msgspec.json.encode(body)) for path, body in others.items()]


def fabric_of(documents: list[Written], facts: dict[str, Any] | None = None) -> Fabric:
    fabric = Fabric()
    fabric.take(documents, facts=FACTS if facts is None else facts)
    return fabric


def described(fabric: Fabric) -> dict[str, Any]:
    """The intent by kind and id, and what is wrong or odd, by document."""
    intent = model.Intent.of(sorted(fabric.objects(), key=lambda item: item.id))
    plain = msgspec.to_builtins(intent, enc_hook=addresses.enc_hook)
    result = {kind: [_short(item) for item in items.values()] for kind, items in plain.items() if items}
    watched = [_short(each) for each in msgspec.to_builtins(fabric.watched(), str_keys=True)]
    result |= {"watched": watched} if watched else {}
    problems = {path: [str(each) for each in fabric.problems(path)] for path in sorted(fabric.paths())}
    remarks: Any = {path: [str(each) for each in fabric.remarks(path)] for path in sorted(fabric.paths())}
    result["problems"] = {path: found for path, found in problems.items() if found}
    found = ovn.compile_rows(intent, "fabric").problems
    result["refused by the compiler"] = sorted(map(str, found))
    result["remarks"] = {path: found for path, found in remarks.items() if found}
    return {kind: found for kind, found in result.items() if found}


def _short(item: dict[str, Any]) -> dict[str, Any]:
    source = item.get("source")
    return {**item, "source": f"{source['kind']} {source['name']}"} if source else item


def text(described: dict[str, Any]) -> str:
    written: str = yaml.safe_dump(described, sort_keys=False, width=120)
    return written


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden_case" in metafunc.fixturenames:
        metafunc.parametrize("golden_case", golden_cases())


@pytest.fixture
def kit() -> Any:
    """The functions of this file; test files cannot import it."""
    return SimpleNamespace(**globals())
