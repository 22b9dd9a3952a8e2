"""Soft actor-critic on a box of actions; the other player is part of the world. report (58)-(61)

    value    V(s)   ← min Q − (log π − log p)/β   at a ~ π                                 (59)
    critics  Q(s,a) ← r + γ V̄(s'),   V̄ the target of V                                     (60)
    policy   log π − log p − β min Q              at a = f(ε; s)                           (61)

p is the uniform density. The exact answer is :func:`tabular_marl.soft_q` of the game on a grid
against the other's law.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from tabular_marl.deep.agents.continuous.base import ContinuousAgent, cells
from tabular_marl.deep.agents.replayed import POINTS
from tabular_marl.deep.losses import soft
from tabular_marl.deep.parts.networks import evaluate, follow
from tabular_marl.deep.parts.squashed import Squashed
from tabular_marl.games.stochastic import StochasticGame


class ContinuousSac(ContinuousAgent):
    """N agents; twin critics, a value, a squashed Gaussian policy."""

    modules = ("replay", "actor", "critics", "value", "target")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        self.actor = self.network(self.observations, 2 * self.actions)
        self.critics = nn.ModuleList(
            self.network(self.observations + self.actions, 1) for _ in range(2)
        )
        self.value = self.network(self.observations, 1)
        self.target = copy.deepcopy(self.value).requires_grad_(False)
        self.optimisers = {
            "critic": self.adam(self.config.critic_rate, self.critics),
            "value": self.adam(self.config.critic_rate, self.value),
            "actor": self.adam(self.config.actor_rate, self.actor),
        }

    def law(self, obs: Tensor) -> Squashed:
        """π(·|s), [N, B, O]."""
        return Squashed.head(evaluate(self.actor, obs), self.box)

    def choose(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s)."""
        return self.law(obs).sample(self.generator)[0]

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """(61), (59), (60) for both critics."""
        config, next_value = self.config, evaluate(self.target, after)[..., 0]
        drawn, log_policy = self.law(obs).sample(self.generator)
        about = (self.smaller(obs, drawn), self.log_prior, self.beta)
        value = evaluate(self.value, obs)[..., 0]
        taken = [self.q(critic, obs, action) for critic in self.critics]
        one, two = (soft.q_loss(q, reward, next_value, config.discount) for q in taken)
        return {
            "actor": soft.reparameterised_policy_loss(log_policy, *about),
            "value": soft.sampled_value_loss(value, about[0], log_policy, *about[1:]),
            "critic": one + two,
        }

    def smaller(self, obs: Tensor, action: Tensor) -> Tensor:
        """min Q(s,a) of the twins."""
        return torch.minimum(*(self.q(critic, obs, action) for critic in self.critics))

    def follow(self) -> None:
        """V̄ ← V."""
        follow(self.target, self.value, self.config.target_rate)

    def tables(self, obs: Tensor, points: int = POINTS) -> dict[str, Tensor]:
        """q [N, S, A], the smaller; value [N, S]; policy [N, S, A]."""
        line = cells(self.box, points, obs.device)
        q, value = self.smaller(obs.unsqueeze(-2), line), evaluate(self.value, obs)[..., 0]
        return {"q": q, "value": value, "policy": self.law(obs).on(line)}

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The soft-optimal answer to the opponent's law."""
        return self.answer(game, opponent)
