"""MASAC: a centralised soft critic that sees the others' policies.                  FURTHER (26)

    critic   r + γ Σ_b' π^-i(b'|s') Σ_a' π(a'|s') [min q̄(s',a',b') − α log π(a'|s')]
    actor    Σ_a π [Σ_b π^-i(b|s) min q(s,a,b) − α log π]

The others' policies are those of the moment: that they will change is not in the model.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.losses import baselines, further
from tabular_marl.deep.networks import SeedMLP, follow


class Masac(Agent):
    """N agents; critics map obs to q over joint actions, [N, A·B]."""

    modules = ("actor", "critics", "targets")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        self.actor = self.network(self.observations, self.actions)
        joint = self.actions * self.others
        self.critics = nn.ModuleList(self.network(self.observations, joint) for _ in range(2))
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        self.optimisers = {
            "critic": self.adam(self.config.critic_rate, self.critics),
            "actor": self.adam(self.config.actor_rate, self.actor),
        }

    def policy(self, obs: Tensor) -> Tensor:
        """π(·|s), [N, A]."""
        return self._log_policy(obs).exp().detach()

    def act(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s), [N]."""
        return self.sample(self.policy(obs))

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Train both on the transition, once the warm-up is over."""
        self.count += 1
        if self.warming_up:
            return {}
        with torch.no_grad():
            log_policy = self._log_policy(after)
            policy = log_policy.exp()
            smaller = self._smaller(self.targets, after)
            worth = torch.einsum("nab,na,nb->n", smaller, policy, self.peer.policy(after))
            entropy = -(policy * log_policy).sum(1)
        loss = torch.zeros(())
        for critic in self.critics:
            taken = self._table(critic, obs)[torch.arange(self.seeds), action, other]
            loss = loss + baselines.masac_critic_loss(
                taken, reward, worth, -entropy, self.config.temperature, self.config.discount
            )
        found = self.step(loss, "critic")
        follow(self.targets, self.critics, self.config.target_rate)
        with torch.no_grad():
            q = torch.einsum("nab,nb->na", self._smaller(self.critics, obs), self.peer.policy(obs))
        actor = further.policy_loss(q, self._log_policy(obs), self.config.temperature)
        return {"critic": found, "actor": self.step(actor, "actor")}

    def _log_policy(self, obs: Tensor) -> Tensor:
        return torch.log_softmax(self.actor(obs[:, None])[:, 0], 1)

    def _table(self, critic: SeedMLP, obs: Tensor) -> Tensor:
        return critic(obs[:, None]).view(self.seeds, self.actions, self.others)

    def _smaller(self, critics: nn.ModuleList, obs: Tensor) -> Tensor:
        one, two = (self._table(critic, obs) for critic in critics)
        return torch.minimum(one, two)
