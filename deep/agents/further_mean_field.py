"""FURTHER among many: the others by their mean action.      FURTHER (11)-(14), Alg. 1

    ā = (1/m) Σ_j onehot(a_j)                              over the m neighbours
    critic   q(s, ẑ, a, ā),   all own actions at once;     inference   Σ_b ā_b log p_dec(b|s,ẑ)
    value    v(s, ẑ) = Σ_a π(a|s,ẑ) [min q(s, ẑ, a, p_dec) − α log π(a|s,ẑ)]              (13)
    actor    Σ_a π(a|s,ẑ) [min q(s, ẑ, a, ā) − α log π(a|s,ẑ)] at the replayed ā          (14)

The likelihood is the mean over the neighbours of log p(a_j); in v the mean action is the decoder's
own, not one of its m draws: exact where q is linear in ā, else wrong by O(1/m). A network an
agent: seeds and agents are one axis, N·n, so that all agents of all seeds train at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.agents.replayed import POINTS
from tabular_marl.deep.agents.replayed_further import ReplayedConfig, ReplayedFurther
from tabular_marl.deep.losses import further
from tabular_marl.deep.parts.networks import evaluate
from tabular_marl.validation import InputError


@dataclass(frozen=True)
class MeanFieldConfig(ReplayedConfig):
    """The defaults are FURTHER's Table 6 (Battle)."""

    critic_rate: float = 0.001
    gain_rate: float = 0.2
    actor_rate: float = 0.0005
    inference_rate: float = 0.001
    temperature: float = 0.01
    latent: int = 10
    clip: float = 10.0


class FurtherMeanField(ReplayedFurther):
    """N·n agents with ``actions`` choices; ``others`` is the number of the others' choices."""

    settings: type[CommonConfig] = MeanFieldConfig

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        here = self.observations + self.config.latent
        inputs = here + self.others
        twins = self.network(inputs, self.actions), self.network(inputs, self.actions)
        self.build(self.network(here, self.actions), twins, self.others)

    def log_policy(self, obs: Tensor, latent: Tensor) -> Tensor:
        """log π(a|s,ẑ), [N, B, A]."""
        return torch.log_softmax(evaluate(self.actor, obs, latent), -1)

    @torch.no_grad()
    def policy(self, obs: Tensor) -> Tensor:
        """π(·|s,ẑ) at the present latent, [N, A]."""
        return self.log_policy(obs[:, None], self.inference.latent[:, None])[:, 0].exp()

    def act(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s,ẑ), [N]."""
        return self.sample(self.policy(obs))

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """``action`` [N] are choices, ``other`` [N, B] mean actions. Raises InputError."""
        if action.dtype != torch.int64 or action.shape != (self.seeds,):
            was = f"it was {action.dtype} of shape {tuple(action.shape)}"
            raise InputError("action", f"hold {self.seeds} choices", was)
        return super().observe(obs, one_hot(action, self.actions).float(), other, reward, after)

    def taken(self, **batch: Tensor) -> list[Tensor]:
        """Both critics at the choice and the mean action."""
        here = (batch["obs"], batch["latent"], batch["other"])
        return [(evaluate(q, *here) * batch["action"]).sum(-1) for q in self.critics]

    def value(self, obs: Tensor, latent: Tensor) -> Tensor:
        """(13) at the decoder's mean action."""
        mean = torch.softmax(self.inference.decode(obs, latent), -1)
        q = torch.minimum(*(evaluate(target, obs, latent, mean) for target in self.targets))
        return self.soft_value(q, self.log_policy(obs, latent))

    def soft_value(self, q: Tensor, log_policy: Tensor) -> Tensor:
        """(13) where the others have one action, their mean."""
        certain = torch.ones_like(q[..., :1])
        return further.soft_value(q.unsqueeze(-1), log_policy, certain, self.config.temperature)

    def actor_loss(self, **batch: Tensor) -> Tensor:
        """(14)."""
        obs, latent = batch["obs"], batch["latent"]
        with torch.no_grad():
            here = (obs, latent, batch["other"])
            q = torch.minimum(*(evaluate(critic, *here) for critic in self.critics))
        return further.policy_loss(q, self.log_policy(obs, latent), self.config.temperature)

    def log_likelihood(self, outputs: Tensor, other: Tensor) -> Tensor:
        """The mean over the neighbours of log p_dec(a_j|s,ẑ)."""
        return (other * torch.log_softmax(outputs, -1)).sum(-1)

    def tables(self, obs: Tensor, points: int = POINTS) -> dict[str, Tensor]:
        """gain [N, 1]; policy [N, S, A] at the present latent."""
        log_policy = self.log_policy(obs, self.inference.latent[:, None])
        return {"gain": self.gain.detach()[:, None], "policy": log_policy.exp()}

    def log_uniform(self) -> float:
        """log density of the uniform law of its actions."""
        return -math.log(self.actions)
