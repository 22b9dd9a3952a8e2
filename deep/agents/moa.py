"""MOA: an actor-critic paid for influence, with a model of other agents.              FURTHER G.2

reward  r + w KL(p(b'|s, a, b) ‖ Σ_a π(a|s) p(b'|s, a, b))
actor   −log π(a|s) (r + γ v(s') − v(s)) − α H(π),   critic  (r + γ v(s') − v(s))²
model   −log p(b_{t+1}|s_t, a_t, b_t)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.losses import baselines


class Moa(Agent):
    """N agents; ``before`` holds the last step's model inputs."""

    modules = ("actor", "critic", "model")
    buffers = ("before",)

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        inputs = self.observations + self.actions + self.others
        self.actor = self.network(self.observations, self.actions)
        self.critic = self.network(self.observations, 1)
        self.model = self.network(inputs, self.others)
        self.before = torch.zeros(self.seeds, inputs, device=self.device)
        self.optimisers = {
            "actor": self.adam(self.config.actor_rate, self.actor),
            "critic": self.adam(self.config.critic_rate, self.critic),
            "model": self.adam(self.config.inference_rate, self.model),
        }

    def policy(self, obs: Tensor) -> Tensor:
        """π(·|s), [N, A]."""
        return torch.softmax(self.actor(obs[:, None])[:, 0], 1).detach()

    def act(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s), [N]."""
        return self.sample(self.policy(obs))

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Train all three on the transition, once the warm-up is over."""
        before = self.before
        played = one_hot(other, self.others)
        self.before = torch.cat([obs, one_hot(action, self.actions), played], 1)
        self.count += 1
        if self.warming_up:
            return {}
        return self.learn(obs, action, other, played, reward, after, before)

    def learn(
        self,
        obs: Tensor,
        action: Tensor,
        other: Tensor,
        played: Tensor,
        reward: Tensor,
        after: Tensor,
        before: Tensor,
    ) -> dict[str, Tensor]:
        """A step of each; ``played`` is b one-hot, ``before`` what the model saw a step ago."""
        log_policy = torch.log_softmax(self.actor(obs[:, None])[:, 0], 1)
        paid = reward + self.config.influence * self._influence(obs, log_policy, action, played)
        value = self.critic(obs[:, None])[:, 0, 0]
        with torch.no_grad():
            target = paid + self.config.discount * self.critic(after[:, None])[:, 0, 0]
        gained = (target - value).detach()
        chosen = log_policy.gather(1, action[:, None])[:, 0]
        entropy = -(log_policy.exp() * log_policy).sum(1)
        actor = -(chosen * gained + self.config.temperature * entropy).mean()
        predicted = self.model(before[:, None])[:, 0]
        return {
            "actor": self.step(actor, "actor"),
            "critic": self.step(((target - value) ** 2).mean(), "critic"),
            "model": self.step(cross_entropy(predicted, other), "model"),
        }

    @torch.no_grad()
    def _influence(self, obs: Tensor, log_policy: Tensor, action: Tensor, played: Tensor) -> Tensor:
        every = torch.eye(self.actions, device=obs.device).expand(self.seeds, -1, -1)
        rest = [x[:, None].expand(-1, self.actions, -1) for x in (obs, played)]
        inputs = torch.cat([rest[0], every, rest[1]], 2)
        return baselines.influence_reward(torch.softmax(self.model(inputs), 2), log_policy, action)
