"""The fabric's manager: its databases, ovn-northd, and the policy API."""

from __future__ import annotations

from trunkline.adapters.nsx import errors
from trunkline.lab import central, daemons, processes, topology
from trunkline.lab.fabric import access, api
from trunkline.lab.pki import Authority
from trunkline.lab.state import Lab
from trunkline.lab.topology import MANAGER, Topology
from trunkline.policy import settings as policy_settings

PORT = 8443
_READY_SECONDS = 60.0  # chosen: many times what a loaded machine was seen to need


def url(drawn: Topology) -> str:
    """Where hypervisors find the policy API."""
    assert drawn.fabric is not None
    return f"https://{topology.management_address(drawn.fabric)}:{PORT}"


async def start(lab: Lab, drawn: Topology, authority: Authority) -> None:
    """Start what the manager runs, as far as it does not run, and return when the policy API answers.

    Raises:
        RemoteError: something does not start.
    """
    await central.start(lab, drawn, MANAGER, authority)
    if processes.running(lab, MANAGER, "policy") is None:  # else the port is its
        await _start_policy(lab, drawn, authority)
    async with api.connect(lab) as policy:

        async def answers() -> bool:
            try:
                return await policy.get("/infra") is not None
            except errors.Unreachable:
                return False

        await processes.ready(lab, MANAGER, "policy", answers, seconds=_READY_SECONDS)


async def _start_policy(lab: Lab, drawn: Topology, authority: Authority) -> None:
    assert drawn.fabric is not None
    config = policy_settings.Settings(
        store=central.northbound_remote(lab, MANAGER),
        northbound=central.northbound_remote(lab, MANAGER),
        southbound=central.southbound_remote(lab, MANAGER),
        tallies=central.southbound_remote(lab, MANAGER),
        state_dir=str(access.state(lab)),
        listen=url(drawn).removeprefix("https://"),
        names=("localhost", "127.0.0.1"),
        admin_password_file=str(access.password_file(lab)),
        holder=f"{lab.name}/{MANAGER}",
        hypervisor_ca=str(authority.certificate),
    )
    access.state(lab).mkdir(mode=0o700, exist_ok=True)
    with daemons.listen(lab, "policy_port") as listener:
        unit = daemons.program(lab, MANAGER, "policy", config, "policy", f"--listen-fd={listener.fileno()}")
        await processes.ensure(lab, unit, fds=(listener.fileno(),))

    # The authority is written before the first answer, and nobody can be trusted without it.
    async def certified() -> bool:
        return access.authority_file(lab).exists() and access.password_file(lab).exists()

    await processes.ready(lab, MANAGER, "policy", certified, seconds=_READY_SECONDS)
