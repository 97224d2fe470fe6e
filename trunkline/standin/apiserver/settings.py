"""The settings of the stand-in API server, one struct, read from TOML by `trunkline.kit.settings`."""

from __future__ import annotations

import ipaddress

import msgspec


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server's own certificate, and the authority whose client certificates it believes; paths of PEM files."""

    certificate: str
    key: str
    client_ca: str


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `trunkline standin apiserver --config FILE` reads."""

    store: str
    """Where the `Trunkline` database is, as OVSDB writes it: "unix:/run/trunkline/nb.sock", "ssl:10.0.0.1:6641"."""

    tls: Tls
    """How the server proves who it is, and whom it believes."""

    listen: tuple[str, ...] = ()
    """Addresses to listen on, "10.0.0.1:6443" or "[fd00::1]:6443"; inherited sockets come on top."""

    holder: str = "apiserver"
    """What this server calls itself when it takes the store over from an older one."""

    service_cidr: str = "10.96.0.0/16"
    """The network from which Services get their addresses."""

    def __post_init__(self) -> None:
        for address in self.listen:
            split(address)
        ipaddress.ip_network(self.service_cidr)


def split(address: str) -> tuple[str, int]:
    """Host and port of "10.0.0.1:6443" or "[fd00::1]:6443".

    Raises:
        ValueError: it is no address with a port.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    ipaddress.ip_address(host)
    return host, int(port)
