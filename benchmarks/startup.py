"""How long ``import tabular_marl`` and ``tabular-marl --help`` take in a fresh process.

python benchmarks/startup.py
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import _harness as harness  # first: it fixes the threads
from _harness import Report, Row, Target


def command_line() -> list[str]:
    """The installed script beside this interpreter, or the module it calls."""
    script = Path(sys.executable).with_name("tabular-marl")
    found = str(script) if script.exists() else shutil.which("tabular-marl")
    return [found] if found else [sys.executable, "-m", "tabular_marl.cli"]


def seconds(command: list[str], repeats: int) -> list[float]:
    out = []
    for turn in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        if turn:  # the first run writes byte code
            out.append(time.perf_counter() - start)
    return sorted(out)


def main() -> None:
    repeats = harness.repeats_from_arguments(11)
    report = Report("startup", "Start-up, after the first run")
    for name, command in {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import tabular_marl": [sys.executable, "-c", "import tabular_marl"],
        "tabular-marl --help": [*command_line(), "--help"],
    }.items():
        times = seconds(command, repeats)
        middle = statistics.median(times)
        report.rows.append(Row(name, name, middle, times[0], times[-1], repeats, None))
        print(f"{name:24s} {middle * 1e3:.0f} ms")
        if name != "python -c pass":
            report.targets.append(Target(f"{name}, seconds", 0.5, middle, at_least=False))
    report.write()


if __name__ == "__main__":
    main()
