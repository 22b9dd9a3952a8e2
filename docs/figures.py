"""Draw the figures of the documentation.

python docs/figures.py [NAME ...]        all, or those named; PNG files in docs/_static
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import tabular_marl as tm
from tabular_marl.models.soft_layer.svgd import ActionLine
from tabular_marl.study.figures import phase_diagram, three_values_diagram
from tabular_marl.study.layer_figures import soft_layer
from tabular_marl.study.level_figures import level_k_path
from tabular_marl.study.logit_figures import certified_phase_diagram, logit_branches
from tabular_marl.study.option_figures import option_value_map
from tabular_marl.study.round_figures import bounds_path, rounds_path

STATIC = Path(__file__).parent / "_static"


def phase() -> Figure:
    """Balancing-Q on the stag hunt."""
    return phase_diagram(tm.games.stag_hunt(), np.linspace(-6, 6, 61))


def three_values() -> Figure:
    """Who moves first, or both at once."""
    game = tm.MatrixGame(
        [[3.0, 1.0], [2.0, 4.0]], actions=(("top", "bottom"), ("left", "right")), name="a 2×2 game"
    )
    return three_values_diagram(game, np.linspace(-6, 6, 61))


def logit_folds() -> Figure:
    """A branch that turns back twice."""
    game = tm.MatrixGame(np.random.default_rng(31).normal(size=(2, 4, 3)))
    branch = tm.logit_equilibria(game, 10.0, longest_step=0.1)
    return logit_branches(branch)


def certified_coordination() -> Figure:
    """One equilibrium, then three."""
    game = tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]], name="the coordination game (2, 1)")
    return certified_phase_diagram(game, 6.0, labels=("the better", "the worse"))


def certified_window() -> Figure:
    """Three equilibria in an interval of λ only."""
    game = tm.MatrixGame([[[0, 0], [-3, -0.5]], [[0, -0.5], [0, 8]]], name="a game with a window")
    return certified_phase_diagram(game, 4.0)


def fictitious_play() -> Figure:
    """The four readings of the alternation."""
    hunt = tm.games.stag_hunt()
    runs = {
        f"{update}, {evaluation}": tm.fictitious_play(hunt, 1.0, 0.5, update, evaluation)
        for update in ("replaced", "kept")
        for evaluation in ("expectation", "regularised")
    }
    title = "Fictitious play on stag-hunt, by reading of the prior and of the value"
    return rounds_path(runs, title, rounds=12, player=1, label="the opponent's stag")


def two_state_game() -> tm.StochasticGame:
    """General sum, two states, integer rewards."""
    transition = [
        [[[1 / 3, 2 / 3], [1, 0]], [[1 / 2, 1 / 2], [0, 1]]],
        [[[1 / 2, 1 / 2], [0, 1]], [[0, 1], [0, 1]]],
    ]
    agent = [[[0, 2], [-2, 0]], [[1, -2], [2, 1]]]
    opponent = [[[0, -1], [1, 2]], [[0, -2], [-2, 2]]]
    return tm.StochasticGame(np.array(transition), agent, opponent, discount=0.8)


def perfect_model() -> Figure:
    """Coupled rounds that cycle, and damping that ends it."""
    game = two_state_game()
    runs = {
        f"damping {damping}": tm.perfect_model(game, 2.0, 2.0, coupled=True, damping=damping)
        for damping in (0, 0.2, 0.5)
    }
    title = "Coupled perfect model on a game of two states"
    return rounds_path(runs, title, rounds=16, player=1, label="the opponent's action 0")


def soft_options() -> Figure:
    """Four options, each with a favourite direction, in four rooms."""
    game = tm.games.four_rooms()
    drift = np.full((4, 4), 0.05) + 0.8 * np.eye(4)
    solution = tm.options(game, 2.0, num_options=4, prior=drift, termination_prior=0.1)
    return option_value_map(game, solution, options=game.action_labels[0])


def em() -> Figure:
    """The bound of every round on a meeting of two players."""
    return bounds_path(tm.rommeo_em(tm.games.meeting(2), beta=1.0, rounds=8), rounds=8)


def level_k_limit() -> Figure:
    """One β: the levels climb to a limit."""
    start = {"agent_prior": [0.3, 0.7], "opponent_prior": [0.3, 0.7]}
    return level_k_path(tm.games.stag_hunt(), 1.0, levels=10, **start)


def level_k_cycle() -> Figure:
    """Opposite signs: the levels run in a circle."""
    pennies = tm.MatrixGame(
        [[1.0, -1.0], [-1.0, 1.0]], actions=(("heads", "tails"),) * 2, name="matching pennies"
    )
    start = {"agent_prior": [0.6, 0.4], "opponent_prior": [0.4, 0.6]}
    return level_k_path(pennies, 1.0, beta_opponent=-1.0, levels=16, **start)


def soft_samples() -> Figure:
    """Bias of sampled values; particles on two hills."""
    actions = np.linspace(-4, 4, 161)
    hills = np.log(np.exp(-((actions + 1.5) ** 2)) + 0.6 * np.exp(-((actions - 1.5) ** 2) / 0.5))
    line = ActionLine(actions, hills)
    return soft_layer([0.0, 1.0, 2.0], 2.0, [1, 2, 4, 8, 16, 32, 64], line, [1, 2, 4, 8, 16], 0.8)


FIGURES: dict[str, Callable[[], Figure]] = {
    "phase-diagram": phase,
    "three-values": three_values,
    "logit-folds": logit_folds,
    "certified-coordination": certified_coordination,
    "certified-window": certified_window,
    "fictitious-play": fictitious_play,
    "perfect-model": perfect_model,
    "soft-layer": soft_samples,
    "soft-options": soft_options,
    "em": em,
    "level-k-limit": level_k_limit,
    "level-k-cycle": level_k_cycle,
}


def main(names: list[str]) -> None:
    """Draw the named figures, or all."""
    for name in names or FIGURES:
        figure = FIGURES[name]()
        figure.savefig(STATIC / f"{name}.png", metadata={"Software": None})
        plt.close(figure)
        print(f"docs/_static/{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
