"""Sparse games: 20 000 states, 4×4 actions, 10 successors, local and random, γ = 0.99 and 0.999.

The promise is convergence to a proved error of 1e-10 with memory proportional to the non-zeros.
Each solve runs in a process of its own; its peak is the largest resident size less what was there
when the game was built, and it is divided by the bytes of the game's transitions (CSR).

    python benchmarks/sparse_games.py
"""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
import time

import _harness as harness  # first: it fixes the threads
import _ours as ours
from _harness import OURS, Report, Row, Target

from tabular_marl.games import generate

BETAS = [(5.0, 3.0), (50.0, 50.0), (5.0, -3.0), (50.0, -50.0)]
TOLERANCE = 1e-10


def memory(field: str) -> int:
    """Bytes of this process: VmRSS now, or VmHWM, the most so far (Linux)."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def forget_peak() -> None:
    """Let VmHWM start again from what is in memory now."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def one(local: bool, discount: float, betas: tuple[float, float], states: int) -> dict[str, object]:
    """Solve a small game, which compiles, then the one that is measured."""
    small = generate.sparse_game(500, (4, 4), seed=3, local=local, discount=discount)
    ours.engine(small, betas, TOLERANCE)
    game = generate.sparse_game(states, (4, 4), seed=3, local=local, discount=discount)
    rows = game.transition
    stored = rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what building the game left behind is no room to use
    forget_peak()
    base = memory("VmRSS")
    start = time.process_time()
    found = ours.engine(game, betas, TOLERANCE)
    seconds = time.process_time() - start
    peak = memory("VmHWM")
    exact = ours.reference(game, betas)
    return {
        "seconds": seconds,
        "peak": peak - base,
        "stored": stored,
        "bound": found.error_bound,
        "difference": float(abs(found.value - exact.value).max()),
        "method": found.method,
        "iterations": found.iterations,
    }


def child(local: bool, discount: float, betas: tuple[float, float], states: int) -> dict:
    arguments = json.dumps([local, discount, betas, states])
    done = subprocess.run(
        [sys.executable, __file__, "--one", arguments], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def main() -> None:
    if "--one" in sys.argv:
        local, discount, betas, states = json.loads(sys.argv[-1])
        print(json.dumps(one(local, discount, tuple(betas), states)))
        return
    repeats = harness.repeats_from_arguments(3)
    report = Report("sparse_games", "Sparse games, 4×4 actions, 10 successors, error ≤ 1e-10")
    bounds, peaks = [], []
    for local in (True, False):
        for discount in (0.99, 0.999):
            for betas in BETAS:
                runs = [child(local, discount, betas, 20_000) for _ in range(repeats)]
                times = sorted(run["seconds"] for run in runs)
                last = runs[-1]
                peak = max(run["peak"] for run in runs)
                kind = "local" if local else "random"
                setting = f"20k {kind}, γ={discount}, β=({betas[0]:g}, {betas[1]:g})"
                note = (
                    f"{last['method']}, {last['iterations']} iterations, proved error "
                    f"{last['bound']:.1e}, peak {peak / 1e6:.0f} MB = {peak / last['stored']:.2f} "
                    f"of the transitions' {last['stored'] / 1e6:.0f} MB"
                )
                print(f"{setting:40s} {times[len(times) // 2]:.3f} s  {note}", flush=True)
                middle = times[len(times) // 2]
                shown = (middle, times[0], times[-1], repeats, last["difference"], note)
                report.rows.append(Row(setting, OURS, *shown))
                bounds.append(last["bound"])
                peaks.append(peak / last["stored"])
    sizes = [child(False, 0.99, (5.0, 3.0), states) for states in (5_000, 20_000, 80_000)]
    growth = [size["peak"] / size["stored"] for size in sizes]
    report.remarks.append(
        "Peak over the bytes of the transitions at 5 000, 20 000 and 80 000 states (random, "
        f"γ=0.99, β=(5, 3)): {', '.join(f'{g:.2f}' for g in growth)}."
    )
    report.targets.append(Target("largest proved error", 1e-10, max(bounds), at_least=False))
    report.targets.append(
        Target("peak over the transitions' bytes, largest", 3, max(peaks), at_least=False)
    )
    report.targets.append(
        Target("the same at 80 000 states over 5 000", 1.5, growth[-1] / growth[0], at_least=False)
    )
    report.write()


if __name__ == "__main__":
    main()
