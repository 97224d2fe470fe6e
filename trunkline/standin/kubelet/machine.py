"""What all pods of one kubelet share."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from trunkline.adapters.kube import Kube
from trunkline.standin.kubelet.records import Records
from trunkline.standin.kubelet.settings import Settings

ADDS_AT_ONCE = (
    32  # CNI programs running at a time; chosen: a few hundred MB at most, and nobody waits for one stuck pod
)


class Machine:
    """The node as pods see it: its settings, the API server, the records, and a turnstile for CNI calls."""

    def __init__(self, settings: Settings, kube: Kube) -> None:
        self.settings = settings
        self.kube = kube
        self.records = Records(settings.state_dir)
        self.turnstile = asyncio.Semaphore(ADDS_AT_ONCE)
        self.host_ip = str(settings.internal_ip)
        self.search_path = os.environ.get("PATH", os.defpath)

    def log_folder(self, namespace: str, pod: str, uid: str) -> Path:
        """Where a pod's output goes, one file per container."""
        return Path(self.settings.state_dir) / "logs" / f"{namespace}_{pod}_{uid[:8]}"
