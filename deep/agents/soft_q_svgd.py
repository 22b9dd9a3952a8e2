"""Soft Q-learning with a sampler that Stein's variational gradient trains.       report (62)-(64)

    value    V(s) = (1/β) log (1/K) Σ_k exp(β Q̄(s,a_k)) p/q(a_k),   a_k ~ q, uniform       (62)
    critic   Q(s,a) ← r + γ V(s')                                                           (63)
    sampler  φ ← φ + η E[Δ ∂f_φ/∂φ],   Δ Stein's direction at a_k = f_φ(ε_k; s)             (64)

The sampler has no density: it may have as many modes as it likes, and is judged by where its
samples lie. With K fixed ε it rests where K particles rest
(:func:`tabular_marl.models.soft_layer.stein_particles`). With fresh ones each particle's own term
in Δ is 1/K of the pull towards a mode that the others do not balance, so its law is narrower than
exp(βQ), the less so the more particles there are.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.agents.continuous.base import ContinuousAgent, SampledConfig, cells
from tabular_marl.deep.agents.replayed import POINTS
from tabular_marl.deep.losses import soft
from tabular_marl.deep.parts.networks import evaluate, follow
from tabular_marl.deep.parts.squashed import standard_normal
from tabular_marl.games.stochastic import StochasticGame

#: Quantiles of ε at which a sampler's law is told.
QUANTILES = 4000


@dataclass(frozen=True)
class SvgdConfig(SampledConfig):
    """``particles`` of a state and a step, ``bandwidth`` σ of the kernel in units of action."""

    particles: int = 16
    bandwidth: float = 1.0


class SoftQSvgd(ContinuousAgent):
    """N agents with a sampler each."""

    settings: type[CommonConfig] = SvgdConfig
    modules = ("replay", "sampler", "critic", "target")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        self.sampler = self.network(self.observations + self.actions, self.actions)
        self.critic = self.network(self.observations + self.actions, 1)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimisers = {
            "sampler": self.adam(self.config.actor_rate, self.sampler),
            "critic": self.adam(self.config.critic_rate, self.critic),
        }

    def place(self, obs: Tensor, noise: Tensor) -> Tensor:
        """f_φ(ε; s), [N, …, d]."""
        return self.box.centre + self.box.half * torch.tanh(evaluate(self.sampler, obs, noise))

    def choose(self, obs: Tensor) -> Tensor:
        """f_φ(ε; s) at one ε a row."""
        return self.place(obs, standard_normal((*obs.shape[:-1], self.actions), self.generator))

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """(64), (63) with (62)."""
        config, lead = self.config, obs.shape[:-1]
        noise = standard_normal((*lead, config.particles, self.actions), self.generator)
        with torch.no_grad():
            next_value = self.value(after)
        q = self.q(self.critic, obs, action)
        return {
            "sampler": self.stein(obs, noise),
            "critic": soft.q_loss(q, reward, next_value, config.discount),
        }

    def stein(self, obs: Tensor, noise: Tensor) -> Tensor:
        """(64) at particles f_φ(ε; s), ``noise`` [N, B, K, d]; a uniform prior has no score."""
        placed = self.place(obs.unsqueeze(-2), noise)
        at = placed.detach().requires_grad_()
        worth = self.beta * self.q(self.critic, obs.unsqueeze(-2), at)
        (score,) = torch.autograd.grad(worth.sum(), at)
        return soft.svgd_loss(placed, score, self.config.bandwidth)

    def value(self, obs: Tensor) -> Tensor:
        """(62) from the target, [N, B]."""
        drawn = self.box.uniform((*obs.shape[:-1], self.config.samples), self.generator)
        q = self.q(self.target, obs.unsqueeze(-2), drawn)
        return soft.sampled_value(q, self.log_prior, self.log_prior, self.beta)

    def follow(self) -> None:
        """Q̄ ← Q."""
        follow(self.target, self.critic, self.config.target_rate)

    def tables(self, obs: Tensor, points: int = POINTS) -> dict[str, Tensor]:
        """q [N, S, A]; policy [N, S, A], the share of the sampler's quantiles in each cell."""
        device = obs.device
        line = cells(self.box, points, device)
        level = (torch.arange(QUANTILES, device=device) + 0.5) / QUANTILES
        noise = torch.special.ndtri(level)[:, None]
        unit = self.box.unit(self.place(obs.unsqueeze(-2), noise))[..., 0]
        cell = ((unit + 1) / 2 * points).long().clamp(0, points - 1)
        share = torch.full(cell.shape, 1 / QUANTILES, device=device)
        policy = share.new_zeros(*obs.shape[:-1], points).scatter_add(-1, cell, share)
        return {"q": self.q(self.critic, obs.unsqueeze(-2), line), "policy": policy}

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The soft-optimal answer to the opponent's law."""
        found = self.answer(game, opponent)
        return {"q": found["q"], "policy": found["policy"]}
