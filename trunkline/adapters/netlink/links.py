"""Network interfaces: make a pair, put one on top of another, look one up, change it, remove it.

Source: linux/if_link.h, linux/veth.h.
"""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import msgspec

from trunkline.adapters.netlink import message
from trunkline.adapters.netlink.connection import Connection

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
IFF_UP, _IFF_PROMISC = 0x1, 0x100

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 4, 5, 18, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_VETH_INFO_PEER = 1
_IFLA_MACVLAN_MODE, _IFLA_MACVLAN_FLAGS = 1, 2
_MACVLAN_MODE_PASSTHRU, _MACVLAN_FLAG_NOPROMISC = 8, 1

_INFO = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, device type, index, flags, mask of the flags that change."""


class Link(msgspec.Struct, frozen=True):
    """One interface as the kernel reports it."""

    index: int
    name: str
    mac: str
    mtu: int
    up: bool
    kind: str = ""
    promiscuous: bool = False
    """Whether somebody has set it so; who only listens to packets for a while is not seen."""


class Peer(msgspec.Struct, frozen=True):
    """The far end of a veth pair: born inside the namespace open as `namespace_fd`."""

    name: str
    mac: str
    namespace_fd: int


def create_veth(kernel: Connection, name: str, mac: str, peer: Peer, mtu: int, *, up: bool = True) -> None:
    """Make a veth pair in one step: the near end here and `up` or not, the far end in its namespace and down.

    Raises:
        OSError: EEXIST when either name is taken.
    """
    far = (
        _INFO.pack(0, 0, 0, 0, 0)
        + message.text(_IFLA_IFNAME, peer.name)
        + message.attribute(_IFLA_ADDRESS, mac_bytes(peer.mac))
        + message.number(_IFLA_MTU, mtu)
        + message.number(_IFLA_NET_NS_FD, peer.namespace_fd)
    )
    body = (
        _INFO.pack(0, 0, 0, IFF_UP * up, IFF_UP)
        + message.text(_IFLA_IFNAME, name)
        + message.attribute(_IFLA_ADDRESS, mac_bytes(mac))
        + message.number(_IFLA_MTU, mtu)
        + message.nested(
            _IFLA_LINKINFO,
            message.text(_IFLA_INFO_KIND, "veth"),
            message.nested(_IFLA_INFO_DATA, message.attribute(_VETH_INFO_PEER, far)),
        )
    )
    kernel.request(RTM_NEWLINK, message.NLM_F_CREATE | message.NLM_F_EXCL, body)


def create_passthrough(kernel: Connection, lower: int, name: str, namespace_fd: int) -> None:
    """Make the one interface through which everything of interface `lower` passes.

    It is born down, in the namespace open as `namespace_fd`, under its final name, with the MAC and MTU of `lower`.
    `lower` must be one that receives everything anyway, as the end of a pair does: it is not told to, which would be one
    more event for all who watch interfaces.

    Raises:
        OSError: EEXIST when the name is taken there; EINVAL when `lower` has such an interface already.
    """
    how = message.number(_IFLA_MACVLAN_MODE, _MACVLAN_MODE_PASSTHRU) + message.attribute(
        _IFLA_MACVLAN_FLAGS, struct.pack("=H", _MACVLAN_FLAG_NOPROMISC)
    )
    body = (
        _INFO.pack(0, 0, 0, 0, 0)
        + message.text(_IFLA_IFNAME, name)
        + message.number(_IFLA_LINK, lower)
        + message.number(_IFLA_NET_NS_FD, namespace_fd)
        + message.nested(_IFLA_LINKINFO, message.text(_IFLA_INFO_KIND, "macvlan"), message.nested(_IFLA_INFO_DATA, how))
    )
    kernel.request(RTM_NEWLINK, message.NLM_F_CREATE | message.NLM_F_EXCL, body)


def find(kernel: Connection, name: str) -> Link | None:
    """The interface called `name`, if there is one."""
    try:
        return parse(kernel.get(RTM_GETLINK, _INFO.pack(0, 0, 0, 0, 0) + message.text(_IFLA_IFNAME, name)))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return None
        raise


def listed(kernel: Connection) -> list[Link]:
    """Every interface of the namespace."""
    return [parse(body) for body in kernel.dump(RTM_GETLINK, _INFO.pack(0, 0, 0, 0, 0))]


def up_request(index: int) -> tuple[int, int, bytes]:
    """The request that brings an interface up, for a batch."""
    return RTM_NEWLINK, 0, _INFO.pack(0, 0, index, IFF_UP, IFF_UP)


def change(kernel: Connection, index: int, *, up: bool | None = None, mtu: int = 0, mac: str = "") -> None:
    """Change what is given of an interface.

    Raises:
        OSError: the kernel refused.
    """
    flags, mask = (0, 0) if up is None else (IFF_UP if up else 0, IFF_UP)
    body = _INFO.pack(0, 0, index, flags, mask)
    if mtu:
        body += message.number(_IFLA_MTU, mtu)
    if mac:
        body += message.attribute(_IFLA_ADDRESS, mac_bytes(mac))
    kernel.request(RTM_NEWLINK, 0, body)


def move(kernel: Connection, index: int, namespace_fd: int) -> None:
    """Move an interface to the namespace open as `namespace_fd`; it is down there, and of a pair the other end stays.

    Raises:
        OSError: the kernel refused (EEXIST: its name is taken there).
    """
    body = _INFO.pack(0, 0, index, 0, 0) + message.number(_IFLA_NET_NS_FD, namespace_fd)
    kernel.request(RTM_NEWLINK, 0, body)


def remove(kernel: Connection, name: str) -> bool:
    """Remove an interface (of a pair, both ends); False when it was gone already."""
    try:
        kernel.request(RTM_DELLINK, 0, _INFO.pack(0, 0, 0, 0, 0) + message.text(_IFLA_IFNAME, name))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return False
        raise
    return True


def parse(body: bytes) -> Link:
    """The interface in an RTM_NEWLINK body."""
    _family, _type, index, flags, _mask = _INFO.unpack_from(body)
    found = message.attributes(body[_INFO.size :])
    info = message.attributes(found.get(_IFLA_LINKINFO, b""))
    return Link(
        index=index,
        name=_string(found.get(_IFLA_IFNAME, b"")),
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=struct.unpack("=I", found.get(_IFLA_MTU, bytes(4)))[0],
        up=bool(flags & IFF_UP),
        kind=_string(info.get(_IFLA_INFO_KIND, b"")),
        promiscuous=bool(flags & _IFF_PROMISC),
    )


def mac_bytes(mac: str) -> bytes:
    """A MAC address written with colons, as six bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def set_sysctl(key: str, value: int) -> None:
    """Write a network setting of the calling thread's namespace ("ipv4/conf/eth0/accept_redirects"), if it exists."""
    path = Path("/proc/sys/net", key)
    if path.exists():
        path.write_text(f"{value}\n")


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode()
