"""The CNI specification as far as a plugin must know it: versions, commands, requests, results, error codes.  Pure.

Source: SPEC.md of the containernetworking/cni repository, versions 0.3.1 to 1.1.0.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import msgspec

from trunkline.intent.attachment import Attachment
from trunkline.kit.addresses import IPAddress, IPInterface, IPNetwork, dec_hook
from trunkline.kit.problems import Problem

VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")

# Well-known error codes; a plugin's own begin at 100.
INCOMPATIBLE_VERSION, UNSUPPORTED_FIELD, UNKNOWN_CONTAINER = 1, 2, 3
INVALID_ENVIRONMENT, IO_FAILURE, DECODING_FAILURE, INVALID_CONFIG = 4, 5, 6, 7
TRY_AGAIN_LATER, NOT_AVAILABLE = 11, 50
NO_ADDRESS, NOT_AS_ADDED, BUG = 101, 102, 199

_SINCE = {"ADD": "0.3.1", "DEL": "0.3.1", "CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}
_NEEDS = {
    "ADD": ("CONTAINERID", "NETNS", "IFNAME"),
    "DEL": ("CONTAINERID", "IFNAME"),
    "CHECK": ("CONTAINERID", "NETNS", "IFNAME"),
}

_DEFAULT: dict[int, IPNetwork] = {4: ipaddress.ip_network("0.0.0.0/0"), 6: ipaddress.ip_network("::/0")}
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_INTERFACE_NAME = re.compile(r"[^\s/:]{1,15}")


class Failure(Exception):
    """A request that ends with an error object on standard output."""

    def __init__(self, code: int, message: str, details: str = "") -> None:
        self.code = code
        self.message = message
        self.details = details
        super().__init__(message)

    @classmethod
    def of(cls, code: int, problem: Problem) -> Failure:
        """The failure that a problem amounts to; runtimes print the message and the details in one line, so each says its part."""
        return cls(code, str(msgspec.structs.replace(problem, hint="")), problem.hint)


class AttachmentKey(msgspec.Struct, frozen=True, rename={"container": "containerID", "interface": "ifname"}):
    """What the specification calls an attachment: one interface of one container."""

    container: str
    interface: str


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The network configuration as the runtime hands it over.  Fields that others have put there are let be."""

    cni_version: str = msgspec.field(name="cniVersion", default="")
    name: str = ""
    type: str = ""
    dns: dict[str, Any] = {}
    previous: dict[str, Any] | None = msgspec.field(name="prevResult", default=None)
    valid_attachments: list[AttachmentKey] | None = msgspec.field(name="cni.dev/valid-attachments", default=None)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One well-formed call."""

    command: str
    config: Config
    key: AttachmentKey
    namespace: str
    arguments: dict[str, str]


def read_request(environment: dict[str, str], configuration: bytes) -> Request:
    """The request in a runtime's environment variables and standard input.

    Raises:
        Failure: it breaks the specification; the code says how.
    """
    command = environment.get("CNI_COMMAND", "")
    if command not in _SINCE:
        raise Failure(INVALID_ENVIRONMENT, f"CNI_COMMAND {command!r} is not one of {', '.join(_SINCE)}")
    config = _config(configuration)
    if config.cni_version not in VERSIONS:
        raise Failure(
            INCOMPATIBLE_VERSION,
            f"cniVersion {config.cni_version!r} is not supported",
            f"Supported versions: {', '.join(VERSIONS)}.",
        )
    if VERSIONS.index(config.cni_version) < VERSIONS.index(_SINCE[command]):
        raise Failure(
            INCOMPATIBLE_VERSION, f"{command} exists since version {_SINCE[command]}, not in {config.cni_version}"
        )
    if command != "STATUS" and not _IDENTIFIER.fullmatch(config.name):
        raise Failure(INVALID_CONFIG, f"name {config.name!r} is not a network name")
    _check_environment(command, environment)
    return Request(
        command=command,
        config=config,
        key=AttachmentKey(environment.get("CNI_CONTAINERID", ""), environment.get("CNI_IFNAME", "")),
        namespace=environment.get("CNI_NETNS", ""),
        arguments=_arguments(environment.get("CNI_ARGS", "")),
    )


def spoken_version(configuration: bytes) -> str:
    """The version to answer an erroneous request in: the one asked for, or our newest."""
    try:
        asked = msgspec.json.decode(configuration, type=Config).cni_version
    except msgspec.MsgspecError:
        asked = ""
    return asked if asked in VERSIONS else VERSIONS[-1]


def error(version: str, failure: Failure) -> bytes:
    """The error object of a failure."""
    body: dict[str, Any] = {"cniVersion": version, "code": failure.code, "msg": failure.message}
    if failure.details:
        body["details"] = failure.details
    return msgspec.json.encode(body)


def result(request: Request, attachment: Attachment, host_name: str, host_mac: str) -> bytes:
    """What ADD answers: an earlier plugin's result, if there is one, with our interfaces, addresses and routes added."""
    version = request.config.cni_version
    before = request.config.previous or {}
    interfaces = [*(before.get("interfaces") or []), *_interfaces(request, attachment, host_name, host_mac)]
    ips = [_ip(version, address, attachment, len(interfaces) - 1) for address in attachment.addresses]
    routes = [{"dst": str(prefix), **({"gw": str(via)} if via else {})} for prefix, via in routes_of(attachment)]
    return msgspec.json.encode(
        {
            "cniVersion": version,
            "interfaces": interfaces,
            "ips": [*(before.get("ips") or []), *ips],
            "routes": [*(before.get("routes") or []), *routes],
            "dns": before.get("dns") or request.config.dns,
        }
    )


