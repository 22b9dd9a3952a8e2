"""Soft actor-critic about a prior, with discrete actions.                     report (59)-(61)

    value    V(s)   ← E_π[min Q − (log π − log p)/β]                                       (59)
    critics  Q(s,a) ← R + γ V̄(s'),   V̄ the target of V                                    (60)
    actor    KL(π ‖ p exp(β min Q) / ·)                                                    (61)

in reward units. The other player is part of the environment, so the exact answer is
:func:`tabular_marl.soft_q` of the game that its policy makes.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from tabular_marl.deep.agents.exact import facing
from tabular_marl.deep.agents.soft import SoftAgent, at, uniform
from tabular_marl.deep.losses import soft
from tabular_marl.deep.parts.networks import follow
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.soft_q import soft_q


class Sac(SoftAgent):
    """N agents; twin critics obs → q [A] and a value obs → V; a uniform prior."""

    modules = ("replay", "actor", "critics", "value", "target")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        obs, config = self.observations, self.config
        self.actor = self.network(obs, self.actions)
        self.critics = nn.ModuleList(self.network(obs, self.actions) for _ in range(2))
        self.value = self.network(obs, 1)
        self.target = copy.deepcopy(self.value).requires_grad_(False)
        self.log_prior = uniform(self.actions, self.device)
        self.optimisers = {
            "critic": self.adam(config.critic_rate, self.critics),
            "value": self.adam(config.critic_rate, self.value),
            "actor": self.adam(config.actor_rate, self.actor),
        }

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """(60) for both critics, (59), (61)."""
        prior, beta, discount = self.log_prior, self.config.beta, self.config.discount
        q, log_policy = [critic(obs) for critic in self.critics], self.log_policy(obs)
        smaller, next_value = torch.minimum(*q).detach(), self.target(after)[..., 0]
        one, two = (soft.q_loss(at(k, action), reward, next_value, discount) for k in q)
        value = self.value(obs)[..., 0]
        return {
            "critic": one + two,
            "value": soft.value_loss(value, smaller, log_policy, prior, beta),
            "actor": soft.policy_loss(log_policy, smaller, prior, beta),
        }

    def follow(self) -> None:
        """V̄ ← V."""
        follow(self.target, self.value, self.config.target_rate)

    def log_policy(self, obs: Tensor) -> Tensor:
        """log π(a|s), [N, K, A]."""
        return torch.log_softmax(self.actor(obs), -1)

    def probabilities(self, obs: Tensor) -> Tensor:
        """π(a|s), [N, K, A]."""
        return self.log_policy(obs).exp()

    def tables(self, obs: Tensor) -> dict[str, Tensor]:
        """q [N, S, A], the smaller; value [N, S]; policy [N, S, A]."""
        q, value = torch.minimum(*(critic(obs) for critic in self.critics)), self.value(obs)
        return {"q": q, "value": value[..., 0], "policy": self.probabilities(obs)}

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The soft-optimal answer to the opponent's policy."""
        found = soft_q(facing(game, opponent), self.config.beta, discount=self.config.discount)
        return {"q": found.q[..., 0], "value": found.value, "policy": found.agent_policy}
