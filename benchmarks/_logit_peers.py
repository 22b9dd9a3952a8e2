"""Gambit and sgamesolver, each in an environment of its own, answering one game at a time.

sgamesolver needs NumPy < 2 and Cython at build time, so neither can share ours. ``Peer`` makes the
environment in the user's cache (once), starts this file under its interpreter as a worker, and asks
it game by game, so that contenders can take turns. A worker reads "index lambda times" from its
standard input, solves that often and prints one JSON line: CPU and wall seconds of one solve,
policies, the λ reached.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

INSTALL = {
    "gambit": [["numpy"], ["--pre", "pygambit==17.0.0b2"]],
    "sgamesolver": [
        ["numpy<2", "scipy", "pandas<2.3", "cython", "setuptools", "wheel"],
        [
            "--no-build-isolation",
            "--no-cache-dir",
            "--no-binary",
            "sgamesolver",
            "sgamesolver==1.0.2",
        ],
    ],
}


class Peer:
    """A worker process of one peer, or the reason why there is none in ``absent``."""

    def __init__(self, name: str, games: Path) -> None:
        self.absent = ""
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        home = base / "tabular-marl" / f"benchmark-{name}"
        python = home / "bin" / "python"
        if not (home / "ready").exists():
            print(f"making {name}'s environment in {home} (once)", flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
            for arguments in INSTALL[name]:
                done = subprocess.run(
                    [str(python), "-m", "pip", "install", "-q", *arguments],
                    capture_output=True, text=True,
                )  # fmt: skip
                if done.returncode:
                    lines = [x for x in done.stderr.splitlines() if x.startswith("ERROR")]
                    self.absent = (lines or ["pip failed"])[-1][:200]
                    return
            (home / "ready").touch()
        self._process = subprocess.Popen(
            [str(python), str(Path(__file__).resolve()), name, str(games)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        greeting = self._process.stdout.readline()
        if not greeting.startswith("{"):
            self.absent = f"worker did not start: {greeting.strip() or 'see above'}"

    def solve(self, index: int, lam: float, times: int = 1) -> dict:
        """Solve; keys cpu and wall (of one), policies (per player [s, a]), reached, note."""
        self._process.stdin.write(f"{index} {lam} {times}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        if not self.absent:
            self._process.stdin.close()
            self._process.wait()


def gambit_solver(games):
    """One-shot games: payoffs[2, a, b]."""
    import pygambit
    from pygambit.qre import logit_solve_lambda

    made = [pygambit.StrategicGame.from_arrays(*payoffs) for payoffs in games]

    def solve(index, lam):
        found = logit_solve_lambda(made[index], lam=[lam])[-1]

        def read():
            policies = [[[float(p) for _, p in mixed]] for mixed in found.profile]
            return policies, float(found.lam), ""

        return read

    return solve


def sgamesolver_solver(games):
    """Stochastic games: (rewards[2, s, a, b], transition[s, a, b, t], discount)."""
    import numpy as np
    import sgamesolver

    made = [
        sgamesolver.SGame(np.moveaxis(rewards, 0, 1), transition, float(discount))
        for rewards, transition, discount in games
    ]

    def solve(index, lam):
        homotopy = sgamesolver.homotopy.QRE(made[index])
        homotopy.solver_setup()
        homotopy.solver.verbose = 0
        homotopy.solver.t_target = lam
        homotopy.solver.max_steps = 10**6
        found = homotopy.solver.start()

        def read():
            sigma, _, reached = homotopy.y_to_sigma_V_t(found["y"])
            note = f"{found['steps']} steps" + ("" if found["success"] else ", NOT SOLVED")
            return [sigma[:, i].tolist() for i in range(2)], float(reached), note

        return read

    return solve


def work(name: str, path: str) -> None:
    """The worker's loop."""
    import numpy as np

    stored = np.load(path)
    if name == "gambit":
        solve = gambit_solver([stored[key] for key in sorted(stored.files)])
    else:
        count = len(stored.files) // 3
        solve = sgamesolver_solver(
            [tuple(stored[f"{k:03d}{part}"] for part in "rtd") for k in range(count)]
        )
    print("{}", flush=True)
    for line in sys.stdin:
        index, lam, times = line.split()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(times)):
            read = solve(int(index), float(lam))
        cpu = (time.process_time() - cpu) / int(times)
        wall = (time.perf_counter() - wall) / int(times)
        policies, reached, note = read()
        answer = {"cpu": cpu, "wall": wall, "policies": policies, "reached": reached, "note": note}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2])
