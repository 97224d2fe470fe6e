"""The agent of a hypervisor as a process, with settings from a JSON file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from trunkline.agent import main
from trunkline.agent.settings import Settings

if __name__ == "__main__":
    asyncio.run(main.run(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Settings)))
