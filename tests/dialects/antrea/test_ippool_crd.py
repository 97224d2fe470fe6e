"""The definition of IPPool: what clients see, and that it says of pools what the decoder says."""

import base64

from trunkline.dialects.antrea import crds, ippools

CRD = crds.ippool(url="https://127.0.0.1:9443", ca=b"PEM")


def schemas():
    return {each["name"]: each["schema"]["openAPIV3Schema"]["properties"] for each in CRD["spec"]["versions"]}


def test_both_versions_are_served_and_the_new_one_is_stored():
    assert [(each["name"], each["served"], each["storage"]) for each in CRD["spec"]["versions"]] == [
        ("v1beta1", True, True),
        ("v1alpha2", True, False),
    ]
    assert CRD["spec"]["names"]["shortNames"] == ["ipp"]
    assert CRD["metadata"]["name"] == "ippools.crd.antrea.io"


def test_kubectl_shows_total_used_and_age():
    for version in CRD["spec"]["versions"]:
        assert [each["name"] for each in version["additionalPrinterColumns"]] == ["Total", "Used", "Age"]


def test_the_webhooks_are_reached_where_the_caller_says():
    client = CRD["spec"]["conversion"]["webhook"]["clientConfig"]
    hook = crds.admission(url="https://127.0.0.1:9443", ca=b"PEM")["webhooks"][0]

    assert client == {"url": "https://127.0.0.1:9443/convert/ippool", "caBundle": base64.b64encode(b"PEM").decode()}
    assert hook["clientConfig"]["url"] == "https://127.0.0.1:9443/validate/ippool"
    assert hook["matchPolicy"] == "Equivalent"


def test_schema_and_decoder_know_the_same_fields(a):
    for raw in (a.alpha(), a.beta()):
        version = raw["apiVersion"].partition("/")[2]
        spec = schemas()[version]["spec"]
        assert set(raw["spec"]) == set(spec["properties"])
        known = set(spec["properties"]["ipRanges"]["items"]["properties"])
        every = dict.fromkeys(known, "x")
        ours = ippools.decode({**raw, "spec": {**raw["spec"], "ipRanges": [every]}})
        assert not [each for each in ours.problems if each.code == "TRK-0311"]


def test_status_properties_cover_what_is_written(a):
    from datetime import UTC, datetime

    from trunkline.dialects.antrea import status

    written = status.status(ippools.decode(a.beta()), (), previous=None, now=datetime.now(UTC))
    declared = schemas()["v1beta1"]["status"]["properties"]

    assert set(written) == set(declared)
    assert set(written["conditions"][0]) == set(declared["conditions"]["items"]["properties"])
