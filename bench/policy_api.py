"""The policy manager at 10,000 segments and 50,000 child-segment bindings: the program itself, over TLS, one client.

The objects are written through the hierarchical API.  Timings are of one kept-alive connection with Basic authentication, so
they hold TLS, HTTP, planning, and for writes the durable commit in ovsdb-server.  Next to them stands the cheapest call that
the server has, as the share of HTTP alone.  A restart is a second start of the program on the full database.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import statistics
from bench.policy_client import Client
from trunkline.adapters import store

SEGMENTS, CHILDREN, PARENTS_OF_EACH = 10_000, 1_000, 50
PORT = 18_443
_OVSDB_SERVER = shutil.which("ovsdb-server") or "/usr/sbin/ovsdb-server"


def run() -> str:
    """Fill, measure, restart; a section for the results."""
    home = Path(tempfile.mkdtemp(prefix="tlbench-policy-"))
    try:
        with _database(home), _manager(home) as (process, _):
            client = _client(home)
            _fill(client)
            rows = _measure(client)
            memory = _resident_mib(process.pid)
            process.terminate()
            process.wait()
            with _manager(home) as (_, seconds):
                rows.append(("restart until the first answer", f"{seconds:.1f} s", ""))
        rows.append(("memory of the manager", f"{memory} MiB", ""))
    finally:
        shutil.rmtree(home)
    intro = f"## Policy API\n\n{SEGMENTS:,} segments, {CHILDREN * PARENTS_OF_EACH:,} bindings. {(__doc__ or '').split(chr(10), 2)[2].strip()}\n"
    return f"{intro}\n{statistics.table(('what', 'p50', 'p99'), rows)}"


def _client(home: Path) -> Client:
    return Client(f"https://127.0.0.1:{PORT}", home / "state" / "ca.pem", (home / "password").read_text().strip())


def _fill(client: Client) -> None:
    _patch(client, [{"Segment": {"id": f"s{number}"}} for number in range(SEGMENTS)])
    for child in range(0, CHILDREN, 20):
        _patch(client, [_bound(number) for number in range(child, child + 20)])


def _bound(child: int) -> dict[str, Any]:
    maps = [
        {"SegmentConnectionBindingMap": {"id": f"m{number}", "vlan_traffic_tag": child + 1, "segment_path": parent}}
        for number, parent in enumerate(_parents(child))
    ]
    return {"resource_type": "ChildResourceReference", "target_type": "Segment", "id": f"s{child}", "children": maps}


def _parents(child: int) -> list[str]:
    others = SEGMENTS - CHILDREN
    return [_segment(CHILDREN + (child * PARENTS_OF_EACH + number) % others) for number in range(PARENTS_OF_EACH)]


def _segment(number: int) -> str:
    return f"/infra/segments/s{number}"


def _patch(client: Client, children: list[dict[str, Any]]) -> None:
    for start in range(0, len(children), 2500):
        client.call("PATCH", "/policy/api/v1/infra", {"children": children[start : start + 2500]})


def _measure(client: Client) -> list[tuple[str, str, str]]:
    base = "/policy/api/v1"

    def put(number: int) -> float:
        # A parent that this child does not have yet.
        parent = _segment(CHILDREN + (number * PARENTS_OF_EACH + 4321) % (SEGMENTS - CHILDREN))
        body = {"vlan_traffic_tag": str(2000 + number), "segment_path": parent}
        return client.call("PUT", f"{base}{_segment(number)}/segment-connection-binding-maps/new", body)

    samples = {
        "GET of the version": [client.call("GET", "/api/v1/node/version") for _ in range(500)],
        "PUT of a binding map": [put(number) for number in range(500)],
        "GET of a segment": [client.call("GET", base + _segment(number)) for number in range(500)],
        "list page of 1,000 of 10,000": [client.call("GET", f"{base}/infra/segments") for _ in range(50)],
    }
    found = {name: statistics.milliseconds(times) for name, times in samples.items()}
    return [(name, f"{half:.1f} ms", f"{most:.1f} ms") for name, (half, most) in found.items()]


def _resident_mib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 // 1024


@contextlib.contextmanager
def _database(home: Path) -> Iterator[None]:
    store.create_database(home / "db")
    quiet = ("-vconsole:off", "-vsyslog:off", f"--log-file={home}/log", "--no-chdir", f"--unixctl={home}/ctl")
    process = subprocess.Popen([_OVSDB_SERVER, str(home / "db"), f"--remote=punix:{home}/sock", *quiet])
    try:
        while not (home / "sock").exists():
            time.sleep(0.01)  # no event tells that a daemon listens
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _manager(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The running program, and the seconds until its first answer."""
    settings = home / "policy.toml"
    lines = {
        "store": f"unix:{home}/sock",
        "state_dir": str(home / "state"),
        "listen": f"127.0.0.1:{PORT}",
        "admin_password_file": str(home / "password"),
    }
    settings.write_text("".join(f'{name} = "{value}"\n' for name, value in lines.items()))
    program = [sys.executable, "-m", "trunkline.cli.main", "policy", "--config", str(settings)]
    start = time.perf_counter()
    process = subprocess.Popen(program, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - start < 60:
            with contextlib.suppress(OSError):
                _client(home).call("GET", "/api/v1/node/version")
                break
            time.sleep(0.02)
        yield process, time.perf_counter() - start
    finally:
        process.terminate()
        process.wait()
