"""One connection's state machine, without a socket."""

from __future__ import annotations

import json

import pytest

from trunkline.adapters import ovsdb
from trunkline.adapters.ovsdb import protocol


def sent(session: protocol.Session) -> list[dict[str, object]]:
    return [json.loads(part) for part in session.data_to_send().replace(b"}{", b"}\n{").splitlines()]


def test_a_request_goes_out_once_and_its_answer_comes_back_under_its_id() -> None:
    session = protocol.Session(0.0, 5.0)

    request_id = session.request("transact", ["db", {"op": "comment"}])

    assert sent(session) == [{"method": "transact", "params": ["db", {"op": "comment"}], "id": request_id}]
    assert session.data_to_send() == b""
    answer = json.dumps({"id": request_id, "result": [{}], "error": None}).encode()
    assert session.receive(answer, 1.0) == [protocol.Reply(request_id, [{}], None)]


def test_an_answer_split_at_every_boundary_arrives_whole() -> None:
    update = {"method": "update3", "params": ["r", "0", {"T": {"u": {"insert": {"name": 'a}"{\\'}}}}], "id": None}
    for cut in range(1, 200):
        session = protocol.Session(0.0, 5.0)
        request_id = session.request("get_schema", ["db"])
        stream = (json.dumps({"id": request_id, "result": {"}": "{"}, "error": None}) + json.dumps(update)).encode()

        events = session.receive(stream[:cut], 1.0) + session.receive(stream[cut:], 2.0)

        assert events == [protocol.Reply(request_id, {"}": "{"}, None), protocol.Notice("update3", update["params"])]


def test_the_servers_probe_is_answered_with_its_own_words() -> None:
    session = protocol.Session(0.0, 5.0)

    assert session.receive(b'{"method":"echo","params":["hi"],"id":"echo"}', 1.0) == []

    assert sent(session) == [{"result": ["hi"], "error": None, "id": "echo"}]


def test_a_silent_peer_is_probed_once_and_then_given_up() -> None:
    session = protocol.Session(100.0, 5.0)

    assert session.tick(104.9)
    assert sent(session) == []
    assert session.tick(105.0)
    assert [message["method"] for message in sent(session)] == ["echo"]
    assert session.deadline() == 110.0
    assert session.tick(109.9)
    assert not session.tick(110.0)


def test_any_byte_counts_as_life() -> None:
    session = protocol.Session(0.0, 5.0)
    session.tick(5.0)

    session.receive(b"{", 9.0)

    assert session.tick(10.0)
    assert session.deadline() == 14.0


def test_the_answer_to_our_probe_is_nobodys_business() -> None:
    session = protocol.Session(0.0, 5.0)
    session.tick(5.0)
    (probe,) = sent(session)

    assert session.receive(json.dumps({"id": probe["id"], "result": [], "error": None}).encode(), 6.0) == []


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b'{"id": 7, "result": 1, "error": null}', id="answer-to-nothing"),
        pytest.param(b'{"neither": "call nor answer"}', id="no-json-rpc"),
        pytest.param(b'{"not": json}', id="no-json"),
    ],
)
def test_nonsense_is_a_protocol_violation(stream: bytes) -> None:
    with pytest.raises(ovsdb.ProtocolViolation):
        protocol.Session(0.0, 5.0).receive(stream, 0.0)
