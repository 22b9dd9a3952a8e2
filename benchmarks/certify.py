"""What a ball certificate costs beside the solve it proves, for games of up to 50 states.

``solution.certify(128)`` against ``tm.solve`` of the same game, dense random and ring, γ = 0.99.

    python benchmarks/certify.py
"""

from __future__ import annotations

import statistics
import time

import _harness as harness  # first: it fixes the threads
import _ours as ours
from _harness import Report, Row, Target

import tabular_marl as tm
from tabular_marl.games import generate

SIZES = [(2, (2, 2)), (5, (3, 3)), (10, (3, 3)), (20, (4, 4)), (50, (4, 4)), (50, (8, 8))]


def median_time(call, repeats):
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), min(times), max(times)


def main() -> None:
    repeats = harness.repeats_from_arguments(7)
    report = Report("certify", "Certificate in balls of 128 bits against the solve, β = (5, -3)")
    betas = (5.0, -3.0)
    for kind, make in (("dense random", generate.random_game), ("ring", generate.ring_game)):
        for states, actions in SIZES:
            if kind == "ring" and states < 3:
                continue
            game = make(states, actions, seed=4, discount=0.99)
            setting = f"{kind}, {states} states, {actions[0]}×{actions[1]}"
            solution = tm.solve(game, ours.recipe(betas))
            solve = median_time(lambda g=game: tm.solve(g, ours.recipe(betas)), repeats)
            prove = median_time(solution.certify, repeats)
            enclosure = solution.certify()
            width = f"width {enclosure.width:.1e}"
            report.rows.append(Row(setting, "solve", *solve, repeats, None))
            report.rows.append(Row(setting, "certify", *prove, repeats, None, width))
            print(f"{setting:34s} solve {solve[0] * 1e3:8.2f} ms  certify {prove[0] * 1e3:8.2f} ms")
            promise = f"{setting}: certify over solve"
            report.targets.append(Target(promise, 1, prove[0] / solve[0], at_least=False))
    report.write()


if __name__ == "__main__":
    main()
