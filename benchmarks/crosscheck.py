"""The exact checks of a game of 25 states and 4 × 4 actions: under a second?

All checks but learning, which is as many steps of Adam as one asks for: the fit of the target, the
gradients at the exact solution, the fits of the policies' losses, the objective's exact gradient
and the policy state by state, from the game's arrays on. Once for the package's own losses, and
once for a target with two mistakes, where every pair of terms is tried.

    python benchmarks/crosscheck.py [--repeats N]
"""

from __future__ import annotations

import statistics
import time

import _harness as harness  # first: it fixes the threads
import numpy as np
import torch
from _harness import Report, Row, Target

import tabular_marl as tm
from tabular_marl.deep.crosscheck import crosscheck
from tabular_marl.deep.crosscheck.tabular import TabularActorCritic, own
from tabular_marl.deep.systems import System

STATES, ACTIONS = 25, 4
MODELS = {
    "balancing-q": {"beta_agent": 2.0, "beta_opponent": -1.0},
    "rommeo": {"beta": 2.0},
    "further": {"temperature": 0.4},
}


class Twice(TabularActorCritic):
    """A reward doubled, and a discount with a minus sign."""

    def target(self, tables, batch):
        after = self.system.value(tables.q)[batch.next_state]
        return 2 * batch.reward - self.system.discount * after - tables.q.amax()


def game():
    rng = np.random.default_rng(0)
    shape = (STATES, ACTIONS, ACTIONS)
    rows = rng.dirichlet(np.ones(STATES), shape)
    return tm.StochasticGame(rows, rng.normal(size=shape), discount=0.95)


def seconds(check, repeats):
    """Median CPU seconds after one untimed turn, and the fastest and slowest."""
    check()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        check()
        times.append(time.process_time() - start)
    return statistics.median(times), min(times), max(times)


def main() -> None:
    torch.set_num_threads(1)
    repeats = harness.repeats_from_arguments(5)
    setting = f"{STATES} states, {ACTIONS} × {ACTIONS} actions"
    report = Report("crosscheck", f"The cross-check's exact checks: {setting}")
    worst = 0.0
    for model, parameters in MODELS.items():

        def run(model=model, parameters=parameters):
            system = System.of(game(), model, **parameters)
            assert crosscheck(own(system), system, steps=0).passed

        took = seconds(run, repeats)
        worst = max(worst, took[0])
        report.rows.append(Row(setting, f"{model}, all but learning", *took, repeats, None))

    def wrong():
        system = System.of(game(), "balancing-q", **MODELS["balancing-q"])
        assert not crosscheck(Twice(system), system, steps=0).passed

    took = seconds(wrong, repeats)
    worst = max(worst, took[0])
    report.rows.append(Row(setting, "balancing-q, a wrong target", *took, repeats, None))
    for row in report.rows:
        print(f"{row.contender:36s} {row.median:.3f} s")
    report.targets.append(Target("all exact checks, seconds", 1.0, worst, at_least=False))
    report.write()


if __name__ == "__main__":
    main()
