"""MASAC: a centralised soft critic that sees the others' policies.                  FURTHER (26)

    critic   r + γ Σ_b' π^-i(b'|s') Σ_a' π(a'|s') [min q̄(s',a',b') − α log π(a'|s')]
    actor    Σ_a π [Σ_b π^-i(b|s) min q(s,a,b) − α log π]

The others' policies are those of the moment: that they will change is not in the model.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.losses import baselines, further
from tabular_marl.deep.parts.networks import TwinMLP, follow


class Masac(Agent):
    """N agents; critics map obs to q over joint actions, [N, A·B]."""

    modules = ("actor", "critics", "targets")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        self.actor = self.network(self.observations, self.actions)
        joint = self.actions * self.others
        self.critics = self.twins(self.observations, joint)
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
        peer = self.peer.policy(obs), self.peer.policy(after)
        return self.learn(obs, action, other, reward, after, *peer)

    def learn(
        self,
        obs: Tensor,
        action: Tensor,
        other: Tensor,
        reward: Tensor,
        after: Tensor,
        peer: Tensor,
        peer_after: Tensor,
    ) -> dict[str, Tensor]:
        """Critics, then the actor by the critics so moved; ``peer`` is π^-i(·|s), [N, B]."""
        with torch.no_grad():
            log_policy = self._log_policy(after)
            policy = log_policy.exp()
            smaller = self._smaller(self.targets, after)
            worth = torch.einsum("nab,na,nb->n", smaller, policy, peer_after)
            log_prob = (policy * log_policy).sum(1)
        config = self.config
        every = torch.arange(self.seeds, device=obs.device)
        taken = self._tables(self.critics, obs)[every, :, action, other]
        held = (reward[:, None], worth[:, None], log_prob[:, None])
        errors = baselines.masac_critic_loss(taken, *held, config.temperature, config.discount)
        found = self.step(2 * errors, "critic")  # both critics
        follow(self.targets, self.critics, self.config.target_rate)
        with torch.no_grad():
            q = torch.einsum("nab,nb->na", self._smaller(self.critics, obs), peer)
        actor = further.policy_loss(q, self._log_policy(obs), self.config.temperature)
        return {"critic": found, "actor": self.step(actor, "actor")}

    def _log_policy(self, obs: Tensor) -> Tensor:
        return torch.log_softmax(self.actor(obs[:, None])[:, 0], 1)

    def _tables(self, critics: TwinMLP, obs: Tensor) -> Tensor:
        """Both critics' q, [N, 2, A, B]."""
        q: Tensor = critics(obs[:, None]).view(self.seeds, 2, self.actions, self.others)
        return q

    def _smaller(self, critics: TwinMLP, obs: Tensor) -> Tensor:
        return self._tables(critics, obs).amin(1)
