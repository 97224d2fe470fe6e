"""The three patch languages as pure functions."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from trunkline.standin.apiserver import statuses
from trunkline.standin.apiserver.patches import json, merge, strategic


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [  # the table of RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches(target: Any, patch: Any, expected: Any) -> None:
    assert merge.apply(target, patch) == expected


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [  # after RFC 6902, appendix A
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
        ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
        ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
        ({"foo": [1, 2, 3]}, [{"op": "move", "from": "/foo/0", "path": "/foo/2"}], {"foo": [2, 3, 1]}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        ({"a/b": 1}, [{"op": "replace", "path": "/a~1b", "value": 2}], {"a/b": 2}),
        ({"foo": None}, [{"op": "test", "path": "/foo", "value": None}], {"foo": None}),
    ],
)
def test_json_patches(target: Any, patch: Any, expected: Any) -> None:
    before = copy.deepcopy(target)

    assert json.apply(target, patch) == expected
    assert target == before


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ([{"op": "add", "path": "/a/b", "value": 1}], 422),
        ([{"op": "remove", "path": "/none"}], 422),
        ([{"op": "replace", "path": "/none", "value": 1}], 422),
        ([{"op": "add", "path": "/list/5", "value": 1}], 422),
        ([{"op": "add", "path": "/list/01", "value": 1}], 422),
        ([{"op": "remove", "path": "/list/-"}], 422),
        ([{"op": "test", "path": "/list/0", "value": 2}], 422),
        ([{"op": "move", "from": "/list", "path": "/list/0"}], 422),
        ([{"op": "remove", "path": ""}], 422),
        ([{"op": "jump", "path": "/a"}], 400),
        ([{"op": "add", "path": "/a"}], 400),
        ([{"op": "add", "path": "a", "value": 1}], 400),
        ({"op": "add"}, 400),
        ([1], 400),
    ],
)
def test_json_patches_that_do_not_apply(patch: Any, code: int) -> None:
    with pytest.raises(statuses.StatusError) as refused:
        json.apply({"list": [1]}, patch)

    assert refused.value.code == code


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), **spec}}


A, B, C = ({"name": name, "image": f"{name}:1"} for name in "abc")


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        (pod(A, B), pod({"name": "b", "image": "b:2"}), pod(A, {"name": "b", "image": "b:2"})),
        (pod(A), pod(B), pod(A, B)),
        (pod(A, B), pod({"name": "a", "$patch": "delete"}), pod(B)),
        (pod(A, B), pod({"$patch": "replace"}, C), pod(C)),
        (pod(A), pod({"name": "a", "image": None}), pod({"name": "a"})),
        (
            pod(A, nodeSelector={"x": "1"}),
            {"spec": {"nodeSelector": {"y": "2", "x": None}}},
            pod(A, nodeSelector={"y": "2"}),
        ),
        (
            pod(A, nodeSelector={"x": "1"}),
            {"spec": {"nodeSelector": {"$patch": "replace", "y": "2"}}},
            pod(A, nodeSelector={"y": "2"}),
        ),
        (
            pod(A, tolerations=[{"key": "x"}]),
            {"spec": {"tolerations": [{"key": "y"}]}},
            pod(A, tolerations=[{"key": "y"}]),
        ),
        (
            pod({"name": "a", "ports": [{"containerPort": 80, "name": "x"}]}),
            pod({"name": "a", "ports": [{"containerPort": 80, "name": "y"}, {"containerPort": 81}]}),
            pod({"name": "a", "ports": [{"containerPort": 80, "name": "y"}, {"containerPort": 81}]}),
        ),
        (
            pod(A, B, C),
            {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": []}},
            pod(B, C, A),
        ),
        (
            pod(A, volumes=[{"name": "v", "emptyDir": {}}]),
            {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}]}},
            pod(A, volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
        ),
        (
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}},
            {"metadata": {"finalizers": ["b", "c"]}},
        ),
    ],
)
def test_strategic_merge_patches(target: Any, patch: Any, expected: Any) -> None:
    before = copy.deepcopy(target)

    assert strategic.apply(target, patch, "core_v1.Pod") == expected
    assert target == before


def test_an_element_without_its_key_is_refused() -> None:
    with pytest.raises(statuses.StatusError, match="does not contain declared merge key: name"):
        strategic.apply(pod(A), pod({"image": "x"}), "core_v1.Pod")


@pytest.mark.parametrize("model", sorted(strategic.MERGE_KEYS))
def test_every_merge_key_is_a_field_of_the_elements(model: str) -> None:
    for field, key in strategic.MERGE_KEYS[model].items():
        element = strategic.child_model(model, field)

        assert key in strategic.models.definition(element)["properties"], (model, field)
