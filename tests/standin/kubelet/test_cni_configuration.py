"""CNI configuration and failures, in libcni's words."""

from __future__ import annotations

import json

import pytest

from trunkline.standin.kubelet import cni

ATTACHMENT = cni.Attachment(container_id="c1", netns="/run/netns/x", namespace="shop", pod="web-0", uid="u1")


def conflist(kind="plug", version="1.0.0"):
    return {"cniVersion": version, "name": "lab", "plugins": [{"type": kind}]}


def plugin(folder, script, name="plug"):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_given_several_lists_when_loaded_then_the_first_by_name_counts(tmp_path):
    (tmp_path / "20-b.conflist").write_text(json.dumps(conflist("late")))
    (tmp_path / "10-a.conflist").write_text(json.dumps(conflist("early")))
    (tmp_path / "00-x.conf").write_text("{}")
    assert cni.load(str(tmp_path))["plugins"] == [{"type": "early"}]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x", "cniVersion": "1.0.0", "plugins": [{}]}'])
def test_given_a_broken_list_when_loaded_then_the_file_is_named(tmp_path, text):
    (tmp_path / "10-a.conflist").write_text(text)
    with pytest.raises(cni.PluginError, match=r"10-a\.conflist is not a CNI configuration list"):
        cni.load(str(tmp_path))


def test_given_no_list_when_loaded_then_it_says_so(tmp_path):
    with pytest.raises(cni.PluginError, match="cni plugin not initialized"):
        cni.load(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("""echo '{"code": 11, "msg": "try later"}'; exit 1""", "try later"),
        (
            """echo '{"code": 100, "msg": "no address", "details": "pool is full"}'; exit 1""",
            "no address; pool is full",
        ),
        ("echo broken >&2; exit 2", "broken"),
        ("exit 3", "exit code 3 and no message"),
        ("echo hello", "its answer is not JSON: b'hello\\n'"),
    ],
)
async def test_given_a_failing_plugin_when_called_then_its_own_words_are_kept(tmp_path, script, said):
    plugin(tmp_path, script)
    with pytest.raises(cni.PluginError) as caught:
        await cni.add(conflist(), ATTACHMENT, str(tmp_path))
    assert str(caught.value) == f'plugin type="plug" failed (add): {said}'


async def test_given_no_such_plugin_when_called_then_the_folder_is_named(tmp_path):
    with pytest.raises(cni.PluginError) as caught:
        await cni.add(conflist("../etc/plug"), ATTACHMENT, str(tmp_path))
    assert f'failed to find plugin "../etc/plug" in path [{tmp_path}]' in str(caught.value)


@pytest.mark.parametrize(("version", "given"), [("0.3.1", False), ("0.4.0", True), ("1.0.0", True), ("1.1.0", True)])
async def test_given_a_version_when_deleting_then_the_result_is_passed_where_it_is_known(tmp_path, version, given):
    plugin(tmp_path, f"cat > {tmp_path}/input")
    await cni.delete(conflist(version=version), ATTACHMENT, str(tmp_path), {"ips": []})
    assert ("prevResult" in json.loads((tmp_path / "input").read_text())) is given


def test_given_a_result_when_read_then_addresses_come_in_order_without_length():
    result = {"ips": [{"address": "172.16.19.11/24"}, {"address": "fd00::5/64"}]}
    assert cni.addresses(result) == ["172.16.19.11", "fd00::5"]
    assert cni.addresses(None) == []
