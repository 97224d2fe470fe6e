"""What the client makes of managers that refuse, hesitate, talk nonsense or hang up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.nsx.conftest import Refuser
from trunkline.adapters.nsx import Bearer, Nsx, errors, tls_context
from trunkline.adapters.nsx import client as clients

WEB = "/infra/segments/web"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(clients.asyncio, "sleep", sleep)
    return found


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (412, 604, errors.Stale),
        (409, 0, errors.Stale),
        (400, 500087, errors.Stale),
        (400, 100148, errors.Stale),
        (400, 500127, errors.Stale),
        (400, 500045, errors.Stale),
        (404, 500090, errors.Stale),
        (404, 600, errors.NotFound),
        (400, 8327, errors.TagTaken),
        (400, 640873, errors.TagTaken),
        (401, 401, errors.Forbidden),
        (403, 403, errors.Forbidden),
        (403, 98, errors.Forbidden),
        (400, 289, errors.ApiError),
        (400, 500030, errors.ApiError),
        (500, 607, errors.Unreachable),
        (502, 0, errors.Unreachable),
    ],
)
async def test_a_refusal_s_class_follows_from_its_numbers(
    refuser: Refuser, refused: Nsx, status: int, code: int, kind: type[Exception]
) -> None:
    refuser.will(status, {"error_code": code, "error_message": "no way"})
    with pytest.raises(kind, match="no way") as caught:
        await refused.put(WEB, {})
    assert type(caught.value) is kind
    assert "s3cret" not in str(caught.value)


async def test_a_manager_that_is_busy_is_asked_again_after_growing_pauses(
    refuser: Refuser, refused: Nsx, pauses: list[float]
) -> None:
    refuser.will(429, "slow down").will(503, "busy").will(429, "", Retry_After="2").will(200, {"id": "web"})

    assert await refused.get(WEB) == {"id": "web"}

    assert 0.125 <= pauses[0] <= 0.25
    assert 0.25 <= pauses[1] <= 0.5
    assert pauses[2] == 2


async def test_a_manager_that_stays_busy_counts_as_away(refuser: Refuser, refused: Nsx, pauses: list[float]) -> None:
    refuser.will(503, {"error_message": "cluster is forming"})
    with pytest.raises(errors.Unreachable, match=r"HTTP 503: cluster is forming.*TRK-0720"):
        await refused.get(WEB)
    assert (len(refuser.asked), len(pauses)) == (4, 3)


async def test_a_pause_asked_for_has_an_upper_bound(refuser: Refuser, refused: Nsx, pauses: list[float]) -> None:
    refuser.will(429, "", Retry_After="86400").will(200, {})
    await refused.get(WEB)
    assert pauses == [10]


async def test_no_other_failure_is_repeated(refuser: Refuser, refused: Nsx, pauses: list[float]) -> None:
    refuser.will(500, "boom")
    with pytest.raises(errors.Unreachable):
        await refused.put(WEB, {})
    assert (len(refuser.asked), pauses) == (1, [])


async def test_a_document_that_is_always_stale_is_given_up(refuser: Refuser, refused: Nsx) -> None:
    for _ in range(5):
        refuser.will(200, {"_revision": 1}).will(412, {"error_message": "Fetch the latest copy"})
    with pytest.raises(errors.Stale):
        await refused.revise(WEB, lambda now: now)
    assert [request.split()[0] for request, _, _ in refuser.asked] == ["GET", "PUT"] * 5


async def test_a_connection_that_breaks_is_a_manager_that_is_away(refuser: Refuser, refused: Nsx) -> None:
    refuser.will(0)
    with pytest.raises(errors.Unreachable, match="GET /infra/segments/web"):
        await refused.get(WEB)


@pytest.mark.parametrize("body", ["<html>login</html>", '{"error_message": "' + "long " * 1000 + '"}'])
async def test_what_is_no_error_body_or_a_long_one_is_cut(refuser: Refuser, refused: Nsx, body: str) -> None:
    refuser.will(400, body)
    with pytest.raises(errors.ApiError) as caught:
        await refused.get(WEB)
    assert 10 < len(caught.value.message) < 550


async def test_an_answer_that_is_not_json_is_no_answer(refuser: Refuser, refused: Nsx) -> None:
    refuser.will(200, "<html>welcome</html>")
    with pytest.raises(errors.Unreachable, match="not JSON"):
        await refused.get(WEB)


async def test_the_credential_goes_with_every_request_and_the_overwrite_header_with_none(
    refuser: Refuser, refused: Nsx
) -> None:
    refuser.will(200, {})
    await refused.put(WEB, {})
    async with Nsx(refuser.url, tls_context(), Bearer(lambda: "t0ken")) as nsx:
        await nsx.get(WEB)

    (put, basic, body), (_, bearer, _) = refuser.asked
    assert (put, basic["authorization"], body) == (f"PUT /policy/api/v1{WEB}", "Basic Ymx1ZTpzM2NyZXQ=", "{}")
    assert (bearer["authorization"], bearer["csp-auth-token"]) == ("Bearer t0ken", "t0ken")
    assert not {"x-allow-overwrite", "nsx-enable-partial-patch"} & (basic.keys() | bearer.keys())


def entity(state: str, *alarms: str) -> dict[str, Any]:
    return {"state": state, "alarms": [{"message": each} for each in alarms]}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([{"results": [entity("REALIZED"), entity("REALIZED")]}], ("REALIZED", "")),
        ([{"results": [entity("REALIZED"), entity("UNKNOWN")]}], ("UNREALIZED", "")),
        ([{"results": [entity("REALIZED"), entity("ERROR", "no route")]}], ("ERROR", "no route")),
        ([{"results": [entity("ERROR")]}], ("ERROR", "")),
        ([{"results": []}, {"publish_status": "REALIZED"}], ("REALIZED", "")),
        ([{"results": []}, {"publish_status": "UNAVAILABLE"}], ("UNREALIZED", "")),
    ],
)
async def test_realized_state_is_that_of_the_worst_entity_and_else_the_consolidated_one(
    refuser: Refuser, refused: Nsx, answers: list[Any], expected: tuple[str, str]
) -> None:
    for each in answers:
        refuser.will(200, each)
    assert await refused.realized(WEB) == expected
