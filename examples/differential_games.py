"""Continuous agents on the differential games, under the exact soft answer of the grid.

    .venv/bin/python examples/differential_games.py [FOLDER]

Four seeds an agent, against a uniform opponent; ten minutes on one core. What is there already is
only drawn.
"""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from tabular_marl.deep.agents.continuous.balancing_q import ContinuousBalancingQ, ContinuousPr2
from tabular_marl.deep.agents.continuous.rommeo import ContinuousRommeo
from tabular_marl.deep.agents.continuous.sac import ContinuousSac
from tabular_marl.deep.agents.replayed import divergence
from tabular_marl.deep.agents.soft_q_svgd import SoftQSvgd
from tabular_marl.deep.environments.differential import (
    GAMES,
    TEN,
    DifferentialGame,
    RepeatedGame,
    Steady,
)
from tabular_marl.deep.environments.figures import action_law, landscape
from tabular_marl.models.solve import two_player
from tabular_marl.study.style import STYLE

SEEDS, STEPS, POINTS = 4, 1500, 80
RATES = {"critic_rate": 0.005, "actor_rate": 0.002, "discount": 0.5, "window": 128}


def in_hundreds(game: DifferentialGame) -> DifferentialGame:
    """The same game in units of 100."""
    return replace(game, payoffs=lambda a, b: game.payoffs(a, b) / 100)


#: picture -> game, β, β' of Balancing-Q
STUDIES = {
    "two-quadratics": (GAMES["two-quadratics"], 0.5, -0.5),
    "rotational": (in_hundreds(GAMES["rotational"]), 1.0, -1.0),
    "trigonometric": (GAMES["trigonometric"], 0.5, -0.5),
}
KINDS = {
    "ROMMEO": ContinuousRommeo,
    "PR2": ContinuousPr2,
    "Balancing-Q": ContinuousBalancingQ,
    "soft actor-critic": ContinuousSac,
    "SVGD": SoftQSvgd,
}


def trained(kind, game, beta, beta_opponent):
    """The agent after STEPS rounds."""
    settings = {**RATES, "beta": beta}
    if issubclass(kind, ContinuousBalancingQ):
        settings["samples"] = 8
    if kind is ContinuousBalancingQ:
        settings["beta_opponent"] = beta_opponent
    generator = torch.Generator().manual_seed(0)
    agent = kind(kind.settings(**settings), SEEDS, 1, TEN, TEN, generator)
    env, other = RepeatedGame(game, SEEDS), Steady(TEN, SEEDS, generator)
    for _ in range(STEPS):
        seen = env.observation
        actions = agent.act(seen), other.act(seen)
        agent.observe(seen, *actions, env.step(*actions)[0], env.arrival)
    return agent


@torch.no_grad()
def answers(agent, game):
    """The exact law, each seed's divergence from it, and samples or each seed's law."""
    obs = torch.ones(SEEDS, 1, 1)
    law = torch.full((1, POINTS), 1 / POINTS)
    if isinstance(agent, ContinuousRommeo):
        observed = agent.replay.get_buffer("other")[:, : agent.count]
        law = agent.prior(observed).on(TEN.cells(POINTS))[0]
    learned = agent.tables(obs, POINTS)
    exact = agent.exact(two_player(game.grid(POINTS)), law)
    found = {"kl": divergence(learned, exact), "exact": exact["policy"][0]}
    if "opponent" not in learned:
        return found | {"law": learned["policy"][:, 0]}
    pairs = torch.cat(agent.imagine(obs.expand(-1, 400, -1)), -1)
    return found | {"exact": exact["policy"][0] * exact["opponent"][0], "pairs": pairs}


def study(name, folder):
    """The answers of every agent on one game, from a file if there is one."""
    game, beta, beta_opponent = STUDIES[name]
    path = folder / f"{name}.npz"
    if not path.exists():
        rows = {}
        for label, kind in KINDS.items():
            agent = trained(kind, game, beta, beta_opponent)
            for key, value in answers(agent, game).items():
                rows[f"{label}/{key}"] = np.asarray(value)
            print(name, label, rows[f"{label}/kl"].round(3), flush=True)
        np.savez(path, **rows)
    return np.load(path)


def draw(name, folder):
    """One row: three pairs of actions, and one action against a uniform opponent."""
    game, beta, beta_opponent = STUDIES[name]
    held = study(name, folder)
    titles = {
        "ROMMEO": f"ROMMEO, β = {beta:g}",
        "PR2": f"PR2, β = {beta:g}",
        "Balancing-Q": f"Balancing-Q, β = {beta:g}, β′ = {beta_opponent:g}",
    }
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
        for axis, (label, title) in zip(axes, titles.items(), strict=False):
            landscape(axis, game, held[f"{label}/exact"], held[f"{label}/pairs"], title)
        laws = {label: held[f"{label}/law"] for label in ("soft actor-critic", "SVGD")}
        action_law(axes[3], TEN, held["SVGD/exact"], laws, "alone, the other uniform")
    return figure


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    draw("two-quadratics", folder).savefig(folder / "differential-two-quadratics.png")
    draw("rotational", folder).savefig(folder / "differential-rotational.png")
    draw("trigonometric", folder).savefig(folder / "differential-trigonometric.png")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/differential-games"))
