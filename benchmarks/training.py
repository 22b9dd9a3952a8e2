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
import torch._inductor.config
from _further_plain import PlainFurther
from _harness import Report, Row, Target

from tabular_marl.deep.environments.matrix import IteratedMatrixGame, QLearner
from tabular_marl.deep.training import Run, Session
from tabular_marl.games import bach_or_stravinsky

SEEDS, STEPS = (1, 20, 100), 50
MULTIPLY_ADDS = (2 * 3392 + 2752) * 256
SIDE = 1024
COMPILED = "tabular-marl, 20 seeds at once, compiled"
PLAIN, PRODUCT = "plain torch, one seed", f"{SIDE} × {SIDE} matrices"


def batched(seeds, compiled=False):
    session = Session(Run("ibs", seeds=seeds, interval=STEPS, steps=10**6, compiled=compiled))
    while session.step < 1500:  # past the warm-up, and where denormals would slow it down
        session.advance()
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

    play(1500)
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
    contenders = {PLAIN: plain(), PRODUCT: product()}
    contenders |= {name: batched(count) for count, name in names.items()}
    torch._inductor.config.force_disable_caches = True  # time what a first run waits for
    begun = time.perf_counter()
    contenders[COMPILED] = batched(20, compiled=True)
    compiling = time.perf_counter() - begun
    times = in_turns(contenders, repeats)
    report = Report("training", "FURTHER on iterated Bach or Stravinsky: aggregate steps a second")
    speed = 2 * SIDE**3 / statistics.median(times[PRODUCT][0])
    for name, (cpu, wall) in times.items():
        note = f"{speed / 1e9:.0f} GFLOP/s" if name == PRODUCT else ""
        held = (statistics.median(cpu), min(cpu), max(cpu), repeats, None, note)
        setting = "one product" if name == PRODUCT else f"{STEPS} steps"
        report.rows.append(Row(setting, name, *held, statistics.median(wall)))
    rate = STEPS / statistics.median(times[PLAIN][0])
    for count, name in (*names.items(), (20, COMPILED)):
        took = statistics.median(times[name][0])
        floor = 2 * MULTIPLY_ADDS * count * STEPS / speed
        report.remarks.append(
            f"{name}: {count * STEPS / took:.0f} aggregate steps a CPU second, "
            f"{count * STEPS / took / rate:.1f} times one by one; "
            f"{took / floor:.1f} times its floor."
        )
    walls = {name: statistics.median(wall) for name, (_, wall) in times.items()}
    saved = (walls[names[20]] - walls[COMPILED]) / STEPS
    report.remarks.append(
        f"Compiling takes at most {compiling:.0f} s, which {compiling / saved:.0f} steps win back."
    )
    promise = "20 seeds at once, compiled, over one by one: aggregate steps a CPU second"
    ratio = 20 * statistics.median(times[PLAIN][0]) / statistics.median(times[COMPILED][0])
    report.targets.append(Target(promise, 20, ratio))
    print("\n".join(report.remarks))
    report.write()


if __name__ == "__main__":
    main()
