"""Selectors, columns, schemas and protobuf as pure functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.standin.apiserver import discovery, names, objects, resources, selectors, watching
from trunkline.standin.apiserver.protobuf import decode as protobuf
from trunkline.standin.apiserver.schema import constraints, models, structural
from trunkline.standin.apiserver.tables import ages, jsonpath, pods

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("a=1", {"a": "1"}, True),
        ("a == 1", {"a": "2"}, False),
        ("a!=1", {}, True),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("a in (1, 2),b notin (3)", {"a": "2", "b": "4"}, True),
        ("a in (1,2)", {}, False),
        ("a notin (1)", {}, True),
        ("a>5", {"a": "10"}, True),
        ("a<5", {"a": "x"}, False),
        ("example.org/a=1,b", {"example.org/a": "1"}, False),
        ("", {}, True),
    ],
)
def test_label_selectors(text: str, labels: dict[str, str], expected: bool) -> None:
    assert selectors.matches(selectors.parse_labels(text), labels) is expected


def test_a_selector_object_says_the_same_as_its_text() -> None:
    found = selectors.from_selector(
        {"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["2", "3"]}]}
    )

    assert found == selectors.parse_labels("a=1,b notin (2,3)")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (600, "10m"),
        (10800, "3h"),
        (11700, "3h15m"),
        (86400, "24h"),
        (172800, "2d"),
        (180000, "2d2h"),
        (86400 * 30, "30d"),
        (86400 * 365 * 3, "3y"),
        (86400 * (365 * 3 + 10), "3y10d"),
        (86400 * 365 * 9, "9y"),
        (-1, "0s"),
        (-10, "<invalid>"),
    ],
)
def test_ages(seconds: int, text: str) -> None:
    assert ages.human(seconds) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.vlan", [19]),
        ("spec.vlan", [19]),
        ("{.spec.vlan}", [19]),
        (".spec.ranges[*].start", ["a", "b"]),
        (".spec.ranges[0].start", ["a"]),
        (".spec.ranges[-1].start", ["b"]),
        (".spec.ranges[9].start", []),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type!='Ready')].status", ["False"]),
        (r".metadata.annotations.a\.b", ["dotted"]),
        (".metadata.annotations['a.b']", ["dotted"]),
        (".nothing.here", []),
    ],
)
def test_jsonpaths(path: str, found: list[Any]) -> None:
    obj = {
        "spec": {"vlan": 19, "ranges": [{"start": "a"}, {"start": "b"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
        "metadata": {"annotations": {"a.b": "dotted"}},
    }

    assert jsonpath.find(obj, path) == found


@pytest.mark.parametrize("path", [".a[", ".a[b]", "..a", ".a[?(@.b)]"])
def test_paths_outside_the_subset_are_refused(path: str) -> None:
    with pytest.raises(jsonpath.PathError):
        jsonpath.parse(path)


WAITING = {"state": {"waiting": {"reason": "ContainerCreating"}}}
RUNNING = {"state": {"running": {}}, "ready": True}
FAILED = {"state": {"terminated": {"exitCode": 1}}}


@pytest.mark.parametrize(
    ("status", "deleted", "word", "ready"),
    [
        ({"phase": "Pending"}, False, "Pending", "0/1"),
        ({"phase": "Pending", "containerStatuses": [WAITING]}, False, "ContainerCreating", "0/1"),
        ({"phase": "Running", "containerStatuses": [RUNNING]}, False, "Running", "1/1"),
        ({"phase": "Running", "containerStatuses": [FAILED]}, False, "ExitCode:1", "0/1"),
        ({"phase": "Running", "containerStatuses": [RUNNING]}, True, "Terminating", "1/1"),
        ({"phase": "Failed", "reason": "Evicted"}, False, "Evicted", "0/1"),
        ({"phase": "Failed", "reason": "Evicted"}, True, "Evicted", "0/1"),
        ({"phase": "Pending", "initContainerStatuses": [WAITING]}, False, "Init:ContainerCreating", "0/1"),
    ],
)
def test_a_pods_status_in_one_word(status: Any, deleted: bool, word: str, ready: str) -> None:
    metadata = {"deletionTimestamp": "2026-11-21T11:00:00Z"} if deleted else {}
    pod = {"metadata": metadata, "spec": {"containers": [{}]}, "status": status}

    assert (pods.status(pod, NOW), pods.ready(pod, NOW)) == (word, ready)


def test_restarts_tell_when_the_last_was() -> None:
    last = {"terminated": {"finishedAt": "2026-11-21T11:55:00Z"}}

    assert (
        pods.restarts({"status": {"containerStatuses": [{"restartCount": 3, "lastState": last}]}}, NOW) == "3 (5m ago)"
    )


def test_versions_rank_stable_before_beta_before_alpha() -> None:
    given_order = ["foo", "v1alpha2", "v1beta1", "v2", "v1", "v1beta2", "v10"]

    assert sorted(given_order, key=discovery.rank) == ["v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha2", "foo"]


@pytest.mark.parametrize("model", [row.model for row in resources.BUILTIN])
def test_every_built_in_kind_has_a_whole_schema(model: str) -> None:
    pending, seen = [model], set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += list(_references(models.definition(name)))

    assert "meta_v1.ObjectMeta" in seen


def _references(schema: Any) -> Any:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def test_pruning_names_every_field_that_goes() -> None:
    pod = {"spec": {"containers": [{"name": "a", "imagee": "x", "ports": [{"port": 1}]}], "foo": {}}, "bar": 1}

    gone = structural.prune(pod, models.definition("core_v1.Pod"))

    assert gone == ["spec.containers[0].imagee", "spec.containers[0].ports[0].port", "spec.foo", "bar"]
    assert pod == {"spec": {"containers": [{"name": "a", "ports": [{}]}]}}


@pytest.mark.parametrize(
    ("schema", "value", "reasons"),
    [
        ({"type": "integer"}, 2.0, []),
        ({"type": "integer"}, True, ["FieldValueTypeInvalid"]),
        ({"type": "string", "nullable": True}, None, []),
        ({"type": "string", "minLength": 2, "maxLength": 1}, "", ["FieldValueInvalid"]),
        ({"type": "string", "pattern": "^a$"}, "a\n", ["FieldValueInvalid"]),
        ({"type": "string", "format": "ipv4"}, "1.2.3.400", ["FieldValueInvalid"]),
        ({"type": "string", "format": "cidr"}, "10.0.0.0/8", []),
        (
            {"type": "array", "maxItems": 1, "items": {"type": "integer"}},
            [1, "2"],
            ["FieldValueTooMany", "FieldValueTypeInvalid"],
        ),
        ({"type": "array", "x-kubernetes-list-type": "set"}, [1, 1], ["FieldValueDuplicate"]),
        (
            {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]},
            [{"n": 1, "a": 1}, {"n": 1, "a": 2}],
            ["FieldValueDuplicate"],
        ),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, 1, ["FieldValueInvalid"]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": "x"}, ["FieldValueTypeInvalid"]),
        (
            {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"a": 1, "b": 2},
            ["FieldValueInvalid"],
        ),
        ({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1}, []),
        ({"type": "object", "anyOf": [{"required": ["a"]}]}, {}, ["FieldValueInvalid"]),
        ({"type": "object", "not": {"required": ["a"]}}, {"a": 1}, ["FieldValueInvalid"]),
        ({"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}, "80%", []),
        ({"type": "string", "enum": ["a"]}, "b", ["FieldValueNotSupported"]),
    ],
)
def test_constraints(schema: Any, value: Any, reasons: list[str]) -> None:
    assert [cause.reason for cause in constraints.validate(value, schema, "f")] == reasons


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_value_makes_the_schema_walks_fail(value: Any) -> None:
    schema = structural.rooted(
        {"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"default": 1}}}}}
    )

    constraints.validate(value, schema)
    structural.fill(value, schema)
    structural.prune(value, schema)


@pytest.mark.parametrize("name", ["a", "a-b.c", "1"])
def test_names_that_are_subdomains(name: str) -> None:
    assert not list(names.SUBDOMAIN.refusals(name))


@pytest.mark.parametrize("name", ["A", "-a", "a.", "a_b", "a" * 254, "a\n"])
def test_names_that_are_none(name: str) -> None:
    assert list(names.SUBDOMAIN.refusals(name))


def test_protobuf_of_a_config_map_as_kubectl_sends_it() -> None:
    # Recorded from kubectl 1.32: kubectl -n b create configmap two --from-literal=a=b
    body = bytes.fromhex(
        "6b3873000a0f0a02763112 09436f6e6669674d6170 121e 0a14 0a0374776f 1200 1a0162 2200 2a00 3200 3800 4200"
        "12060a016112 0162 1a00 2200".replace(" ", "")
    )

    assert protobuf.decode(body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "two", "namespace": "b"},
        "data": {"a": "b"},
    }


@given(st.binary(max_size=200))
def test_no_bytes_make_the_protobuf_reader_fail_unexpectedly(body: bytes) -> None:
    for start in (b"", b"k8s\x00", b"k8s\x00\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12" + bytes([min(len(body), 127)])):
        try:
            protobuf.decode(start + body)
        except protobuf.ProtobufError:
            pass


def test_depth_is_measured_without_recursion() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]

    assert objects.depth_exceeds(deep, 100)
    assert not objects.depth_exceeds([[1]], 2)


async def test_a_watcher_that_does_not_keep_up_is_cut_off_with_what_it_has() -> None:
    watcher = watching.Watcher(LateHub(0), "/registry/", 0)  # type: ignore[arg-type]
    for number in range(1, watching.QUEUE + 10):
        watcher.offer(step(number))
    found = await watcher.next(1.0)

    assert found is not None
    assert [change.revision for change in found] == list(range(1, watching.QUEUE))
    assert await watcher.next(1.0) is None


class LateHub:
    """A hub that has told of the changes up to a revision."""

    def __init__(self, revision: int) -> None:
        self.revision = revision

    def forget(self, _: Any) -> None:
        return None


def step(revision: int) -> watching.Change:
    return watching.Change(revision, "/registry/core/pods/a/b", None, None)


async def test_a_watcher_that_begins_where_the_hub_has_not_been_yet_is_told_what_comes_after() -> None:
    hub = LateHub(5)
    watcher = watching.Watcher(hub, "/registry/", 7)  # type: ignore[arg-type]

    assert watcher.told == 7, "a bookmark takes nobody back"
    for hub.revision in (6, 7, 8):
        watcher.offer(step(hub.revision))
    assert watcher.told is None, "a bookmark before what waits would hide it"
    found = await watcher.next(1.0)

    assert found is not None
    assert [change.revision for change in found] == [8]
    hub.revision = 12
    assert watcher.told == 12
