"""How the lab's policy API is reached from this machine, and as whom."""

from __future__ import annotations

from pathlib import Path

from trunkline.lab.state import Lab
from trunkline.lab.topology import MANAGER

USER = "admin"


def exports(lab: Lab) -> dict[str, str]:
    """What a person's shell needs to talk to the policy API; nothing while there is none."""
    if not password_file(lab).exists():
        return {}
    return {
        "TRUNKLINE_POLICY_URL": url(lab),
        "TRUNKLINE_POLICY_CA": str(authority_file(lab)),
        "TRUNKLINE_POLICY_USER": USER,
        "TRUNKLINE_POLICY_PASSWORD": password_file(lab).read_text().strip(),
    }


def url(lab: Lab) -> str:
    """Where the policy API is, seen from this machine."""
    return f"https://127.0.0.1:{lab.read().policy_port}"


def authority_file(lab: Lab) -> Path:
    """The certificate that clients of the policy API trust; `trunkline policy` makes it in its state directory."""
    return state(lab) / "ca.pem"


def password_file(lab: Lab) -> Path:
    """Where the administrator's generated password is; nobody else may read it."""
    return state(lab) / "admin.password"


def state(lab: Lab) -> Path:
    """The state directory of `trunkline policy`."""
    return lab.home(MANAGER) / "policy"
