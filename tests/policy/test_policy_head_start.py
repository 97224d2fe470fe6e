"""What arrived while the store was being opened is a head start: what is served and realised follows from what is stored."""

from __future__ import annotations

import asyncio

from trunkline.adapters.store import Document
from trunkline.dialects.nsx import realisation
from trunkline.policy.headstart import HeadStart
from trunkline.policy.realise.intake import Intake
from trunkline.policy.repository import Repository
from trunkline.policy.settings import Settings

SETTINGS = Settings(store="unix:none", state_dir="none", northbound="unix:none", southbound="unix:none")


class Stored:
    """As much of a store as is read when it has been opened."""

    revision = 9

    def __init__(self, *found: Document) -> None:
        self._found = found

    def list(self, prefix: str) -> list[Document]:
        return [document for document in self._found if document.path.startswith(prefix)]


def segment(name: str, revision: int, **fields: str) -> Document:
    told = "".join(f',"{key}":"{value}"' for key, value in fields.items())
    body = f'{{"id":"{name}","display_name":"{name}","path":"/infra/segments/{name}"{told}}}'.encode()
    return Document(f"nsx/infra/segments/{name}", "Segment", body, revision, name, "", "")


async def turns(count: int) -> None:
    """Let the event loop go round: some of what waits is looked at in each turn."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_changed_or_went_since_it_came_is_as_it_is_stored():
    head = HeadStart(SETTINGS)
    head.arrive([segment("kept", 1), segment("changed", 2), segment("gone", 3)])
    head.arrive([Document("policy/users/admin", "PolicyUser", b"{}", 4, "", "", "")])
    await turns(2)
    head.end()
    stored = Stored(segment("kept", 1), segment("changed", 7, admin_state="DOWN"), segment("new", 8))

    tree = Repository(stored, head.tree).tree
    late = head.intake.late(stored.list("nsx/"))

    assert {entry.path: entry.revision for entry in tree.everything()} == {
        "/infra/segments/kept": 1,
        "/infra/segments/changed": 7,
        "/infra/segments/new": 8,
    }
    assert [document.revision for document in late] == [7, 8]
    assert head.intake.late(stored.list("nsx/")) == stored.list("nsx/"), "it is no help a second time"


async def test_what_has_not_been_looked_at_when_the_store_is_open_is_left_to_others():
    head = HeadStart(SETTINGS)
    many = [segment(f"s{number}", number) for number in range(1000)]
    head.arrive(many)
    await turns(2)
    head.end()
    looked_at = len(head.tree)
    await turns(50)

    assert len(head.tree) == looked_at < len(many)
    assert len(head.intake.late(many)) == len(many) - looked_at
    head.arrive(many)
    await turns(50)
    assert len(head.tree) == looked_at


async def test_an_object_that_cannot_be_read_ends_the_head_start_only():
    head = HeadStart(SETTINGS)
    head.arrive([segment("fine", 1)])
    await turns(2)
    head.arrive([Document("nsx/infra/segments/odd", "Segment", b"{", 2, "", "", "")])
    head.arrive([segment("late", 3)])
    await turns(50)

    assert [entry.path for entry in head.tree.everything()] == ["/infra/segments/fine"]


def test_facts_that_are_known_only_later_change_what_follows_from_what_came_early():
    intake = Intake(SETTINGS)
    zone = Document("nsx/zone", "PolicyTransportZone", b'{"transport_zone_type":"VLAN_BACKED"}', 1, "", "", "")
    body = b'{"transport_zone_path":"/zone","vlan_ids":["7"]}'
    intake.arrive([zone, Document("nsx/infra/segments/web", "Segment", body, 2, "", "", "")])

    change = intake.fabric.take(facts={realisation.PHYSICAL_NETWORK: "other"})

    assert [item.physical_network for item in change.changed] == ["other"]
    assert intake.fabric.objects() == list(change.changed)
