"""Twenty seeds of FURTHER on IBS at once, against one seed after another in plain torch.

Aggregate steps a second: seeds × steps / seconds, after the warm-up. The contenders take turns in
one process, so that what else the machine does hits all of them.

    python benchmarks/training.py

The floor: for each of the 256 rows of the inference window a step multiplies and adds 3 392 times
forward, as often for the weights' gradients, and 2 752 times backward (the encoder's inputs need
no gradient): 2.4 M a seed. The rest of the arithmetic is below 2 %. What a product of two
1 024 × 1 024 matrices reaches on the same thread is taken as the machine's speed.
"""

from __future__ import annotations

import statistics
import time

import _harness as harness  # first: it fixes the threads
import torch
from _further_plain import PlainFurther
from _harness import Report, Row, Target

from tabular_marl.deep.environments.matrix import IteratedMatrixGame, QLearner
from tabular_marl.deep.training import Run, Session
from tabular_marl.games import bach_or_stravinsky

SEEDS, STEPS = (1, 20, 100), 50
MULTIPLY_ADDS = (2 * 3392 + 2752) * 256
SIDE = 1024
PLAIN, PRODUCT = "plain torch, one seed", f"{SIDE} × {SIDE} matrices"


def batched(seeds, threads=1):
    session = Session(Run("ibs", seeds=seeds, interval=STEPS, steps=10**6))

    def advance():
        torch.set_num_threads(threads)
        session.advance()
        torch.set_num_threads(1)

    while session.step < 300:  # past the warm-up of 256 steps
        session.advance()
    return advance


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


def product():
    a, b = torch.randn(2, SIDE, SIDE)
    return lambda: a @ b


def in_turns(contenders, repeats):
    """name -> (CPU seconds of each run, wall seconds of each run)."""
    times = {name: ([], []) for name in contenders}
    for _ in range(repeats):
        for name, advance in contenders.items():
            cpu, wall = time.process_time(), time.perf_counter()
            advance()
            times[name][0].append(time.process_time() - cpu)
            times[name][1].append(time.perf_counter() - wall)
    return times


def main() -> None:
    torch.set_num_threads(1)
    repeats = harness.repeats_from_arguments(9)
    names = {count: f"tabular-marl, {count} seeds at once" for count in SEEDS}
    two = "tabular-marl, 20 seeds at once, 2 threads"
    contenders = {PLAIN: plain(), PRODUCT: product(), two: batched(20, 2)}
    contenders |= {name: batched(count) for count, name in names.items()}
    times = in_turns(contenders, repeats)
    report = Report("training", "FURTHER on iterated Bach or Stravinsky: aggregate steps a second")
    speed = 2 * SIDE**3 / statistics.median(times[PRODUCT][0])
    for name, (cpu, wall) in times.items():
        note = f"{speed / 1e9:.0f} GFLOP/s" if name == PRODUCT else ""
        held = (statistics.median(cpu), min(cpu), max(cpu), repeats, None, note)
        setting = "one product" if name == PRODUCT else f"{STEPS} steps"
        report.rows.append(Row(setting, name, *held, statistics.median(wall)))
    rate = STEPS / statistics.median(times[PLAIN][0])
    for count, name in names.items():
        took = statistics.median(times[name][0])
        floor = 2 * MULTIPLY_ADDS * count * STEPS / speed
        report.remarks.append(
            f"{name}: {count * STEPS / took:.0f} aggregate steps a CPU second, "
            f"{count * STEPS / took / rate:.1f} times one by one; "
            f"{took / floor:.1f} times its floor."
        )
    walls = {name: statistics.median(wall) for name, (_, wall) in times.items()}
    report.remarks.append(
        f"By the clock, two threads take {walls[two] / walls[names[20]]:.2f} times as long as one."
    )
    promise = "20 seeds at once over one by one, aggregate steps"
    ratio = 20 * statistics.median(times[PLAIN][0]) / statistics.median(times[names[20]][0])
    report.targets.append(Target(f"{promise} a CPU second, one thread", 20, ratio))
    clock = 20 * walls[PLAIN] / min(walls[two], walls[names[20]])
    report.targets.append(
        Target(f"{promise} a second by the clock, at most two threads", 20, clock)
    )
    print("\n".join(report.remarks))
    report.write()


if __name__ == "__main__":
    main()
