"""FURTHER with continuous actions.                             FURTHER (11), (12), (22), (23)

    value   v(s, ẑ) = E[min q̄(s, ẑ, a, b)] + α H(π),   a ~ π(·|s,ẑ),  b ~ p_dec(·|s,ẑ)      (22)
    actor   min q(s, ẑ, a, b) − α log π(a|s,ẑ)         at a = f(ε; s, ẑ) and the replayed b   (23)

Policy and decoder are squashed Gaussians. Against a steady opponent the
best gain is ρ* = α log ∫ exp(E[r|a]/α) da, and π the tilt that attains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.agents.continuous.base import ContinuousAgent, cells
from tabular_marl.deep.agents.replayed import POINTS
from tabular_marl.deep.agents.replayed_further import ReplayedConfig, ReplayedFurther
from tabular_marl.deep.losses import further
from tabular_marl.deep.parts.networks import evaluate
from tabular_marl.deep.parts.squashed import Squashed


@dataclass(frozen=True)
class ContinuousFurtherConfig(ReplayedConfig):
    """The defaults are FURTHER's Table 5 (RoboSumo); ``samples`` of (22) were not published."""

    critic_rate: float = 0.0002
    gain_rate: float = 0.2
    actor_rate: float = 0.0001
    inference_rate: float = 0.0002
    temperature: float = 0.01
    latent: int = 10
    clip: float = 10.0
    samples: int = 4


class ContinuousFurther(ContinuousAgent, ReplayedFurther):
    """N FURTHER agents on boxes of actions."""

    settings: type[CommonConfig] = ContinuousFurtherConfig

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        here = self.observations + self.config.latent
        inputs = here + self.actions + self.others
        twins = self.network(inputs, 1), self.network(inputs, 1)
        self.build(self.network(here, 2 * self.actions), twins, 2 * self.others)

    def law(self, obs: Tensor, latent: Tensor) -> Squashed:
        """π(·|s,ẑ)."""
        return Squashed.head(evaluate(self.actor, obs, latent), self.box)

    def opponent_law(self, outputs: Tensor) -> Squashed:
        """p_dec(·|s,ẑ), from the decoder's outputs."""
        return Squashed.head(outputs, self.other_box)

    def choose(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s,ẑ) at the present latent."""
        return self.law(obs, self.inference.latent[:, None]).sample(self.generator)[0]

    def seen(self, row: dict[str, Tensor]) -> dict[str, Tensor]:
        """Actions on [−1, 1]."""
        units = {"action": self.box.unit(row["action"])}
        return row | units | {"other": self.other_box.unit(row["other"])}

    def both(self, critics: Any, obs: Tensor, latent: Tensor, a: Tensor, b: Tensor) -> list[Tensor]:
        """Both critics at (s, ẑ, a, b)."""
        here = torch.cat([obs, latent], -1)
        return [self.q(critic, here, a, b) for critic in critics]

    def taken(self, **batch: Tensor) -> list[Tensor]:
        """Both critics at what was done."""
        names = ("obs", "latent", "action", "other")
        return self.both(self.critics, *(batch[name] for name in names))

    def value(self, obs: Tensor, latent: Tensor) -> Tensor:
        """(22), the mean of ``samples`` pairs."""
        wide = (*obs.shape[:-1], self.config.samples, -1)
        obs, latent = (x.unsqueeze(-2).expand(wide) for x in (obs, latent))
        action, log_prob = self.law(obs, latent).sample(self.generator)
        outputs = self.inference.decode(obs, latent)
        other = self.opponent_law(outputs).sample(self.generator)[0]
        q = torch.minimum(*self.both(self.targets, obs, latent, action, other))
        return further.sampled_value(q, log_prob, self.config.temperature).mean(-1)

    def actor_loss(self, **batch: Tensor) -> Tensor:
        """(23)."""
        obs, latent = batch["obs"], batch["latent"]
        action, log_prob = self.law(obs, latent).sample(self.generator)
        q = torch.minimum(*self.both(self.critics, obs, latent, action, batch["other"]))
        return further.reparameterised_policy_loss(q, log_prob, self.config.temperature)

    def log_likelihood(self, outputs: Tensor, other: Tensor) -> Tensor:
        """log p_dec(b|s,ẑ); ``other`` is laid on [−1, 1]."""
        box = self.other_box
        return self.opponent_law(outputs).log_prob(box.centre + box.half * other)

    def tables(self, obs: Tensor, points: int = POINTS) -> dict[str, Tensor]:
        """gain [N, 1]; policy [N, S, A] at the present latent."""
        law = self.law(obs, self.inference.latent[:, None])
        return {
            "gain": self.gain.detach()[:, None],
            "policy": law.on(cells(self.box, points, obs.device)),
        }

    def log_uniform(self) -> float:
        """log density of the uniform law of its actions."""
        return float(self.box.log_density)
