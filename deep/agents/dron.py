"""DRON: a Q-network told how the others have played, which also predicts them.       FURTHER G.2

    q(s, h), h = the others' action frequencies over the window;  r + γ max q̄(s', h')

ε-greedy. It models what the others do now, not how they will change.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.losses import baselines
from tabular_marl.deep.parts.networks import follow


class Dron(Agent):
    """N agents; ``habits`` [N, B] is the exponential average of the others' actions."""

    modules = ("critic", "target", "predictor")
    buffers = ("habits",)

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        inputs = self.observations + self.others
        self.critic = self.network(inputs, self.actions)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.predictor = self.network(inputs, self.others)
        self.habits = torch.full((self.seeds, self.others), 1 / self.others, device=self.device)
        rate = self.config.critic_rate
        self.optimisers = {"critic": self.adam(rate, self.critic, self.predictor)}

    @torch.no_grad()
    def policy(self, obs: Tensor) -> Tensor:
        """ε-greedy, [N, A]."""
        best: Tensor = self.critic(self._inputs(obs))[:, 0].argmax(1)
        epsilon = float(self.config.epsilon)
        return epsilon / self.actions + (1 - epsilon) * one_hot(best, self.actions)

    def act(self, obs: Tensor) -> Tensor:
        """An ε-greedy action, [N]."""
        return self.sample(self.policy(obs))

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Update the habits, then train on the transition once the warm-up is over."""
        inputs = self._inputs(obs)
        rate = 1 / self.config.window
        self.habits = torch.lerp(self.habits, one_hot(other, self.others).float(), rate)
        self.count += 1
        if self.warming_up:
            return {}
        return self.learn(inputs, action, other, reward, self._inputs(after))

    def learn(
        self, inputs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """One step on (s, h), a, b, r and (s', h')."""
        with torch.no_grad():
            next_q = self.target(after)[:, 0]
        loss = baselines.dron_loss(
            self.critic(inputs)[:, 0].gather(1, action[:, None])[:, 0],
            reward,
            next_q,
            self.predictor(inputs)[:, 0],
            other,
            self.config.discount,
        )
        found = self.step(loss, "critic")
        follow(self.target, self.critic, self.config.target_rate)
        return {"critic": found}

    def _inputs(self, obs: Tensor) -> Tensor:
        return torch.cat([obs, self.habits], 1)[:, None]
