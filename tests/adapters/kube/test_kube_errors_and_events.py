"""Refusals become errors by meaning; Events count up."""

from __future__ import annotations

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from trunkline.adapters.kube import Kube, errors, resources
from trunkline.kit.problems import IntentError

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "shop", "uid": "u1"}}


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (403, "Forbidden", errors.Forbidden),
        (401, "Unauthorized", errors.Forbidden),
        (503, "ServiceUnavailable", errors.Unreachable),
        (405, "MethodNotAllowed", errors.ApiError),
    ],
)
async def test_given_a_refusal_when_calling_then_the_error_says_what_it_means(server, kube, code, reason, expected):
    server.refusal = JSONResponse({"kind": "Status", "reason": reason, "message": "no: " + "x" * 5000}, code)
    with pytest.raises(expected) as caught:
        await kube.create(resources.PODS, POD)
    assert type(caught.value) is expected
    assert "Pod shop/web-0" in str(caught.value)
    assert len(str(caught.value)) < 1000


async def test_given_a_refusal_that_is_not_json_when_calling_then_its_text_is_kept(server, kube):
    server.refusal = PlainTextResponse("gateway asleep", 404)
    with pytest.raises(errors.NotFound, match="gateway asleep"):
        await kube.delete(resources.PODS, "web-0", "shop")


async def test_given_nobody_listens_when_calling_then_it_is_unreachable(kube, tmp_path):
    text = (tmp_path / "kubeconfig").read_text()
    port = kube._http.base_url.port
    (tmp_path / "other").write_text(text.replace(f":{port}", ":9"))
    async with Kube.connect(tmp_path / "other", field_manager="tests") as other:
        with pytest.raises(errors.Unreachable, match="Pod shop/web-0"):
            await other.get(resources.PODS, "web-0", "shop")


async def test_given_an_answer_that_is_not_json_when_calling_then_it_is_no_answer(server, kube):
    server.refusal = PlainTextResponse("<html>log in to the hotel</html>", 200)
    with pytest.raises(errors.Unreachable, match="TRK-0250"):
        await kube.create(resources.PODS, POD)


@pytest.mark.parametrize("text", ["", "{}", "clusters: 5", "current-context: x\nclusters: []\ncontexts: []"])
def test_given_a_broken_kubeconfig_when_connecting_then_the_input_is_at_fault(tmp_path, text):
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(IntentError, match=r"TRK-0252"):
        Kube.connect(path, field_manager="tests")


async def test_given_a_uid_when_deleting_then_it_is_a_precondition(server, kube):
    await kube.delete(resources.PODS, "web-0", "shop", uid="u1", grace_seconds=0, propagation="Background")
    [call] = server.bodies
    assert (call["method"], call["path"]) == ("DELETE", "/api/v1/namespaces/shop/pods/web-0")
    assert call["body"]["preconditions"] == {"uid": "u1"}
    assert call["body"]["gracePeriodSeconds"] == 0
    assert call["body"]["propagationPolicy"] == "Background"


async def test_given_a_custom_resource_when_calling_then_its_path_is_used(server, kube):
    pools = resources.resource("crd.antrea.io", "v1beta1", "ippools", "IPPool", namespaced=False)
    await kube.patch(pools, "pool-ap", {"status": {}}, subresource="status")
    assert server.bodies[0]["path"] == "/apis/crd.antrea.io/v1beta1/ippools/pool-ap/status"


async def test_given_the_same_event_again_when_recorded_at_once_then_it_is_written_once(server, kube):
    for _ in range(5):
        await kube.record(POD, reason="Failed", message="no address", type="Warning", component="kubelet")
    await kube.record(POD, reason="Failed", message="other", type="Warning", component="kubelet")
    first, second = (call["body"] for call in server.bodies)
    assert (first["message"], first["count"], second["message"]) == ("no address", 1, "other")
    assert first["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "web-0",
        "namespace": "shop",
        "uid": "u1",
    }
    assert first["metadata"]["name"] != second["metadata"]["name"]


async def test_given_the_same_event_later_when_recorded_then_all_occurrences_are_counted(server, kube):
    for _ in range(3):
        await kube.record(POD, reason="Failed", message="no address", type="Warning", component="kubelet")
    for seen in kube._recorder._seen.values():
        seen.quiet_until = 0.0
    await kube.record(POD, reason="Failed", message="no address", type="Warning", component="kubelet")
    assert [call["method"] for call in server.bodies] == ["POST", "PATCH"]
    assert server.bodies[1]["body"]["count"] == 4


async def test_given_a_refusing_server_when_recording_then_the_work_goes_on(server, kube):
    server.refusal = JSONResponse({"kind": "Status"}, 503)
    await kube.record(POD, reason="Failed", message="no address", type="Warning", component="kubelet")
    server.refusal = None
    for seen in kube._recorder._seen.values():
        seen.quiet_until = 0.0
    await kube.record(POD, reason="Failed", message="no address", type="Warning", component="kubelet")
    assert server.bodies[-1]["body"]["count"] == 2
