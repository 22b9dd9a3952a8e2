"""The environment of the peers, made by the benchmark itself and kept in the user's cache.

    python -m venv <cache>/tabular-marl/benchmark-peers; pip install -c constraints.txt -e . <peer>

``run_in_peers_environment()`` at the top of a script continues it under that interpreter. A peer
that does not install is remembered with pip's last line, for the table to say. torch, which msdm
needs, is installed first, at the version of the constraints file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = {
    "quantecon": ["quantecon==0.11.4"],
    "mdpsolver": ["mdpsolver==0.10.2"],
    "msdm": ["torch", "msdm==0.11"],
}
MARK = "TABULAR_MARL_PEERS"


def home() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tabular-marl" / "benchmark-peers"


def python() -> Path:
    return home() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def status() -> dict[str, str]:
    """Peer → "installed", or why it is not."""
    record = home() / "peers.json"
    return json.loads(record.read_text()) if record.exists() else {}


def make() -> None:
    """Create the environment, or complete it."""
    known = status()
    if not python().exists():
        print(f"making the peers' environment in {home()} (once, a few minutes)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(home())], check=True)
        known = {}
    if "tabular-marl" not in known:
        known["tabular-marl"] = install(["-e", str(ROOT)])
        if known["tabular-marl"] != "installed":
            raise SystemExit(f"this project does not install: {known['tabular-marl']}")
    for peer, packages in PEERS.items():
        if known.get(peer) != "installed":
            outcomes = [install([package]) for package in packages]
            known[peer] = next((o for o in outcomes if o != "installed"), "installed")
        (home() / "peers.json").write_text(json.dumps(known, indent=1))
        print(f"  {peer}: {known[peer]}", flush=True)


def install(arguments: list[str]) -> str:
    """pip install under the constraints; "installed" or pip's last word."""
    pins = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        file.write("\n".join(pins) + "\n")
    command = [str(python()), "-m", "pip", "install", "-q", "-c", file.name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    os.unlink(file.name)
    if done.returncode == 0:
        return "installed"
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return (said or done.stderr.splitlines() or ["pip failed"])[-1][:300]


def run_in_peers_environment() -> dict[str, str]:
    """Continue this script under the peers' interpreter; returns what is installed there."""
    if os.environ.get(MARK) == "1":
        return status()
    if "--no-peers" in sys.argv:
        return dict.fromkeys(PEERS, "left out by --no-peers")
    make()
    os.environ[MARK] = "1"
    os.execv(python(), [str(python()), *sys.argv])
