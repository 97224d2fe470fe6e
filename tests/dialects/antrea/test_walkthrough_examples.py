"""The walkthrough's manifests: they read, they are admitted beside each other, and its pods get the addresses it shows."""

from pathlib import Path

import pytest

from trunkline import ipam
from trunkline.dialects.antrea import admission, annotations, ippools
from trunkline.dialects.kubernetes import objects
from trunkline.kit import manifests

EXAMPLES = Path(__file__).parents[3] / "examples" / "antrea-ipam"
FILES = sorted(EXAMPLES.rglob("*.yaml"))


def loaded(kind, files=FILES):
    documents = [document for file in files for document in manifests.load(file.read_text(), name=file.name)]
    return [document.value for document in documents if document.value["kind"] == kind]


@pytest.fixture(scope="module")
def pools():
    return {pool.name: pool for pool in map(ippools.decode, loaded("IPPool"))}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_each_file_is_one_well_formed_object(file):
    document = manifests.single(file.read_text(), name=file.name)

    assert document.value["metadata"]["name"]
    assert annotations.misplaced(document.value) == ()


def test_the_pools_are_admitted_beside_each_other(pools):
    for pool in pools.values():
        verdict = admission.validate(pool, None, others=pools.values(), leases=(), facts=admission.Facts())
        assert verdict == admission.Verdict()


def test_three_pods_of_the_namespace_get_the_first_three_addresses(pools):
    [namespace] = [objects.namespace(raw) for raw in loaded("Namespace") if raw["metadata"]["name"] == "ns-ap"]
    book = ipam.Book()

    for n in range(3):
        asked = annotations.request(objects.Pod(uid=f"u{n}", namespace="ns-ap", name=f"ap-{n}"), namespace, pools)
        book.apply(ipam.allocate(book, asked.pools, asked.request).changes)

    assert sorted(str(lease.address) for lease in book) == ["172.16.19.11", "172.16.19.12", "172.16.19.13"]
    assert {lease.network for lease in book} == {"vlan/trunk/19/172.16.19.0-24"}


def test_the_databases_get_the_addresses_they_ask_for(pools):
    book = ipam.Book()
    for raw in loaded("Pod"):
        raw["metadata"]["uid"] = raw["metadata"]["name"]
        asked = annotations.request(objects.pod(raw), None, pools)
        book.apply(ipam.allocate(book, asked.pools, asked.request).changes)

    assert {lease.pod.name: str(lease.address) for lease in book} == {
        "db-01": "172.16.20.48",
        "db-02": "172.16.20.50",
    }
    assert {lease.network for lease in book} == {"vlan/trunk/20/172.16.20.0-24"}


def test_the_pasted_original_repaired_is_the_example():
    pasted = Path(__file__).parents[2] / "kit" / "errors" / "pasted-ippool.yaml"
    with pytest.raises(manifests.DamagedText) as caught:
        manifests.load(pasted.read_text())

    repaired = manifests.single(caught.value.repaired).value

    assert repaired == manifests.single((EXAMPLES / "10-pool-ap.yaml").read_text()).value
