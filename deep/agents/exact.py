"""What a soft agent learned, held against the exact answer of its game.

    gap of a table = max over its entries |learned − exact|,   a number a seed and table

Learned tables come from the networks at the one-hot observation of every state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.solve import Game, two_player

if TYPE_CHECKING:
    from tabular_marl.deep.agents.soft import SoftAgent


def gaps(agent: SoftAgent, game: Game, opponent: Tensor) -> dict[str, np.ndarray]:
    """The largest distance of each of the agent's tables to the exact one, by its name, [N].

    ``opponent`` [S, B] is what the other player really plays; the discount is the agent's.
    """
    view, seeds = two_player(game), agent.seeds
    exact = agent.exact(view, opponent)
    with torch.no_grad():
        states = torch.eye(view.num_states, device=agent.generator.device)
        learned = agent.tables(states.expand(seeds, -1, -1))
    return {
        name: np.abs(table.double().cpu().numpy() - exact[name]).reshape(seeds, -1).max(1)
        for name, table in learned.items()
    }


def facing(game: StochasticGame, opponent: Tensor) -> StochasticGame:
    """The game that a stationary opponent's policy [S, B] makes for the agent alone, B = 1.

    R(s,a) = Σ_b ρ(b|s) R(s,a,b),   P(t|s,a) = Σ_b ρ(b|s) P(t|s,a,b)

    >>> import tabular_marl as tm
    >>> even = torch.full((1, 2), 0.5)
    >>> facing(tm.games.stag_hunt().as_stochastic(), even).reward.ravel().tolist()
    [2.5, 2.5]
    """
    states, rows, columns = game.reward.shape
    policy = double_rows(opponent)
    weights = np.broadcast_to(policy[:, None], game.reward.shape).ravel()
    pair = np.arange(states * rows).repeat(columns)
    mix = sparse.csr_array((weights, (pair, np.arange(weights.size))))
    transition = mix @ sparse.csr_array(game.transition_rows)
    reward = (policy[:, None] * game.reward).sum(2, keepdims=True)
    if not game.is_sparse:
        transition = transition.toarray().reshape(states, rows, 1, states)
    return StochasticGame(transition, reward, discount=game.discount)


def double_rows(policy: Tensor) -> np.ndarray:
    """A policy of a network, whose rows sum to 1 up to float32, with rows that do in float64.

    >>> double_rows(torch.full((1, 5), 0.2)).sum()
    np.float64(1.0)
    """
    held: np.ndarray = policy.double().cpu().numpy().copy()
    held /= held.sum(-1, keepdims=True)
    return held