class Expected(msgspec.Struct, frozen=True):
    """What a previous result says of one interface in the sandbox."""

    mac: str
    mtu: int | None
    addresses: tuple[IPInterface, ...]
    routes: tuple[tuple[IPNetwork, IPAddress | None], ...]


def expected(request: Request) -> Expected:
    """What CHECK has to find: the previous result's word on the interface.

    Raises:
        Failure: there is no previous result, or it does not mention the interface.
    """
    previous = request.config.previous
    if previous is None:
        raise Failure(INVALID_CONFIG, "CHECK needs prevResult")
    try:
        return _expected(request, msgspec.convert(previous, _Previous, dec_hook=dec_hook))
    except msgspec.ValidationError as problem:
        raise Failure(INVALID_CONFIG, "prevResult is not a result", str(problem)) from problem


def routes_of(attachment: Attachment) -> tuple[tuple[IPNetwork, IPAddress | None], ...]:
    """Routes in the pod: those of the attachment, and a default route by each gateway whose family has none yet."""
    routes: list[tuple[IPNetwork, IPAddress | None]] = [(route.prefix, route.via) for route in attachment.routes]
    for gateway in attachment.gateways:
        default = _DEFAULT[gateway.version]
        if default not in (prefix for prefix, _via in routes):
            routes.append((default, gateway))
    return tuple(routes)


class _PreviousInterface(msgspec.Struct, frozen=True):
    name: str
    mac: str = ""
    mtu: int | None = None
    sandbox: str = ""


class _PreviousIp(msgspec.Struct, frozen=True):
    address: IPInterface
    interface: int | None = None


class _PreviousRoute(msgspec.Struct, frozen=True):
    dst: IPNetwork
    gw: IPAddress | None = None


class _Previous(msgspec.Struct, frozen=True):
    interfaces: tuple[_PreviousInterface, ...] = ()
    ips: tuple[_PreviousIp, ...] = ()
    routes: tuple[_PreviousRoute, ...] = ()


def _expected(request: Request, previous: _Previous) -> Expected:
    for index, interface in enumerate(previous.interfaces):
        if interface.sandbox and interface.name == request.key.interface:
            addresses = tuple(ip.address for ip in previous.ips if ip.interface == index)
            families = {address.version for address in addresses}
            routes = tuple((route.dst, route.gw) for route in previous.routes if route.dst.version in families)
            return Expected(interface.mac, interface.mtu, addresses, routes)
    raise Failure(INVALID_CONFIG, f"prevResult does not mention {request.key.interface}")


def _interfaces(request: Request, attachment: Attachment, host_name: str, host_mac: str) -> list[dict[str, Any]]:
    mtu = {"mtu": attachment.mtu} if request.config.cni_version == "1.1.0" else {}
    inside = {"name": request.key.interface, "mac": attachment.mac, **mtu, "sandbox": request.namespace}
    return [{"name": host_name, "mac": host_mac, **mtu}, inside]


def _ip(version: str, address: Any, attachment: Attachment, interface: int) -> dict[str, Any]:
    family = {"version": str(address.version)} if version in ("0.3.1", "0.4.0") else {}
    gateway = next((str(via) for via in attachment.gateways if via in address.network), None)
    return {**family, "address": str(address), **({"gateway": gateway} if gateway else {}), "interface": interface}


def _config(configuration: bytes) -> Config:
    try:
        return msgspec.json.decode(configuration, type=Config)
    except msgspec.ValidationError as problem:
        raise Failure(
            INVALID_CONFIG, "the network configuration has a field of the wrong type", str(problem)
        ) from problem
    except msgspec.DecodeError as problem:
        raise Failure(DECODING_FAILURE, "the network configuration is not valid JSON", str(problem)) from problem


def _check_environment(command: str, environment: dict[str, str]) -> None:
    wrong = [name for name in _NEEDS.get(command, ()) if not environment.get(f"CNI_{name}")]
    container, interface = environment.get("CNI_CONTAINERID", ""), environment.get("CNI_IFNAME", "")
    if container and not _IDENTIFIER.fullmatch(container):
        wrong.append("CONTAINERID")
    if interface and (
        interface in (".", "..") or not _INTERFACE_NAME.fullmatch(interface) or len(interface.encode()) > 15
    ):
        wrong.append("IFNAME")
    if wrong:
        names = ", ".join(f"CNI_{name}" for name in wrong)
        raise Failure(INVALID_ENVIRONMENT, f"{names}: missing or not valid")


def _arguments(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if part)
    return {key: value for key, _equals, value in pairs}
