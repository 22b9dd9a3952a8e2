"""Twenty seeds of FURTHER on IBS at once, against one seed after another in plain torch.

Aggregate steps a second: seeds × steps / CPU seconds, after the warm-up, on one thread for both.

    python benchmarks/training.py

The floor: a step of one seed is 3 392 multiply-adds for each of the 256 rows of the inference
window, forward and twice backward, 2.6 M multiply-adds; the rest of the arithmetic is below 2 %.
"""

from __future__ import annotations

import statistics
import time

import _harness as harness  # first: it fixes the threads
import torch
from _further_plain import PlainFurther
from _harness import Report, Row, Target

from tabular_marl.deep.environments.matrix import IteratedMatrixGame, QLearner
from tabular_marl.deep.train import Run, Session
from tabular_marl.games import bach_or_stravinsky

SEEDS, STEPS = (1, 20, 100), 200
MULTIPLY_ADDS = 3 * 3392 * 256


def seconds(advance, repeats):
    """Median CPU seconds of ``advance()``, and the fastest and slowest."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        advance()
        times.append(time.process_time() - start)
    return statistics.median(times), min(times), max(times)


def batched(seeds):
    session = Session(Run("ibs", seeds=seeds, interval=STEPS, steps=10 * STEPS))
    session.advance()
    session.advance()  # past the warm-up of 256 steps
    return session.advance


def plain():
    generator = torch.Generator().manual_seed(0)
    env = IteratedMatrixGame(bach_or_stravinsky(), 1)
    learner = QLearner(torch.tensor([10.0, 20.0]), 1, generator)
    agent = PlainFurther(Run("ibs").config, env.width, *env.actions)

    def play(steps):
        for _ in range(steps):
            obs = env.observation
            a, b = agent.act(obs[0]).view(1), learner.act(obs)
            reward = env.step(a, b)
            after = env.observation
            learner.observe(obs, b, a, reward[1], after)
            agent.observe(obs[0], a[0], b[0], reward[0, 0], after[0])

    play(300)
    return lambda: play(STEPS)


def main() -> None:
    torch.set_num_threads(1)
    repeats = harness.repeats_from_arguments(5)
    report = Report("training", "FURTHER on iterated Bach or Stravinsky: aggregate steps a second")
    rival = seconds(plain(), repeats)
    rates = {"plain torch, one seed": STEPS / rival[0]}
    report.rows.append(Row(f"{STEPS} steps", "plain torch, one seed", *rival, repeats, None))
    for count in SEEDS:
        took = seconds(batched(count), repeats)
        name = f"tabular-marl, {count} seeds at once"
        rates[name] = count * STEPS / took[0]
        flops = 2 * MULTIPLY_ADDS * count * STEPS / took[0] / 1e9
        note = f"{flops:.1f} GFLOP/s of the inference window"
        report.rows.append(Row(f"{STEPS} steps", name, *took, repeats, None, note))
    for name, rate in rates.items():
        print(f"{name:36s} {rate:10.0f} steps/s")
        report.remarks.append(f"{name}: {rate:.0f} aggregate steps a second.")
    ratio = rates["tabular-marl, 20 seeds at once"] / rates["plain torch, one seed"]
    report.targets.append(Target("20 seeds at once over one by one, aggregate steps/s", 20, ratio))
    report.write()


if __name__ == "__main__":
    main()
