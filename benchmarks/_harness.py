"""Interleaved timing of contenders on the same work at the same accuracy.

Every contender is a function that returns the value vector it found. Times are CPU seconds of the
process (all contenders use one thread), which other work on the machine disturbs less than wall
time; wall medians are in the JSON. Contenders take turns (A B C A B C …), each first once untimed,
so that drift of the machine and compilation hit nobody alone. The table gives the median, the
fastest and slowest run, how many times the median of ours it is, and the *true* error
max |value − reference|, where the reference carries a proved bound.
A contender that takes longer than ``SLOW`` seconds is run once, which the table says.
One thread everywhere, which _threads sees to before NumPy loads: import this first.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import _threads
import numpy as np

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
#: A first run longer than this (seconds) is also the only one.
SLOW = 2.0
#: A run shorter than this follows an untimed one of the same contender, so that nobody meets the
#: caches as another has left them.
BRIEF = 0.2
OURS = "tabular-marl"


@dataclass(frozen=True)
class Row:
    """One contender on one setting; ``error`` is its true error, None where nothing was solved."""

    setting: str
    contender: str
    median: float | None
    fastest: float | None
    slowest: float | None
    runs: int
    error: float | None
    note: str = ""
    wall: float | None = None


@dataclass(frozen=True)
class Target:
    """A promise, and what was measured for it."""

    promise: str
    needed: float
    measured: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        return self.measured >= self.needed if self.at_least else self.measured <= self.needed


@dataclass
class Report:
    """Rows and targets of one script; ``write`` leaves JSON and Markdown in results/."""

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def measure(
        self,
        setting: str,
        contenders: dict[str, Callable[[], Any]],
        reference: Any,
        repeats: int = 7,
        notes: dict[str, str] | None = None,
    ) -> dict[str, Row]:
        """Time ``contenders`` in turns; a contender returns its value, or (value, note)."""
        times: dict[str, list[float]] = {name: [] for name in contenders}
        walls: dict[str, list[float]] = {name: [] for name in contenders}
        errors: dict[str, float] = {}
        brief: dict[str, bool] = {}
        said = dict(notes or {})
        slow = set()
        for turn in range(repeats + 1):
            for name, contender in contenders.items():
                if name in slow:
                    continue
                try:
                    if turn > 0 and brief.get(name):
                        contender()
                    start, wall = time.process_time(), time.perf_counter()
                    answer = contender()
                except Exception as error:
                    said[name] = f"FAILED: {type(error).__name__}: {str(error)[:120]}"
                    slow.add(name)
                    continue
                seconds, wall = time.process_time() - start, time.perf_counter() - wall
                if isinstance(answer, tuple):
                    answer, said[name] = answer
                brief[name] = seconds < BRIEF
                errors[name] = float(np.max(np.abs(np.asarray(answer) - reference)))
                if turn == 0 and seconds > SLOW:
                    slow.add(name)
                    said[name] = "; ".join(filter(None, [said.get(name, ""), "run once, cold"]))
                if turn > 0 or name in slow:
                    times[name].append(seconds)
                    walls[name].append(wall)
        out = {}
        for name, seconds in times.items():
            row = Row(
                setting,
                name,
                statistics.median(seconds) if seconds else None,
                min(seconds, default=None),
                max(seconds, default=None),
                len(seconds),
                errors.get(name),
                said.get(name, ""),
                statistics.median(walls[name]) if seconds else None,
            )
            self.rows.append(row)
            out[name] = row
        base = out.get(OURS)
        for row in out.values():
            ratio = ""
            if base and base.median and row.median and row is not base:
                ratio = f"{row.median / base.median:9.2f}x"
            print(
                f"{setting:34s} {row.contender:34s} {_seconds(row.median):>10s} {ratio:>10s} "
                f"error {_short(row.error)}  {row.note}",
                flush=True,
            )
        return out

    def absent(self, setting: str, contender: str, why: str) -> None:
        """A contender that could not run: it stays in the table, with the reason."""
        print(f"{setting:34s} {contender:34s} NOT MEASURED: {why}", flush=True)
        self.rows.append(Row(setting, contender, None, None, None, 0, None, f"NOT MEASURED: {why}"))

    def write(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        machine = machine_line()
        data = {
            "benchmark": self.name,
            "machine": machine,
            "rows": [asdict(row) for row in self.rows],
            "targets": [{**asdict(t), "met": t.met} for t in self.targets],
            "remarks": self.remarks,
        }
        (RESULTS / f"{self.name}.json").write_text(json.dumps(data, indent=1) + "\n")
        (RESULTS / f"{self.name}.md").write_text(self.markdown(machine))
        print()
        for target in self.targets:
            print(_verdict(target))
        print(f"written: {RESULTS / self.name}.json, .md")

    def markdown(self, machine: str) -> str:
        base = {r.setting: r.median for r in self.rows if r.contender == OURS and r.median}
        lines = [f"# {self.title}", "", machine, ""]
        lines += [f"{remark}\n" for remark in self.remarks]
        lines += [
            "| setting | contender | median | fastest to slowest (runs) | × ours | true error "
            "| note |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            ratio = (
                f"{row.median / base[row.setting]:.2f}"
                if row.median and row.setting in base and row.contender != OURS
                else ""
            )
            span = (
                f"{_seconds(row.fastest)} to {_seconds(row.slowest)} ({row.runs})"
                if row.runs
                else ""
            )
            lines.append(
                f"| {row.setting} | {row.contender} | {_seconds(row.median)} | {span} | {ratio} "
                f"| {_short(row.error)} | {row.note} |"
            )
        if self.targets:
            lines += ["", "Targets:", ""] + [f"- {_verdict(target)}" for target in self.targets]
        return "\n".join(lines) + "\n"


def ratio(rows: dict[str, Row], rival: str) -> float:
    """How many times the median of ours the rival takes; NaN if either did not run."""
    mine, other = rows[OURS].median, rows[rival].median if rival in rows else None
    return other / mine if mine and other else float("nan")


def fastest(rows: dict[str, Row], names: list[str], accuracy: float) -> tuple[str, float]:
    """The quickest of ``names`` that really reached ``accuracy``, and its ratio to ours."""
    fit = [n for n in names if n in rows and rows[n].median and _reached(rows[n], accuracy)]
    if not fit:
        return "none", float("nan")
    name = min(fit, key=lambda n: rows[n].median or np.inf)
    return name, ratio(rows, name)


def _reached(row: Row, accuracy: float) -> bool:
    return row.error is not None and row.error <= accuracy


def _verdict(target: Target) -> str:
    sign = ">=" if target.at_least else "<="
    word = "met" if target.met else "NOT MET"
    return f"{word}: {target.promise}: {target.measured:.3g} ({sign} {target.needed:g} wanted)"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g} s" if value >= 0.1 else f"{value * 1e3:.3g} ms"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"


def machine_line() -> str:
    """Processor, cores, versions, threads, commit and load: what the numbers belong to."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
    ).stdout.strip()
    import numba
    import scipy

    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return (
        f"{processor}, {os.cpu_count()} cores, {_threads.THREADS} thread used, load {load}; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}, "
        f"numba {numba.__version__}; commit {commit or 'unknown'}; {time.strftime('%Y-%m-%d')}"
    )


def repeats_from_arguments(default: int = 7) -> int:
    """``--repeats N`` of the command line."""
    arguments = sys.argv[1:]
    return int(arguments[arguments.index("--repeats") + 1]) if "--repeats" in arguments else default
