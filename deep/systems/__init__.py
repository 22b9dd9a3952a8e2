"""The systems that code is held against, by name.

soft-q, rommeo, pr2, balancing-q        two free energies                    report (14), (57), (25)
fictitious-play, perfect-model          against a given opponent              report (42), (51)-(55)
rommeo-em                               tilt the prior, evaluate uncharged         report (91)-(93)
options                                 low level, master, termination             report (72)-(76)
further                                 average reward and entropy         FURTHER (7), (12)-(14)
lili, masac                             discounted, with entropy               FURTHER (25), (26)

A model's function takes the game and the model's own parameters, in reward units. In "soft-q" both
players' actions are one decision maker's; with an opponent of one action it is the single agent of
report (58). For FURTHER the states are the joint states (s, θ) of an active Markov game, which
:func:`tabular_marl.deep.systems.active_game.active_game` makes, and ``others`` their policy there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.deep.systems.base import OPTIONAL, Actor, Evaluation, System, Wanted
from tabular_marl.deep.systems.candidates import RIGHT
from tabular_marl.deep.systems.options import OptionBatch, OptionSystem
from tabular_marl.deep.systems.recipe import RecipeSystem, Step
from tabular_marl.deep.systems.tables import Tables
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.em import rommeo_em
from tabular_marl.models.fictitious_play import fictitious_play
from tabular_marl.models.perfect_model import perfect_model
from tabular_marl.models.solve import solve
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, Recipe, check
from tabular_marl.validation import InputError, one_of, positive

__all__ = [
    "MODELS",
    "OPTIONAL",
    "RIGHT",
    "Actor",
    "Evaluation",
    "OptionBatch",
    "OptionSystem",
    "RecipeSystem",
    "Step",
    "System",
    "Tables",
    "Wanted",
]


def _order(first: int, agent: tuple[float, Any], opponent: tuple[float, Any]) -> Recipe:
    steps = {AGENT: Aggregation(AGENT, *agent), OPPONENT: Aggregation(OPPONENT, *opponent)}
    return steps[1 - first], steps[first]


def _finite(recipe: Recipe) -> Recipe:
    for level in recipe:
        if level.beta == 0 or math.isinf(level.beta):
            raise InputError("beta", "be finite and not 0", f"it was {level.beta:g}")
    return recipe


def _steps(game: StochasticGame, recipe: Recipe) -> tuple[Step, Step]:
    levels = check(recipe, game.num_states, game.action_counts)
    inner, outer = (Step(x.axis, x.beta, _tensor(x.prior).log()) for x in levels)
    return inner, outer


def _tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def _solved(game: StochasticGame, recipe: Recipe, name: str) -> RecipeSystem:
    return RecipeSystem(game, _steps(game, recipe), _tensor(solve(game, recipe).q), name)


def _shared(name: str, first: int) -> Callable[..., RecipeSystem]:
    def made(
        game: StochasticGame, beta: float, agent_prior: Any = None, opponent_prior: Any = None
    ) -> RecipeSystem:
        recipe = _order(first, (beta, agent_prior), (beta, opponent_prior))
        return _solved(game, _finite(recipe), name)

    return made


def _balancing(
    game: StochasticGame,
    beta_agent: float,
    beta_opponent: float,
    view: str = "agent",
    agent_prior: Any = None,
    opponent_prior: Any = None,
) -> RecipeSystem:
    first = AGENT if one_of("view", view, ("agent", "opponent")) == "agent" else OPPONENT
    recipe = _order(first, (beta_agent, agent_prior), (beta_opponent, opponent_prior))
    return _solved(game, _finite(recipe), "balancing-q")


def _against(model: Callable[..., Any], name: str, **kind: Any) -> Callable[..., RecipeSystem]:
    """The agent's system against the opponent's policy in ``model``'s answer."""

    def made(
        game: StochasticGame,
        beta_agent: float,
        beta_opponent: float,
        agent_prior: Any = None,
        opponent_prior: Any = None,
    ) -> RecipeSystem:
        priors = {"agent_prior": agent_prior, "opponent_prior": opponent_prior}
        played = model(game, beta_agent, beta_opponent, **kind, **priors).opponent_policy
        agent = Aggregation(AGENT, beta_agent, agent_prior)
        _finite((agent,))
        return _solved(game, (agent, Aggregation(OPPONENT, 0.0, played)), name)

    return made


def _em(
    game: StochasticGame, beta: float, agent_prior: Any = None, opponent_prior: Any = None
) -> RecipeSystem:
    recipe = _finite(_order(OPPONENT, (beta, agent_prior), (beta, opponent_prior)))
    found = rommeo_em(
        game, beta, "kept", agent_prior=agent_prior, opponent_prior=opponent_prior, tol=1e-12
    )
    steps = _steps(game, recipe)
    return RecipeSystem(game, steps, _tensor(found.q), "rommeo-em", charged=False)


def _entropic(
    game: StochasticGame, temperature: float, others: ArrayLike | None
) -> tuple[Recipe, tuple[Step, Step], float]:
    """The recipe with α KL to the uniform policy, the steps with −α H, and α log A between them."""
    beta = 1 / positive("temperature", temperature)
    recipe = (Aggregation(OPPONENT, 0.0, others), Aggregation(AGENT, beta))
    given, agent = _steps(game, recipe)
    free = Step(AGENT, beta, torch.zeros_like(agent.log_prior))
    return recipe, (given, free), temperature * math.log(game.reward.shape[1])


def _further(
    game: StochasticGame, temperature: float, others: ArrayLike | None = None
) -> RecipeSystem:
    _, steps, bonus = _entropic(game, temperature, others)
    law = steps[0].log_prior.exp()[:, 0].numpy()
    law = np.broadcast_to(law, (game.num_states, game.reward.shape[2]))
    rows = game.transition.toarray() if game.is_sparse else np.asarray(game.transition)
    rows = rows.reshape(*game.reward.shape, -1)
    process = DecisionProcess(
        np.einsum("xab,xb->xa", game.reward, law), np.einsum("xabt,xb->xat", rows, law)
    )
    size = max(1.0, float(np.abs(game.reward).max()))
    found = average_reward(process, beta=1 / temperature, tol=1e-11 * size)
    gain = float(found.gain[0]) + bonus
    q = game.reward - gain + rows @ found.bias
    return RecipeSystem(game, steps, _tensor(q), "further", gain=gain)


def _discounted(name: str) -> Callable[..., RecipeSystem]:
    def made(
        game: StochasticGame, temperature: float, others: ArrayLike | None = None
    ) -> RecipeSystem:
        recipe, steps, bonus = _entropic(game, temperature, others)
        paid = StochasticGame(
            game.transition, game.reward + game.discount * bonus, discount=game.discount
        )
        return RecipeSystem(game, steps, _tensor(solve(paid, recipe).q), name)

    return made


#: model name -> its system, from the game and the model's own parameters.
MODELS: dict[str, Callable[..., System]] = {
    "soft-q": _shared("soft-q", AGENT),
    "rommeo": _shared("rommeo", OPPONENT),
    "pr2": _shared("pr2", AGENT),
    "balancing-q": _balancing,
    "fictitious-play": _against(fictitious_play, "fictitious-play", prior_update="kept"),
    "perfect-model": _against(perfect_model, "perfect-model"),
    "rommeo-em": _em,
    "options": OptionSystem.make,
    "further": _further,
    "lili": _discounted("lili"),
    "masac": _discounted("masac"),
}
