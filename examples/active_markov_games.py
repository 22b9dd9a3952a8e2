"""Figure 6 of FURTHER and its surroundings: the pictures of docs/systems/active-markov-games.md.

Run ``python examples/active_markov_games.py [FOLDER]`` (default docs/_static): about half a minute.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from tabular_marl.active.greedy_learner import best_against_greedy, dilemma, hold
from tabular_marl.active.influence import Influence, influence, play
from tabular_marl.active.learners import Grid, QLearning
from tabular_marl.games import prisoners_dilemma
from tabular_marl.study.influence_figures import plateau_map, play_strip, transition_graph

GAME = prisoners_dilemma()
EXACT = dilemma(GAME, "1/2", "9/10")


def on_grid(points: int, epsilon: float, projection: str, tie: str = "first") -> Influence:
    """The learner on a grid over [−30, 0], from every start; α = 1/2, γ = 9/10."""
    grid = Grid(-30, 0, points, projection)
    return influence(GAME, {1: QLearning("every", epsilon=epsilon, tie=tie, grid=grid)})


def exactly(points: int) -> tuple[np.ndarray, np.ndarray]:
    """The greedy learner without a grid, looked at from points × points starts."""
    values = [Fraction(-30) + Fraction(30 * k, points - 1) for k in range(points)]
    gains = [[float(best_against_greedy(EXACT, (c, d))) for d in values] for c in values]
    return np.array([float(v) for v in values]), np.array(gains)


def main(folder: Path) -> None:
    """Write the three pictures and print the numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    rotation = hold(EXACT, EXACT.floor)
    print("high plateau, exactly:", EXACT.earned(rotation.rate), "defections", rotation.rate)
    print("its cycle:", "".join("CD"[d] for d in rotation.word))

    values, gains = exactly(201)
    shown = [(values, gains, "greedy, exactly")]
    for points, epsilon, projection, title in (
        (61, 0.0, "nearest", "greedy, nearest of 61 points"),
        (201, 0.0, "linear", "greedy, between 201 points"),
        (101, 0.05, "linear", "exploring 0.05, 101 points"),
    ):
        found = on_grid(points, epsilon, projection)
        square = found.gain.reshape(points, points)
        shown.append((np.linspace(-30, 0, points), square, title))
        rate = found.process.num_states / found.seconds
        print(
            f"{title}: {square.min():.6f} to {square.max():.6f}, bracket "
            f"{found.solution.width:.1e}, {found.seconds:.2f} s, {rate:.0f} joint states/s"
        )
    plateau_map(*zip(*shown, strict=True)).savefig(folder / "figure-6.png")

    found = on_grid(301, 0.0, "linear")
    start = int(np.flatnonzero((np.abs(found.process.parameters - [200, 150]) == 0).all(axis=1))[0])
    run = play(found.process, found.solution.policy, start, 180)
    strip = play_strip(found.process, run, float(found.solution.gain[start]))
    strip.savefig(folder / "influence-strip.png")

    found = on_grid(61, 0.0, "linear", tie="last")
    transition_graph(found.process, found.solution.policy).savefig(folder / "joint-chain.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/_static"))
