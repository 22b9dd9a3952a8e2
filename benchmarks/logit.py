"""Logit equilibria to λ = 10: one-shot games against Gambit, stochastic games against sgamesolver.

    python benchmarks/logit.py [--repeats N] [--no-slow]

Games: payoffs uniform on [0, 1] (one-shot, 10×10 and 20×20, five of each); rewards standard normal,
transitions Dirichlet(1/2), γ = 0.95 (20 and 50 states, 4×4 actions, three and two). Contenders take
turns (one-shot games: twenty solves a turn, as one takes less than a millisecond); times are CPU
seconds of one solve, one thread, game objects made before. ``error`` is the residual
max |π_i(a|s) − its logit answer|, for every contender by the same formula here, at the λ it says it
reached. sgamesolver is run once a game, ours and Gambit ``--repeats`` times, all with their default
settings.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import _harness as harness  # first: it fixes the threads
import numpy as np
from _harness import OURS, Report, Row, Target
from _logit_peers import Peer

import tabular_marl as tm

LAMBDA = 10.0


def one_shot(size: int, count: int):
    return [np.random.default_rng((size, k)).random((2, size, size)) for k in range(count)]


def stochastic(states: int, count: int, actions: int = 4):
    made = []
    for k in range(count):
        rng = np.random.default_rng((states, k))
        transition = rng.dirichlet(np.full(states, 0.5), size=(states, actions, actions))
        made.append((rng.normal(size=(2, states, actions, actions)), transition, 0.95))
    return made


def residual(rewards, transition, discount, policies, lam):
    """max |π_i(a|s) − exp(λ q_i)/Σ|, V from the policies by a linear solve."""
    pi, rho = (np.asarray(p) for p in policies)
    worst = 0.0
    states = len(pi)
    joint = pi[:, :, None] * rho[:, None, :]
    flow = np.einsum("sab,sabt->st", joint, transition) if discount else np.zeros((1, 1))
    for i in range(2):
        mean = (joint * rewards[i]).sum(axis=(1, 2))
        value = np.linalg.solve(np.eye(states) - discount * flow, mean)
        q = rewards[i] + (discount * transition @ value if discount else 0.0)
        own = np.einsum("sab,sb->sa", q, rho) if i == 0 else np.einsum("sab,sa->sb", q, pi)
        scores = np.exp(lam * (own - own.max(axis=1, keepdims=True)))
        scores /= scores.sum(axis=1, keepdims=True)
        worst = max(worst, float(np.abs(scores - (pi, rho)[i]).max()))
    return worst


def ours(game, times=1):
    """(CPU seconds of one solve, the branch)."""
    start = time.process_time()
    for _ in range(times):
        branch = tm.logit_equilibria(game, LAMBDA)
    return (time.process_time() - start) / times, branch


def compare(report, setting, rival, games, made, peer, repeats, rival_repeats, times):
    """Rows and the median ratio over ``made`` games; residuals by one formula."""
    took = {OURS: [], rival: []}
    errors = {OURS: 0.0, rival: 0.0}
    ratios, folds = [], []
    for game in made:
        ours(game)  # compiled, and warm
    for k, game in enumerate(made):
        mine, theirs = [], []
        for turn in range(repeats):
            cpu, branch = ours(game, times)
            mine.append(cpu)
            if turn < rival_repeats and not peer.absent:
                answer = peer.solve(k, LAMBDA, times)
                theirs.append(answer["cpu"])
        found = branch.equilibria[-1]
        rewards, transition, discount = games[k]
        errors[OURS] = max(
            errors[OURS], residual(rewards, transition, discount, found.policies, LAMBDA)
        )
        folds.append(len(branch.folds))
        took[OURS].append(statistics.median(mine))
        if theirs:
            took[rival].append(statistics.median(theirs))
            error = residual(rewards, transition, discount, answer["policies"], answer["reached"])
            errors[rival] = max(errors[rival], error)
            ratios.append(took[rival][-1] / took[OURS][-1])
            gap = max(
                float(np.abs(np.asarray(p) - q).max())
                for p, q in zip(answer["policies"], found.policies, strict=True)
            )
            print(
                f"{setting} game {k}: {mine and took[OURS][-1] * 1e3:.3g} ms, {rival} "
                f"{took[rival][-1] * 1e3:.4g} ms, {ratios[-1]:.1f}x, folds {folds[-1]}, "
                f"largest difference of a probability {gap:.1e} {answer['note']}",
                flush=True,
            )
    note = f"{len(made)} games, folds {folds}"
    for name in (OURS, rival):
        if not took[name]:
            report.absent(setting, name, peer.absent)
            continue
        report.rows.append(
            Row(
                setting, name, statistics.median(took[name]), min(took[name]), max(took[name]),
                repeats if name == OURS else rival_repeats, errors[name],
                note if name == OURS else "default settings",
            )
        )  # fmt: skip
    return ratios, errors


def main() -> None:
    repeats = harness.repeats_from_arguments(15)
    report = Report("logit", "Logit equilibria to λ = 10")
    report.remarks = (__doc__ or "").split("\n\n")[2:3]
    folder = Path(tempfile.mkdtemp())
    for size in (10, 20):
        games = one_shot(size, 5)
        np.savez(folder / f"one{size}.npz", **{f"{k:03d}": g for k, g in enumerate(games)})
        peer = Peer("gambit", folder / f"one{size}.npz")
        made = [tm.MatrixGame(g) for g in games]
        data = [(g[:, None], np.ones((1, 1, 1, 1)), 0.0) for g in games]
        ratios, errors = compare(
            report, f"one-shot {size}x{size}", "gambit", data, made, peer, repeats, repeats, 20
        )
        peer.close()
        if ratios:
            report.targets += [
                Target(f"one-shot {size}x{size}, times Gambit", 15, statistics.median(ratios)),
                Target(f"one-shot {size}x{size}, residual", max(errors["gambit"], 1e-14),
                       errors[OURS], at_least=False),
            ]  # fmt: skip
    if "--no-slow" in sys.argv:
        report.write()
        return
    for states, count in ((20, 3), (50, 2)):
        games = stochastic(states, count)
        path = folder / f"many{states}.npz"
        stored = {
            f"{k:03d}{part}": x
            for k, g in enumerate(games)
            for part, x in zip("rtd", g, strict=True)
        }
        np.savez(path, **stored)
        peer = Peer("sgamesolver", path)
        made = [tm.StochasticGame(p, r[0], r[1], discount=d) for r, p, d in games]
        setting = f"stochastic {states} states, 4x4"
        ratios, errors = compare(report, setting, "sgamesolver", games, made, peer, 3, 1, 1)
        peer.close()
        if ratios:
            report.targets += [
                Target(f"{setting} against sgamesolver, least", 40, min(ratios)),
                Target(f"{setting}, residual over sgamesolver's", 1,
                       errors[OURS] / errors["sgamesolver"], at_least=False),
            ]  # fmt: skip
    report.write()


if __name__ == "__main__":
    main()
