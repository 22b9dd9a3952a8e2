"""What agents with continuous actions share: boxes, uniform priors, a uniform warm-up, annealing.

    act(obs) -> action                                     [N, O] -> [N, d]
    observe(obs, action, other, reward, after) -> losses   as every agent's; empty at first
    1/β_t = 1/β + A exp(−η t),   t training steps          A in reward units; A = 0: no annealing

For the first ``window`` steps actions are uniform and nothing is trained. Networks see actions
laid on [−1, 1]; densities are per unit of action, so that soft values are those of the game. The
schedule is that of ROMMEO's code (Tian et al. 2019), which has 1/β = 0.1, A = 500, η = 0.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.agents.exact import facing
from tabular_marl.deep.agents.replayed import ReplayAgent
from tabular_marl.deep.agents.soft import SoftConfig
from tabular_marl.deep.parts.networks import evaluate
from tabular_marl.deep.parts.squashed import Box
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.soft_q import soft_q
from tabular_marl.validation import InputError, integer


@dataclass(frozen=True)
class ContinuousConfig(SoftConfig):
    """The same on boxes of actions; the defaults are not published ones.

    ``anneal`` A is what the temperature has too much at first, ``anneal_rate`` η its decay a step.
    """

    critic_rate: float = 0.003
    actor_rate: float = 0.001
    discount: float = 0.95
    clip: float = 10.0
    beta: float = 1.0
    replay: int = 20_000
    anneal: float = 0.0
    anneal_rate: float = 0.1


@dataclass(frozen=True)
class SampledConfig(ContinuousConfig):
    """``samples`` K of each action in a sampled soft value."""

    samples: int = 16


class ContinuousAgent(ReplayAgent):
    """N agents with actions in ``box``, the other player's in ``other_box``."""

    settings: type[CommonConfig] = ContinuousConfig

    def __init__(
        self,
        config: Any,  # of the class ``settings``
        seeds: int,
        observations: int,
        box: Box,
        other_box: Box,
        generator: torch.Generator,
    ) -> None:
        self.box, self.other_box = box, other_box
        sizes = (observations, box.dimensions, other_box.dimensions)
        super().__init__(config, seeds, *sizes, generator)
        self.log_prior = torch.tensor(box.log_density, device=generator.device)
        self.log_other_prior = torch.tensor(other_box.log_density, device=generator.device)

    def act(self, obs: Tensor) -> Tensor:
        """Uniform at first, then as :meth:`choose` says; [N, d]."""
        if self.count < self.config.window:
            return self.box.uniform((self.seeds,), self.generator)
        with torch.no_grad():
            return self.choose(obs[:, None])[:, 0]

    @property
    def beta(self) -> float:
        """β_t."""
        return self.annealed(self.config.beta)

    def annealed(self, beta: float) -> float:
        """What ``beta`` of either sign is at this step: 1/|β| is what decays to its last value."""
        steps = max(self.count - self.config.window, 0)
        extra: float = self.config.anneal * math.exp(-self.config.anneal_rate * steps)
        return beta / (1 + abs(beta) * extra)

    def choose(self, obs: Tensor) -> Tensor:
        """An action a row, [N, B, O] → [N, B, d]."""
        raise NotImplementedError

    def q(self, critic: nn.Module, obs: Tensor, action: Tensor, *rest: Tensor) -> Tensor:
        """Q(s, a) or Q(s, a, b); axes between N and the last broadcast."""
        units = [self.box.unit(action), *(self.other_box.unit(other) for other in rest)]
        return evaluate(critic, obs, *units)[..., 0]

    def answer(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The soft-optimal answer to the opponent's law: q, policy [S, A], value [S]. (58)"""
        alone, config = facing(game, opponent), self.config
        found = soft_q(alone, config.beta, discount=config.discount)
        return {"q": found.q[..., 0], "value": found.value, "policy": found.agent_policy}


def cells(box: Box, points: int, device: torch.device) -> Tensor:
    """Centres of equal cells, [points, 1]. Raises InputError where the box is no interval."""
    if box.dimensions != 1:
        raise InputError("box", "be an interval", f"it had {box.dimensions} dimensions")
    return box.cells(integer("points", points), device)
