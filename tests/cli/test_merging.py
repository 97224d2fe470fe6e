"""The three-way merge behind `trunkline apply`, against RFC 7396 as the second answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trunkline.cli import merging

KEYS = st.sampled_from(["a", "b", "c"])
LEAVES = st.integers(0, 2) | st.lists(st.integers(0, 2), max_size=2)
OBJECTS = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
TREES = st.dictionaries(KEYS, OBJECTS, max_size=3)


def patched(live: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value)
    return result


def contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    return bool(whole == part)


@given(TREES, TREES, TREES)
def test_after_the_patch_everything_wanted_is_there(last: Any, wanted: Any, live: Any) -> None:
    assert contains(patched(live, merging.difference(last, wanted, live)), wanted)


@given(TREES, TREES)
def test_applying_twice_changes_nothing_the_second_time(wanted: Any, live: Any) -> None:
    once = patched(live, merging.difference({}, wanted, live))

    assert merging.difference(wanted, wanted, once) == {}


def test_a_field_that_left_the_manifest_is_deleted_and_the_servers_own_stays() -> None:
    last = {"spec": {"replicas": 3, "paused": True}}
    wanted = {"spec": {"replicas": 3}}
    live = {"spec": {"replicas": 3, "paused": True, "strategy": "RollingUpdate"}, "status": {"ready": 3}}

    patch = merging.difference(last, wanted, live)

    assert patch == {"spec": {"paused": None}}
