"""A container runtime's side of CNI: configuration lists, plugin chains, cached results.

The configuration that ADD used and the result it gave are kept with the sandbox, and DEL is called with those, not with
whatever the configuration says by then.

Source: CNI specification 1.1.0, sections 1-4; messages are worded as libcni words them, which is what people search for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from trunkline.kit import problems
from trunkline.standin.kubelet import processes

Json = dict[str, Any]

NO_NETWORK = problems.register("TRK-0260", "A node has no usable CNI configuration.")
PLUGIN_FAILED = problems.register("TRK-0261", "A CNI plugin failed.")

IFNAME = "eth0"
_WITH_PREVIOUS = ("0.4.0", "1.0.0", "1.1.0")  # versions whose DEL takes the ADD's result


class PluginError(problems.RemoteError):
    """A plugin, or the configuration it comes from, is at fault; the text is what people are shown."""

    def __init__(self, text: str, *, code: str = PLUGIN_FAILED) -> None:
        super().__init__(text, problems=[problems.Problem(code=code, object="CNI", found=text)])


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """Whom plugins are called for: the specification's container id and namespace path, and the pod."""

    container_id: str
    netns: str
    namespace: str
    pod: str
    uid: str

    def environment(self, command: str, bin_dir: str) -> dict[str, str]:
        """The variables of one call; `IgnoreUnknown` lets plugins skip what only Kubernetes has."""
        arguments = {
            "IgnoreUnknown": "1",
            "K8S_POD_NAMESPACE": self.namespace,
            "K8S_POD_NAME": self.pod,
            "K8S_POD_INFRA_CONTAINER_ID": self.container_id,
            "K8S_POD_UID": self.uid,
        }
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": self.container_id,
            "CNI_NETNS": self.netns,
            "CNI_IFNAME": IFNAME,
            "CNI_PATH": bin_dir,
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in arguments.items()),
        }


def load(conf_dir: str) -> Json:
    """The node's configuration list: the first `*.conflist` by name, as container runtimes choose it.

    Raises:
        PluginError: there is none, or it is not a configuration list.
    """
    found = sorted(Path(conf_dir).glob("*.conflist"))
    if not found:
        raise PluginError(f"cni plugin not initialized: no *.conflist in {conf_dir}", code=NO_NETWORK)
    try:
        conflist: Json = msgspec.json.decode(found[0].read_bytes())
        _ = conflist["name"], conflist["cniVersion"], [plugin["type"] for plugin in conflist["plugins"]]
    except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise PluginError(f"{found[0]} is not a CNI configuration list: {error!r}", code=NO_NETWORK) from error
    return conflist


async def add(conflist: Json, attachment: Attachment, bin_dir: str) -> Json:
    """Run the chain's ADDs in order; answers the last result.

    Raises:
        PluginError: one of them failed; the caller owes a `delete` before it tries again.
    """
    result: Json | None = None
    for plugin in conflist["plugins"]:
        result = await _call("ADD", conflist, plugin, attachment, bin_dir, result)
    return result or {}


async def delete(conflist: Json, attachment: Attachment, bin_dir: str, result: Json | None) -> None:
    """Run the chain's DELs in reverse order, with the result that ADD gave (None when it never answered).

    Raises:
        PluginError: one of them failed; DEL may be called again.
    """
    previous = result if conflist["cniVersion"] in _WITH_PREVIOUS else None
    for plugin in reversed(conflist["plugins"]):
        await _call("DEL", conflist, plugin, attachment, bin_dir, previous)


def addresses(result: Mapping[str, Any] | None) -> list[str]:
    """The pod's addresses in a result, IPv4 and IPv6 in the plugin's order, without prefix lengths."""
    return [entry["address"].partition("/")[0] for entry in (result or {}).get("ips") or ()]


async def _call(
    command: str, conflist: Json, plugin: Json, attachment: Attachment, bin_dir: str, previous: Json | None
) -> Json:
    kind = plugin["type"]
    config = {**plugin, "name": conflist["name"], "cniVersion": conflist["cniVersion"]}
    config.pop("capabilities", None)
    if previous is not None:
        config["prevResult"] = previous
    env = attachment.environment(command, bin_dir)
    failed = f'plugin type="{kind}" failed ({command.lower()})'
    try:
        program = str(Path(bin_dir) / Path(kind).name)
        code, out, err = await processes.run([program], env, msgspec.json.encode(config))
    except OSError as error:
        reason = f'failed to find plugin "{kind}" in path [{bin_dir}]' if error.errno == 2 else str(error)
        raise PluginError(f"{failed}: {reason}") from error
    if code:
        raise PluginError(f"{failed}: {_reason(code, out, err)}")
    try:
        answer: Json = msgspec.json.decode(out) if out.strip() else {}
    except msgspec.DecodeError as error:
        raise PluginError(f"{failed}: its answer is not JSON: {out[:200]!r}") from error
    return answer


def _reason(code: int, out: bytes, err: bytes) -> str:
    """What a failed plugin says: message and details of its error object, or whatever it printed."""
    try:
        answer = msgspec.json.decode(out)
        details = answer.get("details")
        return f"{answer['msg']}; {details}" if details else str(answer["msg"])
    except (msgspec.DecodeError, KeyError, AttributeError):
        printed = (err.strip() or out.strip()).decode(errors="replace")[-500:]
        return printed or f"exit code {code} and no message"
