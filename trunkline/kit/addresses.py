"""IP and MAC addresses: the msgspec hooks for `ipaddress` types, and MACs that follow from addresses.

msgspec does not decode `ipaddress` types by itself (tried with 0.22); these two hooks serve every codec in the project.
"""

from __future__ import annotations

import ipaddress
from abc import ABC
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
    IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
    IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
else:
    # msgspec refuses a union of two custom types, so at run time each family pair is one abstract class.
    class IPAddress(ABC):  # noqa: B024
        """An IPv4 or IPv6 address."""

    class IPNetwork(ABC):  # noqa: B024
        """An IPv4 or IPv6 prefix without host bits."""

    class IPInterface(ABC):  # noqa: B024
        """An IPv4 or IPv6 address with its prefix length."""

    for _family in (4, 6):
        IPAddress.register(getattr(ipaddress, f"IPv{_family}Address"))
        IPNetwork.register(getattr(ipaddress, f"IPv{_family}Network"))
        IPInterface.register(getattr(ipaddress, f"IPv{_family}Interface"))

_PARSERS: dict[Any, Any] = {
    IPAddress: ipaddress.ip_address,
    IPNetwork: ipaddress.ip_network,
    IPInterface: ipaddress.ip_interface,
    ipaddress.IPv4Address: ipaddress.IPv4Address,
    ipaddress.IPv6Address: ipaddress.IPv6Address,
    ipaddress.IPv4Network: ipaddress.IPv4Network,
    ipaddress.IPv6Network: ipaddress.IPv6Network,
    ipaddress.IPv4Interface: ipaddress.IPv4Interface,
    ipaddress.IPv6Interface: ipaddress.IPv6Interface,
}
_TYPES = tuple(kind for kind in _PARSERS if kind.__module__ == "ipaddress")


def dec_hook(wanted: Any, value: Any) -> Any:
    """Decode text into the wanted `ipaddress` type; for `msgspec.convert(..., dec_hook=...)`.

    Raises:
        ValueError: the text is not such an address (msgspec adds the path).
        NotImplementedError: the wanted type is not ours.
    """
    parser = _PARSERS.get(wanted)
    if parser is None:
        raise NotImplementedError(wanted)
    return parser(value)


def enc_hook(value: Any) -> Any:
    """Encode an `ipaddress` value as text; for `msgspec.json.encode(..., enc_hook=...)`."""
    if isinstance(value, _TYPES):
        return str(value)
    raise NotImplementedError(type(value))


def mac_of(address: IPAddress) -> str:
    """The MAC that a port with this address gets: 0a:58 and four bytes that follow from the address.

    Derived, not drawn: an address that changes hands keeps its MAC, so neighbours' ARP caches stay right.  IPv4 is
    embedded whole (unique per subnet by construction); IPv6 is folded by its last four bytes.
    0a is a locally administered unicast prefix (IEEE 802, bit 1 of the first byte); 0a:58 is the habit of other CNIs.
    """
    tail = address.packed[-4:]
    return "0a:58:" + ":".join(f"{byte:02x}" for byte in tail)
