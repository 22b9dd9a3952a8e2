"""Options of two agents, 10 states, three values for each of six variables: under a second?

The six are a, b, z, y and the remembered z_, y_ (the terminations have two values each). One call
of ``tm.multi_agent_options`` from arrays to all six policies with a proved bound, against value
iteration as one writes it in NumPy: on the 90 states (s, z_, y_), its six aggregations one after
another, no lifted game and no proof, with the sup-norm stop and with span bounds.

The floor is counted: transitions and exponentials of one such sweep, times the sweeps that ours
needs. ``cold`` is a fresh process, from its start to the answer, compiled kernels on disk, wall
seconds.

    python benchmarks/options.py [--repeats N]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import _harness as harness  # first: it fixes the threads
import numpy as np
from _harness import OURS, Report, Row, Target, ratio

import tabular_marl as tm
from tabular_marl.games import generate

TOLERANCE = 1e-10
STATES, ACTIONS, OPTIONS, BETA = 10, (3, 3), 3, 2.0
SUP, SPAN = "NumPy VI, sup-norm stop", "NumPy VI, span bounds"
COLD = "tabular-marl, cold process"
#: seconds of one multiply-add and one exponential in a vectorised loop on one core
MULTIPLY_ADD, EXPONENTIAL = 2.5e-10, 2.5e-9
#: P(a|z) [a, z]: options that differ, and the same for the opponent
PRIOR = np.random.default_rng(0).dirichlet(np.ones(3), 3).T


def mean_exp(x, prior, axis):
    """(1/β) log Σ p exp(β x) along ``axis``, shifted by the maximum."""
    top = x.max(axis=axis, keepdims=True)
    total = (prior * np.exp(BETA * (x - top))).sum(axis=axis)
    return np.squeeze(top, axis) + np.log(total) / BETA


class Backup:
    """U(s, z_, y_) of the next step into this one's: report (82)-(86)."""

    def __init__(self, game):
        self.rows = game.transition.reshape(-1, STATES)
        self.reward = game.reward[..., None, None]
        self.discount = game.discount

    def __call__(self, value):
        ahead = self.rows @ value.reshape(STATES, -1)
        q = self.reward + self.discount * ahead.reshape(STATES, *ACTIONS, OPTIONS, OPTIONS)
        met = mean_exp(q, PRIOR[:, None, :, None], 1)  # s, b, z, y
        chosen = mean_exp(met, 1 / OPTIONS, 2)  # s, b, y
        kept = np.moveaxis(met, 2, 1)  # s, z_, b, y
        pair = np.stack([kept, np.broadcast_to(chosen[:, None], kept.shape)])
        ended = mean_exp(pair, 0.5, 0)
        seen = mean_exp(ended, PRIOR, 2)  # s, z_, y
        drawn = mean_exp(seen, 1 / OPTIONS, 2)  # s, z_
        pair = np.stack([seen, np.broadcast_to(drawn[:, :, None], seen.shape)])
        return mean_exp(pair, 0.5, 0)


def value_iteration(game, span):
    """U ← TU until the sup-norm or the span bound is below the tolerance."""
    backup, factor = Backup(game), game.discount / (1 - game.discount)
    value, sweeps = np.zeros((STATES, OPTIONS, OPTIONS)), 0
    while True:
        new = backup(value)
        change, sweeps = new - value, sweeps + 1
        low, high = change.min(), change.max()
        value = new
        if span and factor * (high - low) / 2 <= TOLERANCE:
            return value + factor * (high + low) / 2, f"{sweeps} sweeps"
        if not span and factor * max(high, -low) <= TOLERANCE:
            return value, f"{sweeps} sweeps"
        if span:  # without this shift rounding hides the span
            value = value - value.mean()


def ours(game):
    """The whole solution."""
    found = tm.multi_agent_options(
        game, BETA, OPTIONS, agent_prior=PRIOR, opponent_prior=PRIOR, tol=TOLERANCE
    )
    note = f"{found.iterations} iterations, proved error {found.error_bound:.1e}"
    return found.value, note


def floor(iterations):
    """Seconds that the arithmetic of so many sweeps needs on one core."""
    a, b = ACTIONS
    m = OPTIONS
    multiply_adds = STATES * a * b * STATES * m * m
    levels = (a * b * m * m, b * m * m, 2 * m * b * m, m * b * m, m * m, 2 * m * m)
    return iterations * (multiply_adds * MULTIPLY_ADD + STATES * sum(levels) * EXPONENTIAL)


def cold(kind, discount, repeats):
    """Wall seconds of fresh processes that make the game, solve it and end."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import options\n"
        "options.ours(options.game(sys.argv[2], float(sys.argv[3])))"
    )
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        command = [sys.executable, "-c", code, str(harness.HERE), kind, str(discount)]
        subprocess.run(command, check=True)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]  # the first may have compiled


def game(kind, discount):
    """A random game of that kind."""
    make = {"dense random": generate.random_game, "ring": generate.ring_game}[kind]
    return make(STATES, ACTIONS, seed=1, discount=discount)


def main() -> None:
    repeats = harness.repeats_from_arguments()
    report = Report("options", "Options of two agents, 10 states, 3 values each, error ≤ 1e-10")
    slowest, ratios = [], {SUP: [], SPAN: []}
    for kind in ("dense random", "ring"):
        for discount in (0.9, 0.99, 0.999):
            here, setting = game(kind, discount), f"{kind}, γ={discount}"
            exact = tm.multi_agent_options(
                here, BETA, OPTIONS, agent_prior=PRIOR, opponent_prior=PRIOR, tol=1e-11
            )
            contenders = {
                OURS: lambda g=here: ours(g),
                SUP: lambda g=here: value_iteration(g, span=False),
                SPAN: lambda g=here: value_iteration(g, span=True),
            }
            rows = report.measure(setting, contenders, exact.value, repeats)
            needed = floor(exact.iterations)
            report.rows.append(
                Row(setting, "floor, counted", needed, None, None, 0, None, "sweeps of ours")
            )
            slowest.append(rows[OURS].wall)
            for name, found in ratios.items():
                found.append(ratio(rows, name))
    kind, discount = "ring", 0.99
    seconds = cold(kind, discount, repeats)
    median = statistics.median(seconds)
    report.rows.append(
        Row(f"{kind}, γ={discount}", COLD, median, min(seconds), max(seconds), len(seconds), None)
    )
    report.targets += [
        Target("wall seconds of one solve, largest median", 1.0, max(slowest), at_least=False),
        Target("wall seconds of a fresh process, median", 1.0, median, at_least=False),
        Target(f"times {SUP}, smallest", 1.0, min(ratios[SUP])),
    ]
    report.remarks.append(
        "Ours is `tm.multi_agent_options`: validation, the lifted game (90 states, 81 joint "
        "choices), Newton's steps, a proved bound, all six policies. The rivals return a value "
        "without a proof; with span bounds they need "
        f"{min(ratios[SPAN]):.2f} (fast mixing) to {max(ratios[SPAN]):.1f} (slow) times our "
        "seconds. The floor counts multiply-adds at 0.25 ns and exponentials at 2.5 ns."
    )
    report.write()


if __name__ == "__main__":
    main()
