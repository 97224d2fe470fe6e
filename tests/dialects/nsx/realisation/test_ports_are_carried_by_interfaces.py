"""By which interface, and with which tag, the frames of a segment port come: that is where its machine is listened to and counted."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.dialects.nsx.realisation import Carried, Fabric, Written

CHILD, PARENT = "/infra/segments/child", "/infra/segments/parent"
VM, INNER, MAP = f"{PARENT}/ports/vm", f"{CHILD}/ports/inner", f"{CHILD}/segment-connection-binding-maps/m"


def fabric(**documents: tuple[str, dict[str, Any]]) -> Fabric:
    made = Fabric()
    for kind, path in (("Segment", CHILD), ("Segment", PARENT)):
        made.take([Written(path, kind, b"{}")])
    for kind, (path, body) in documents.items():
        made.take([Written(path, kind.rstrip("0123456789"), msgspec.json.encode(body))])
    return made


def test_a_machines_own_frames_have_no_tag_and_its_containers_have_the_maps() -> None:
    bound = MAP, {"vlan_traffic_tag": 7, "segment_path": PARENT}
    found = fabric(SegmentPort=(VM, {"attachment": {"id": "card"}}), SegmentConnectionBindingMap=bound)
    assert found.carried(VM) == [
        Carried(id="card/7", port=VM, binding=MAP, tag=7, interface="card"),
        Carried(id="card", port=VM, interface="card"),
    ]


def test_a_child_attachments_frames_come_by_the_parents_interface() -> None:
    child = {"id": "inner", "type": "CHILD", "context_id": VM, "traffic_tag": 9}
    found = fabric(SegmentPort1=(VM, {"attachment": {"id": "card"}}), SegmentPort2=(INNER, {"attachment": child}))
    assert found.carried(INNER) == [Carried(id="inner", port=INNER, tag=9, interface="card")]
