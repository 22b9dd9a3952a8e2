"""FURTHER with a replay: what its continuous and its mean-field variant share.       FURTHER (12)

    row       (s, ẑ, a, b, r, s', ẑ'),  ẑ' inferred as it arrives          Algorithm 1, lines 18, 19
    critics   (y − q_β)²,   y = r − ρ + v(s', ẑ')                                     (12)
    others    actor (14) or (23), v (13) or (22), likelihood of b: the variant's own

The gain ρ is trained by the critics' loss, and starts at the largest reward of the warm-up.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tabular_marl.deep.agents.base import AgentConfig, CommonConfig
from tabular_marl.deep.agents.exact import facing
from tabular_marl.deep.agents.replayed import ReplayAgent
from tabular_marl.deep.losses import further
from tabular_marl.deep.parts.inference import Inference
from tabular_marl.deep.parts.networks import SeedMLP, follow
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.soft_q import soft_q


@dataclass(frozen=True)
class ReplayedConfig(AgentConfig):
    """FURTHER's settings with a replay's length and a batch of it."""

    replay: int = 20_000
    batch: int = 256


class ReplayedFurther(ReplayAgent):
    """N agents; a variant builds its networks by :meth:`build`."""

    settings: type[CommonConfig] = ReplayedConfig
    modules = ("replay", "actor", "critics", "targets", "inference")
    buffers = ("gain", "best")
    also: ClassVar[dict[str, tuple[str, ...]]] = {"critic": ("gain",)}

    def build(self, actor: SeedMLP, critics: tuple[SeedMLP, SeedMLP], decoded: int) -> None:
        """Take an actor, twin critics and the number of the decoder's outputs."""
        config, device = self.config, self.device
        self.actor, self.critics = actor, nn.ModuleList(critics)
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        self.inference = Inference(self, decoded)
        self.gain = nn.Parameter(torch.zeros(self.seeds, device=device))
        self.best = torch.full((self.seeds,), -torch.inf, device=device)
        self.optimisers = {
            "actor": self.adam(config.actor_rate, self.actor),
            "critic": self.adam(config.critic_rate, self.critics),
            "gain": self.adam(config.gain_rate, self.gain),
            "inference": self.adam(config.inference_rate, self.inference),
        }

    def fields(self) -> dict[str, int]:
        """With the latents before and after."""
        z = self.config.latent
        return {**super().fields(), "latent": z, "latent_after": z}

    def keep(self, row: dict[str, Tensor]) -> None:
        """Infer ẑ', and keep both latents with the transition."""
        before, after = self.inference.infer(**self.seen(row))
        super().keep(row | {"latent": before, "latent_after": after})
        if self.learns and self.count < self.config.window:
            self.best = torch.maximum(self.best, row["reward"])
            if self.config.optimistic:
                self.gain.data.copy_(self.best)

    def losses(self, **batch: Tensor) -> dict[str, Tensor]:
        """The actor's, the critics' with (12), the inference's (11)."""
        with torch.no_grad():
            value = self.value(batch["after"], batch["latent_after"])
        error = [
            further.critic_loss(q, batch["reward"], self.gain[:, None], value)
            for q in self.taken(**batch)
        ]
        return {
            "actor": self.actor_loss(**batch),
            "critic": error[0] + error[1],
            "inference": self.inference.loss(self.log_likelihood, *self.inference.batch()),
        }

    def follow(self) -> None:
        """q̄ ← q."""
        follow(self.targets, self.critics, self.config.target_rate)

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The best answer to steady others in a game of one state: gain [1], policy [1, A].

        Its entropy is measured from the uniform law, whose log density :meth:`log_uniform` is.
        """
        alpha = self.config.temperature
        found = soft_q(facing(game, opponent), 1 / alpha, discount=0.0)
        gain = np.array(found.value) - alpha * self.log_uniform()
        return {"gain": gain, "policy": found.agent_policy}

    # -- what a variant defines -------------------------------------------------------------------

    def log_uniform(self) -> float:
        """log density of the uniform law of its actions."""
        raise NotImplementedError

    def seen(self, row: dict[str, Tensor]) -> dict[str, Tensor]:
        """A transition as the networks see it."""
        return row

    def taken(self, **batch: Tensor) -> list[Tensor]:
        """Both critics at what was done, [N, B] each."""
        raise NotImplementedError

    def value(self, obs: Tensor, latent: Tensor) -> Tensor:
        """v(s, ẑ) from the targets, [N, B]."""
        raise NotImplementedError

    def actor_loss(self, **batch: Tensor) -> Tensor:
        """(14) or (23) at the replayed actions of the others."""
        raise NotImplementedError

    def log_likelihood(self, outputs: Tensor, other: Tensor) -> Tensor:
        """log p_dec(b|s, ẑ)."""
        raise NotImplementedError
