"""Any two-player game of the library as an environment, for many seeds at once.

    s' ~ P(·|s, a, b),   s_0 ~ the game's initial distribution, uniform where it has none

Dense or sparse, a row of P is kept as its K successors and their cumulative probabilities, so that
one draw of u ~ U(0, 1) a seed finds s'; a deterministic game draws nothing. An episode ends after
``episode`` steps, or with a step taken in an absorbing state: no state is terminal, so a critic
needs no mask, and what it bootstraps from is ``arrival``, the state that was reached before the
next episode began.

Shapes: state [N] integers; actions and rewards [N]; observations one-hot, [N, S].
"""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import one_hot

from tabular_marl.deep.parts.devices import draw
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.solve import Game, two_player


class StochasticEnvironment:
    """``seeds`` copies of a two-player ``game``, on the generator's device.

    Both are paid the agent's reward where the game has no other.

    >>> import tabular_marl as tm
    >>> env = StochasticEnvironment(tm.games.soccer(), 2, torch.Generator().manual_seed(0))
    >>> reward = env.step(torch.tensor([0, 1]), torch.tensor([2, 3]))
    >>> env.observation.shape, reward.tolist()
    (torch.Size([2, 760]), [[0.0, 0.0], [0.0, 0.0]])
    """

    shared = True  # both see the same

    def __init__(
        self, game: Game, seeds: int, generator: torch.Generator, episode: int = 150
    ) -> None:
        view = two_player(game)
        other = view.reward if view.opponent_reward is None else view.opponent_reward
        self.generator, self.episode, self.seeds = generator, episode, seeds
        self.actions, self.width = view.action_counts, view.num_states
        self.successors, self.cumulative = (self._here(k) for k in packed(view.transition_rows))
        self.rewards = self._here(np.stack([view.reward, other]).reshape(2, -1)).float()
        self.absorbing = self._here(absorbing(view))
        initial = np.full((1, self.width), 1 / self.width)
        starts = initial if view.initial is None else view.initial[None]
        self.starts, self.start_cumulative = (self._here(k) for k in packed(starts))
        self.time = torch.zeros(seeds, dtype=torch.int64, device=generator.device)
        self.state = self.reached = self._start()

    def step(self, agent: Tensor, opponent: Tensor) -> Tensor:
        """Play one step; the rewards of both, [2, N]."""
        row = (self.state * self.actions[0] + agent) * self.actions[1] + opponent
        self.reached = self._draw(self.successors[row], self.cumulative[row])
        self.time = self.time + 1
        over = (self.time >= self.episode) | self.absorbing[self.state]
        self.state = torch.where(over, self._start(), self.reached)
        self.time = torch.where(over, 0, self.time)
        return self.rewards[:, row]

    @property
    def observation(self) -> Tensor:
        """The state that is played next, [N, S]."""
        return one_hot(self.state, self.width).float()

    @property
    def arrival(self) -> Tensor:
        """The state that the last step led to, [N, S]; the observation but at an episode's end."""
        return one_hot(self.reached, self.width).float()

    @property
    def widths(self) -> tuple[int, int]:
        """How many numbers each observes."""
        return self.width, self.width

    @property
    def observations(self) -> tuple[Tensor, Tensor]:
        """What each sees: the same."""
        seen = self.observation
        return seen, seen

    @property
    def arrivals(self) -> tuple[Tensor, Tensor]:
        """Where each finds itself after a step: the same."""
        seen = self.arrival
        return seen, seen

    @cached_property
    def digest(self) -> str:
        """Tells its game from any other."""
        held = (self.rewards, self.successors, self.cumulative, self.starts, self.start_cumulative)
        return sha256(b"".join(x.cpu().numpy().tobytes() for x in held)).hexdigest()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"state": self.state, "reached": self.reached, "time": self.time}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.state, self.reached, self.time = state["state"], state["reached"], state["time"]

    def _here(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array)).to(self.generator.device)

    def _start(self) -> Tensor:
        seeds = len(self.time)
        return self._draw(self.starts.expand(seeds, -1), self.start_cumulative.expand(seeds, -1))

    def _draw(self, outcomes: Tensor, cumulative: Tensor) -> Tensor:
        """One of ``outcomes`` [N, K] each, [N]."""
        if outcomes.shape[1] == 1:
            return outcomes[:, 0]
        device = self.generator.device
        u = torch.rand(len(outcomes), 1, generator=self.generator, device=device)
        return outcomes.gather(1, (u >= cumulative).sum(1, keepdim=True))[:, 0]


class Stationary:
    """Plays ``policy`` [S, B] for ever: an opponent against whom the exact answer is known."""

    learns = False

    def __init__(self, policy: Tensor, generator: torch.Generator) -> None:
        self.table, self.generator = policy.to(generator.device).float(), generator

    def policy(self, obs: Tensor) -> Tensor:
        """π(·|s), [N, B]."""
        return obs @ self.table

    def act(self, obs: Tensor) -> Tensor:
        """An action for each seed, [N]."""
        return draw(self.policy(obs), self.generator)

    def observe(self, *transition: Tensor) -> dict[str, Tensor]:
        """It does not learn."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"policy": self.table}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.table = state["policy"]


def packed(rows: Any) -> tuple[np.ndarray, np.ndarray]:
    """Successors [n, K] and cumulative probabilities [n, K] of ``rows`` [n, S], dense or CSR.

    K is the longest row's count; shorter rows end in a cumulative probability of 1.

    >>> packed(np.array([[0.25, 0.0, 0.75], [0.0, 1.0, 0.0]]))[1]
    array([[0.25, 1.  ],
           [1.  , 1.  ]])
    """
    held = sparse.csr_array(rows, copy=True)
    held.eliminate_zeros()
    counts = np.diff(held.indptr)
    at = np.arange(held.nnz) - np.repeat(held.indptr[:-1], counts)
    row = np.repeat(np.arange(len(counts)), counts)
    successors = np.zeros((len(counts), counts.max()), dtype=np.int64)
    chances = np.zeros(successors.shape)
    successors[row, at], chances[row, at] = held.indices, held.data
    cumulative = np.cumsum(chances, axis=1)
    last = np.arange(successors.shape[1]) >= counts[:, None] - 1
    return successors, np.where(last, 1.0, cumulative)  # rows sum to 1 up to rounding


def absorbing(game: StochasticGame) -> np.ndarray:
    """Which states no joint action leaves, [S].

    >>> import tabular_marl as tm
    >>> game = tm.games.grid_game_1()
    >>> [game.states[s] for s in np.flatnonzero(absorbing(game))]
    ['end']
    """
    states = np.arange(game.num_states)
    pairs = game.transition_rows.shape[0] // game.num_states
    rows = np.arange(states.size * pairs)
    stays = np.asarray(sparse.csr_array(game.transition_rows)[rows, np.repeat(states, pairs)])
    always: np.ndarray = stays.reshape(states.size, pairs).min(1) == 1.0
    return always
