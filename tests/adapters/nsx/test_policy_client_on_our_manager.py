"""The client against our manager, the program itself, over TLS."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.adapters.nsx.conftest import Served
from trunkline.adapters.nsx import Basic, Nsx, Session, errors, escaped, in_file, tls_context
from trunkline.kit import problems

WEB = "/infra/segments/web"


def saying(**fields: Any) -> Any:
    return lambda now: {**(now or {}), **fields}


async def test_a_document_is_made_revised_found_and_deleted(nsx: Nsx) -> None:
    assert await nsx.get(WEB) is None
    made = await nsx.revise(WEB, saying(description="one"))
    again = await nsx.revise(WEB, saying(description="two"))
    assert (made and made["_revision"], again and again["_revision"]) == (0, 1)
    assert await nsx.revise(WEB, lambda now: None) == await nsx.get(WEB) == again
    await nsx.delete(WEB)
    await nsx.delete(WEB)  # gone already
    assert await nsx.get(WEB) is None


async def test_somebody_who_was_faster_is_read_again_and_not_overwritten(nsx: Nsx) -> None:
    await nsx.put(WEB, {"description": "one"})
    rivals = iter(("first rival", "second rival"))

    async def interfere(now: dict[str, Any]) -> None:
        await nsx.put(WEB, {**now, "display_name": next(rivals)})

    seen: list[Any] = []
    plain_put = nsx.put

    async def slow_put(path: str, document: dict[str, Any]) -> Any:
        if len(seen) < 3:
            nsx.put = plain_put  # type: ignore[method-assign]
            await interfere(seen[-1])
            nsx.put = slow_put  # type: ignore[method-assign]
        return await plain_put(path, document)

    def change(now: Any) -> Any:
        seen.append(now)
        return {**now, "description": "mine"}

    nsx.put = slow_put  # type: ignore[method-assign]
    stored = await nsx.revise(WEB, change)

    assert [each["display_name"] for each in seen] == ["web", "first rival", "second rival"]
    assert stored is not None
    assert (stored["display_name"], stored["description"], stored["_revision"]) == ("second rival", "mine", 3)


async def test_two_who_make_the_same_document_at_once_end_as_one_after_the_other(nsx: Nsx) -> None:
    await asyncio.gather(*(nsx.revise(WEB, saying(tags=[{"scope": "n", "tag": str(n)}])) for n in range(4)))

    found = await nsx.get(WEB)

    assert found is not None
    assert found["_revision"] == 3


async def test_lists_and_searches_come_whole_however_many_pages_they_are(
    nsx: Nsx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.adapters.nsx.client._PAGE", "3")
    ids = [f"s{number}" for number in range(10)]
    for each in ids:
        await nsx.put(f"/infra/segments/{each}", {"tags": [{"scope": "trunkline/cluster", "tag": "a-b.c"}]})

    query = f"resource_type:Segment AND tags.scope:{escaped('trunkline/cluster')} AND tags.tag:{escaped('a-b.c')}"

    assert [each["id"] for each in await nsx.search(query)] == ids
    assert sorted(each["id"] for each in await nsx.members("/infra/segments")) == ids
    assert await nsx.search("resource_type:Segment AND tags.tag:nobody") == []
    assert await nsx.members("/infra/segments/none/ports") == []


async def test_refusals_have_the_class_of_their_meaning(nsx: Nsx) -> None:
    maps = "segment-connection-binding-maps"
    for each in ("nodes", "one", "two"):
        await nsx.put(f"/infra/segments/{each}", {})
    body = {"vlan_traffic_tag": 19, "segment_path": "/infra/segments/nodes"}
    await nsx.put(f"/infra/segments/one/{maps}/m", body)

    with pytest.raises(errors.TagTaken, match="/infra/segments/one"):
        await nsx.put(f"/infra/segments/two/{maps}/m", body)
    with pytest.raises(errors.NotFound):
        await nsx.put(f"/infra/segments/two/{maps}/m", {**body, "segment_path": "/infra/segments/none"})
    with pytest.raises(errors.Stale):
        await nsx.put("/infra/segments/one", {})
    with pytest.raises(errors.ApiError, match=r"cannot be deleted .* \[TRK-0721\]") as caught:
        await nsx.delete("/infra/segments/nodes")
    assert type(caught.value) is errors.ApiError


async def test_realized_state_of_something_and_of_nothing(nsx: Nsx) -> None:
    await nsx.put(WEB, {})
    assert await nsx.realized(WEB) == ("UNREALIZED", "")
    assert await nsx.realized("/infra/segments/none") == ("UNREALIZED", "")


async def test_a_session_is_opened_once_and_again_when_it_has_ended(served: Served) -> None:
    password = in_file(str(served.home / "password"))
    login = Session("admin", password)
    async with Nsx(served.url, tls_context(served.authority), login) as nsx:
        await asyncio.gather(*(nsx.put(f"/infra/segments/s{number}", {}) for number in range(5)))
        first = dict(login._headers)
        await nsx._http.post("/api/session/destroy")
        assert len(await nsx.members("/infra/segments")) == 5
        assert login._headers["Cookie"] != first["Cookie"]


async def test_a_wrong_password_is_forbidden_and_never_repeated_in_words(served: Served) -> None:
    auth = Session("admin", lambda: "wr0ng-passw0rd")
    async with Nsx(served.url, tls_context(served.authority), auth) as nsx:
        with pytest.raises(errors.Forbidden) as caught:
            await nsx.get(WEB)
    assert "wr0ng" not in f"{caught.value!r} {caught.value} {vars(auth)}"


async def test_a_password_that_is_replaced_in_its_file_is_used_from_then_on(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "blue-password"
    file.write_text("not it\n")
    async with Nsx(served.url, tls_context(served.authority), Basic("admin", in_file(str(file)))) as nsx:
        with pytest.raises(errors.Forbidden):
            await nsx.get(WEB)
        file.write_text((served.home / "password").read_text())
        assert await nsx.get(WEB) is None
        file.unlink()
        with pytest.raises(problems.IntentError, match="TRK-0722"):
            await nsx.get(WEB)


async def test_a_client_certificate_lets_a_principal_identity_in(nsx: Nsx, served: Served, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "blue")
    body = {"name": "blue", "node_id": "blue", "certificate_pem": certificate.read_text(), "role": "enterprise_admin"}
    answer = await nsx._http.post(
        "/api/v1/trust-management/principal-identities/with-certificate", content=msgspec.json.encode(body)
    )
    assert answer.status_code == 201, answer.text

    async with Nsx(served.url, tls_context(served.authority, str(certificate), str(key))) as blue:
        made = await blue.put(WEB, {})

    assert made["_create_user"] == "blue"
    with pytest.raises(errors.ApiError, match="doesn't own"):  # protected, and we never ask to overwrite
        await nsx.revise(WEB, saying(description="not mine"))


async def test_a_manager_whose_authority_is_not_trusted_is_not_spoken_to(served: Served) -> None:
    async with Nsx(served.url, tls_context(), Session("admin", in_file(str(served.home / "password")))) as nsx:
        with pytest.raises(errors.Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await nsx.get(WEB)


def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(problems.IntentError, match=r"missing\.pem.*TRK-0723"):
        tls_context(str(tmp_path / "missing.pem"))


def self_signed(home: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    certificate = builder.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    (home / "blue.crt").write_bytes(certificate.public_bytes(pem))
    (home / "blue.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password))
    return home / "blue.crt", home / "blue.key"
