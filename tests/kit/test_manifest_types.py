"""Documents as structs: every mistake is found in one go, each at its line and column."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from trunkline.kit import manifests
from trunkline.kit.addresses import IPAddress, IPNetwork
from trunkline.kit.problems import IntentError


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    to: str
    vlan: Annotated[int, msgspec.Meta(ge=0, le=4094)] | None = None
    prefix: IPNetwork | None = None


class Drawing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    name: str
    links: dict[str, Link] = {}
    spare_links: tuple[Link, ...] = ()
    resolvers: list[IPAddress] = []

    def __post_init__(self) -> None:
        if self.name == "forbidden":
            raise ValueError("the name is taken")


def mistakes(text):
    with pytest.raises(IntentError) as caught:
        manifests.convert(manifests.single(text, name="t.yaml"), Drawing)
    return [str(problem) for problem in caught.value.problems]


def test_a_sound_document_becomes_its_struct():
    document = manifests.single("name: a\nlinks: {eth0: {to: b, vlan: 19, prefix: 10.0.0.0/8}}\nspare-links: [{to: c}]")

    drawing = manifests.convert(document, Drawing)

    assert drawing.links["eth0"].vlan == 19
    assert drawing.spare_links[0].to == "c"


def test_every_mistake_is_found_at_its_own_place():
    text = """\
name: 3
links:
  eth0: {to: x, vlan: 4095, vlam: 1}
  eth1:
    prefix: 10.0.0.1/8
spare-links:
- to: null
resolvers: [1.2.3.4, 5.6.7]
spare_links: 1
"""

    assert mistakes(text) == [
        "t.yaml:1:1: name: found a number 3, expected str [TRK-0017]",
        "t.yaml:3:17: links.eth0.vlan: found a number 4095, expected int <= 4094 [TRK-0017]",
        "t.yaml:3:29: links.eth0.vlam: found the unknown field 'vlam', known are prefix, to, vlan [TRK-0015]",
        "t.yaml:5:5: links.eth1.prefix: found text '10.0.0.1/8', 10.0.0.1/8 has host bits set [TRK-0017]",
        "t.yaml:4:3: links.eth1.to: found nothing, this field is required [TRK-0016]",
        "t.yaml:7:3: spare-links[0].to: found nothing (null), expected str [TRK-0017]",
        "t.yaml:8:22: resolvers[1]: found text '5.6.7', '5.6.7' does not appear to be an IPv4 or IPv6 address [TRK-0017]",
        "t.yaml:9:1: spare_links: found the unknown field 'spare_links', "
        "known are links, name, resolvers, spare-links [TRK-0015]",
    ]


def test_an_unknown_field_close_to_a_free_one_is_told_which():
    assert "did you mean 'resolvers'?" in mistakes("name: a\nresolver: []")[0]


def test_a_struct_s_own_check_runs_once_its_fields_are_sound():
    assert mistakes("name: forbidden") == ["t.yaml:1:1: found a mapping, the name is taken [TRK-0017]"]


def test_a_list_where_a_mapping_is_wanted_is_one_mistake():
    assert len(mistakes("name: a\nlinks: [1, 2]")) == 1
