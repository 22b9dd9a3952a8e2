"""Golden answers: every named game under every model, at fixed parameters, one JSON a game.

    python tests/golden/regenerate.py [GAME …]        writes them again, after a wanted change

tests/golden/test_golden.py solves again and compares, so that a change of meaning (an axis, a
prior, a sign, a unit) is seen. The priors are uneven on purpose. Rounds are counted, not run to
their limit, so that each file says one thing; matrix games are repeated with γ = 1/2; a game of
three is seen by its first player. Values are kept for all states, policies for the first
``POLICY_STATES``. In games of more than ``MOST_STATES`` states (pursuit, soccer) only the models
of ``LARGE`` are solved: each extra factor of the others makes files and minutes, not meaning.

A file has a line a model: parameters, status, error_bound (proved, in reward units, or null), and
the arrays, written so that they read back bit for bit.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import tabular_marl as tm
from tabular_marl.games import REGISTRY
from tabular_marl.models.registry import MODELS
from tabular_marl.solution import Solution

FOLDER = Path(__file__).parent
POLICY_STATES = 4
MOST_STATES = 100
LARGE = ("soft-q", "rommeo", "pr2", "balancing-q", "minimax-pr2", "perfect-model")
TWO_REWARDS = ("perfect-model", "em")
BETAS = {"beta": 1.0, "beta_agent": 1.0, "beta_opponent": -0.5}
COUNTED = {
    "fictitious-play": {"rounds": 3},
    "rommeo-em": {"rounds": 3},
    "em": {"rounds": 3},
    "level-k": {"levels": 3},
}
ARRAYS = ("value", "agent_policy", "opponent_policy")


def seen(name: str) -> tm.StochasticGame:
    """The named game as every model takes it."""
    game = tm.games.named(name)
    if game.num_players > 2:
        game = game.against(0)
    if isinstance(game, tm.MatrixGame):
        game = game.as_stochastic().with_discount(0.5)
    return game


def uneven(*shape: int) -> np.ndarray:
    """Probabilities along the first axis that no two outcomes share."""
    weights = 2.0 + np.arange(np.prod(shape)) % 5 + np.arange(np.prod(shape)) / 100
    rows = weights.reshape(shape)
    return rows / rows.sum(axis=tuple(range(len(shape) - 1)) if len(shape) == 3 else 0)


def priors(model: str, game: tm.StochasticGame) -> dict[str, Any]:
    """An uneven prior for every argument that takes one."""
    rows, columns = game.action_counts
    if model == "options":
        return {
            "prior": uneven(rows, columns, 2),
            "master_prior": [0.7, 0.3],
            "termination_prior": [0.25, 0.6],
        }
    if model == "multi-agent-options":
        return {
            "agent_prior": uneven(rows, 2),
            "agent_master_prior": [0.7, 0.3],
            "agent_termination_prior": [0.25, 0.6],
            "opponent_prior": uneven(columns, 2),
            "opponent_master_prior": [0.4, 0.6],
            "opponent_termination_prior": [0.5, 0.3],
        }
    takes = inspect.signature(MODELS[model].function).parameters
    given = {"agent_prior": uneven(rows), "opponent_prior": uneven(columns)[::-1]}
    return {name: prior for name, prior in given.items() if name in takes}


def solve(model: str, game: tm.StochasticGame) -> tuple[dict[str, Any], Solution]:
    """(parameters beside the priors, solution)."""
    parameters = {name: BETAS[name] for name in MODELS[model].required} | COUNTED.get(model, {})
    return parameters, MODELS[model].function(game, **parameters, **priors(model, game))


def models(game: tm.StochasticGame) -> tuple[str, ...]:
    """The models that this game is solved under, by its size and its rewards."""
    names = LARGE if game.num_states > MOST_STATES else tuple(MODELS)
    return tuple(n for n in names if game.opponent_reward is not None or n not in TWO_REWARDS)


def answer(name: str, model: str) -> dict[str, Any]:
    """One line of a golden file."""
    game = seen(name)
    parameters, solution = solve(model, game)
    line = {
        "parameters": parameters,
        "status": solution.status.name,
        "error_bound": None if model in COUNTED else solution.error_bound,
    }
    for field in ARRAYS:
        array = getattr(solution, field)
        line[field] = (array if field == "value" else array[:POLICY_STATES]).tolist()
    return line


def write(name: str) -> None:
    """Solve a game under every model and write its file."""
    game = seen(name)
    lines = [f" {json.dumps(model)}: {json.dumps(answer(name, model))}" for model in models(game)]
    head = f'{{"discount": {game.discount},\n "models": {{\n'
    (FOLDER / f"{name}.json").write_text(head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    for game_name in sys.argv[1:] or REGISTRY:
        write(game_name)
        print(game_name)
