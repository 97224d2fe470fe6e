"""The writer on a real ovsdb-server: it writes differences only, and heals what others do to its rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_interface
from typing import Any

import msgspec
import pytest

from trunkline.adapters import ovsdb
from trunkline.intent import model
from trunkline.kit import addresses
from trunkline.ovn import diff, identity
from trunkline.sync.northbound import Northbound

VLAN = model.Network(id="vlan/trunk/19/x", kind=model.NetworkKind.VLAN, physical_network="trunk", vlan=19)


def pod(number: int, **changes: Any) -> model.Port:
    address = ip_interface(f"172.16.19.{number}/24")
    port = model.Port(
        id=f"shop/web-{number}/0000000{number}",
        network=VLAN.id,
        hosts=(model.Host(addresses.mac_of(address.ip), (address,)),),
        chassis="n1",
    )
    return msgspec.structs.replace(port, **changes)


WEB = (pod(1), pod(2))
LOCALNET = f"localnet:{VLAN.id}|{VLAN.physical_network}"
SHOP = model.Intent.of([VLAN, *WEB])


async def eventually(fact: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until a fact that ovn-nbctl tells is true."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(fact):  # noqa: ASYNC110 - an outside observer has no event to wait for
            await asyncio.sleep(0.02)


def names(central: Any, table: str = "Logical_Switch_Port") -> set[str]:
    return set(central.nbctl("--bare", "--columns=name", "list", table).split())


async def test_intent_is_in_the_database_when_its_revision_is_written(writing: Any, ovn_central: Any) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))

        assert names(ovn_central) == {LOCALNET, *(port.id for port in WEB)}


async def test_restart_writes_nothing(writing: Any, transactions: list[Any]) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
    transactions.clear()

    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))

    assert transactions == []


async def test_many_changes_at_once_are_one_transaction(writing: Any, transactions: list[Any]) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
        transactions.clear()

        for number in range(3, 50):
            northbound.apply([pod(number)])
        await northbound.written()

        assert len(transactions) == 1


async def test_changed_port_is_one_mutation_of_its_row(writing: Any, transactions: list[Any]) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
        transactions.clear()

        await northbound.written(northbound.apply([pod(1, chassis="n2")]))

        assert [[op.kind for op in ops] for ops in transactions] == [["mutate"]]


async def test_removed_port_goes_and_the_other_stays(writing: Any, ovn_central: Any) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))

        await northbound.written(northbound.apply(removed=[identity.key_of(WEB[0])]))

        assert names(ovn_central) == {LOCALNET, WEB[1].id}


async def test_nothing_is_written_or_removed_before_the_whole_intent_is_known(writing: Any, ovn_central: Any) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
    async with writing() as northbound:
        northbound.apply([pod(3)])
        await asyncio.sleep(0.2)  # nothing must happen: there is no event to wait for

        assert names(ovn_central) == {LOCALNET, *(port.id for port in WEB)}


async def test_what_left_the_intent_while_the_writer_was_down_is_removed(writing: Any, ovn_central: Any) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
    async with writing() as northbound:
        await northbound.written(northbound.replace(model.Intent()))

    assert ovn_central.nbctl("show") == ""


@pytest.mark.parametrize(
    "by_hand",
    [
        pytest.param(["lsp-del", WEB[0].id], id="port-deleted"),
        pytest.param(["ls-del", VLAN.id], id="switch-deleted"),
        pytest.param(["set", "logical_switch_port", WEB[0].id, "port_security=[]"], id="column-cleared"),
        pytest.param(["set", "logical_switch_port", LOCALNET, "tag_request=7"], id="tag-changed"),
        pytest.param(["remove", "logical_switch_port", WEB[0].id, "options", "requested-chassis"], id="key-removed"),
    ],
)
async def test_what_somebody_did_by_hand_to_our_rows_is_undone(
    by_hand: list[str], writing: Any, ovn_central: Any
) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
        before = contents(ovn_central)

        await asyncio.to_thread(ovn_central.nbctl, *by_hand)

        await eventually(lambda: contents(ovn_central) == before)


async def test_rows_and_keys_of_others_live_on_beside_ours(writing: Any, ovn_central: Any) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
        ovn_central.nbctl("ls-add", "theirs", "--", "lsp-add", "theirs", "their-port")
        ovn_central.nbctl("set", "logical_switch_port", WEB[0].id, "options:qos_max_rate=1000")

        await northbound.written(northbound.apply([pod(1, chassis="n2"), pod(3)], [identity.key_of(WEB[1])]))

        assert "their-port" in names(ovn_central)
        options = ovn_central.nbctl("get", "logical_switch_port", WEB[0].id, "options")
        assert options.strip() == '{qos_max_rate="1000", requested-chassis=n2}'


async def test_name_held_by_a_stranger_is_a_problem_until_the_stranger_leaves(writing: Any, ovn_central: Any) -> None:
    ovn_central.nbctl("ls-add", "theirs", "--", "lsp-add", "theirs", WEB[0].id)
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
        (problem,) = northbound.problems[identity.key_of(WEB[0])]
        assert problem.code == diff.NAME_TAKEN
        assert WEB[1].id in names(ovn_central)

        await asyncio.to_thread(ovn_central.nbctl, "ls-del", "theirs")

        await eventually(lambda: WEB[0].id in names(ovn_central))
        assert northbound.problems == {}


async def test_switch_with_a_strangers_port_goes_when_the_stranger_leaves(writing: Any, ovn_central: Any) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
        ovn_central.nbctl("lsp-add", VLAN.id, "their-port")
        await northbound.written(northbound.replace(model.Intent()))
        assert names(ovn_central) == {"their-port"}

        await asyncio.to_thread(ovn_central.nbctl, "lsp-del", "their-port")

        await eventually(lambda: names(ovn_central, "Logical_Switch") == set())


async def test_row_that_the_database_refuses_stands_alone_with_its_problem(
    writing: Any, ovn_central: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with writing() as northbound:
        monkeypatch.setattr(diff._Planner, "_name_is_taken", lambda self, wanted: False)
        ovn_central.nbctl("ls-add", "theirs", "--", "lsp-add", "theirs", WEB[0].id)

        await northbound.written(northbound.replace(SHOP))

        (problem,) = northbound.problems[identity.key_of(WEB[0])]
        assert "identical values" in problem.found
        assert WEB[1].id in names(ovn_central)


async def test_killed_database_is_brought_in_line_when_it_is_back(writing: Any, ovn_central: Any) -> None:
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))
        await asyncio.to_thread(ovn_central.kill, "nb")
        revision = northbound.apply([pod(3)], [identity.key_of(WEB[0])])
        await asyncio.to_thread(ovn_central.start_database, "nb")

        await asyncio.wait_for(northbound.written(revision), 10)

        assert names(ovn_central) == {LOCALNET, WEB[1].id, pod(3).id}


async def test_commit_in_doubt_that_happened_is_not_repeated(
    writing: Any, client_type: Any, ovn_central: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with writing() as northbound:
        transact = client_type.transact
        losses = iter(["the answer to the first transaction is lost"])

        async def lose_an_answer(self: Any, ops: Any) -> Any:
            answer = await transact(self, ops)
            for reason in losses:
                raise ovsdb.CommitInDoubt(reason)
            return answer

        monkeypatch.setattr(client_type, "transact", lose_an_answer)
        router = model.Router(id="overlay")
        leg = model.RouterPort(
            id="leg",
            router=router.id,
            network=VLAN.id,
            mac="0a:58:00:00:00:01",
            addresses=(ip_interface("10.0.0.1/24"),),
        )

        await northbound.written(northbound.replace(model.Intent.of([VLAN, router, leg])))

        assert len(ovn_central.nbctl("--bare", "--columns=_uuid", "list", "acl").split()) == 2
        assert len(names(ovn_central, "Logical_Switch")) == 1


async def test_two_writers_of_one_owner_make_no_row_twice(writing: Any, ovn_central: Any) -> None:
    async with writing() as first, writing() as second:
        revisions = first.replace(SHOP), second.replace(SHOP)
        await asyncio.gather(first.written(revisions[0]), second.written(revisions[1]))

        assert len(ovn_central.nbctl("--bare", "--columns=_uuid", "list", "logical_switch").split()) == 1
        assert names(ovn_central) == {LOCALNET, *(port.id for port in WEB)}


async def test_realised_when_northd_has_taken_it_in(writing: Any, ovn_central: Any) -> None:
    ovn_central.start_northd()
    async with writing() as northbound:
        await northbound.written(northbound.replace(SHOP))

        await northbound.wait_realized(10, on_chassis=False)

        assert WEB[0].id in ovn_central.sbctl("--bare", "--columns=logical_port", "list", "port_binding")


async def test_hypervisors_learn_of_a_nested_port_and_its_tag_at_once(writing: Any, ovn_central: Any) -> None:
    ovn_central.start_northd()
    web = model.Network(id="infra/segments/web", kind=model.NetworkKind.OVERLAY)
    vm = model.Port(id="vif-a", network=web.id, guard=model.Guard.NONE)
    nested = model.Port(id="vif-a/1002", network=web.id, guard=model.Guard.NONE, parent=vm.id, tag=1002)
    told: list[dict[str, Any]] = []
    southbound = ovsdb.Client(ovn_central.remote("sb"), "OVN_Southbound", connect_timeout=10)
    async with writing() as northbound, southbound:
        bindings = await southbound.replicate_tables({"Port_Binding": ["logical_port", "tag"]})
        bindings.listen(lambda changes: told.extend(change.new.columns for change in changes))

        await northbound.written(northbound.replace(model.Intent.of([web, vm, nested])))
        await northbound.wait_realized(10, on_chassis=False)
        await bindings.wait_for(lambda: len(told) > 1, 10)

    assert {row["logical_port"]: row["tag"] for row in told[:2]} == {vm.id: None, nested.id: nested.tag}


async def test_waiting_for_what_nobody_realises_times_out(writing: Any) -> None:
    async with writing() as northbound:
        with pytest.raises(TimeoutError):
            await northbound.wait_realized(0.2)


def contents(central: Any) -> list[str]:
    """Every managed column of the switch's rows, without uuids."""
    columns = "name,type,addresses,port_security,tag_request,options,external_ids"
    text = central.nbctl("--format=csv", "--no-headings", f"--columns={columns}", "list", "logical_switch_port")
    return sorted(text.splitlines())


async def test_numbered_writes_take_a_number_each_and_nothing_else_does(ovn_central: Any) -> None:
    def number() -> int:
        return int(ovn_central.nbctl("get", "NB_Global", ".", "nb_cfg"))

    for expected in (1, 1):
        async with ovsdb.Client(ovn_central.remote("nb"), "OVN_Northbound", connect_timeout=10) as client:
            northbound = Northbound(client, "fabric", numbered=True)
            await northbound.start()
            task = asyncio.create_task(northbound.run())
            await northbound.written(northbound.replace(SHOP))

            assert number() == expected
            task.cancel()
