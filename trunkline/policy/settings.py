"""Settings of `trunkline policy` (TOML)."""

from __future__ import annotations

import socket

import msgspec


class Issuer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may vouch for callers with bearer tokens (`[tokens]`)."""

    issuer: str
    """The `iss` of its tokens, compared as it is written."""

    audience: str
    """What must be among the `aud` of a token."""

    keys: str
    """Its JWK set: a file, or an https address."""

    authority: str = ""
    """PEM file of the authorities to trust at that address; empty: the system's."""

    keys_lifetime: float = 300.0
    """Seconds after which the set is read again; an unknown key id asks for it sooner."""

    name_claim: str = "sub"
    """The claim that names the caller; dots reach into objects."""

    roles_claim: str = "perms"
    """The claim with the caller's roles: an array, or words in one text."""

    roles: dict[str, str] = {}
    """What its words mean here, such as `"csp:nsx-admin" = "enterprise_admin"`; words that are role names mean themselves."""

    skew: float = 60.0
    """Seconds by which its clock and ours may differ."""


class Lockout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody who fails to log in is kept out (`[lockout]`)."""

    failures: int = 5
    """Failures within `reset_period` that lock out; 0: nobody is ever locked out."""

    reset_period: float = 900.0
    """Seconds after which a failure is forgotten."""

    period: float = 900.0
    """Seconds for which the user is locked out from that address."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may be asked (`[limits]`); 0 is no limit.  NSX documents 100 a second, 40 and 199 at once."""

    client_rate: int = 0
    """Requests a second from one address."""

    client_concurrent: int = 0
    """Requests at once from one address."""

    all_concurrent: int = 0
    """Requests at once from all."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """How the API is served; the settings say how it begins, administrators may change it (`cluster/api-service`)."""

    session_timeout: float = 1800.0
    limits: Limits = Limits()
    basic_authentication: bool = True
    cookie_authentication: bool = True


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the manager keeps its state and how it answers."""

    store: str
    """OVSDB remote of the `Trunkline` database ("unix:/run/trunkline/db.sock")."""

    state_dir: str
    """Directory of this node's certificate authority, certificate and audit log; made if absent."""

    listen: str = "127.0.0.1:8443"
    """Address and port of the API (HTTPS)."""

    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    """Host names and addresses that the certificate is good for, besides the one of `listen`."""

    admin_password_file: str = ""
    """Where the first start writes the generated password of `admin` (mode 0600) instead of printing it."""

    version: str = "4.2.1.0.0.24304122"
    """The NSX version that clients are told; from 9.1.0 on some expect more than is served here."""

    edge_clusters: tuple[str, ...] = ("edge-cluster",)
    """Names of the edge clusters that gateways may run on."""

    northbound: str = ""
    """OVSDB remote of OVN's northbound database; empty: objects are kept, and nothing is realised."""

    southbound: str = ""
    """OVSDB remote of OVN's southbound database, which is read only; needed with `northbound`."""

    tallies: str = ""
    """OVSDB remote of the database in which hypervisors tell what passed their ports; empty: statistics are all zero."""

    physical_network: str = "trunk"
    """The physical network of VLAN segments without a named teaming policy; hypervisors map it to a bridge."""

    gateways: dict[str, tuple[str, ...]] = {}
    """By edge cluster, the hypervisors (`system-id`) that may serve its gateways, best first.  For others: those that have
    `enable-chassis-as-gw` among their `ovn-cms-options`, or all if none has."""

    hypervisor_ca: str = ""
    """PEM file of the authority that signs hypervisors' certificates, in whose common name is the hypervisor's name; empty:
    none is let in, so that traces end at their time-out."""

    transient_traces: float = 7200.0
    """Seconds without a question about it after which a transient traceflow is erased (NSX: two hours)."""

    session_timeout: float = 1800.0
    """Seconds without a request after which a session ends (NSX: 1800)."""

    tokens: Issuer | None = None
    """Who may vouch for callers with bearer tokens; nobody unless set."""

    limits: Limits = Limits()
    """How much may be asked."""

    lockout: Lockout = Lockout()
    """When somebody who fails to log in is kept out."""

    holder: str = socket.gethostname()
    """Who leads, as others see it when they are fenced off."""
