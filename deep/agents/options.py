"""Soft options: a master, a termination and low-level policies, learned together.  report (70)-(76)

    critic       Q(s,a,z) ← R + γ Ū(s',z),   Ū the target of U, for every z at once         (76)
    arrival      U(s,z_)  ← E_b[U(s,z_,b) − (log π^T/P^T)/β],   U(s,z_,·) = (V(s,z_), V^H(s))   (75)
    actor        π(a|s,z)    → P(a|z) exp(β Q) / ·                                          (73)
    master       π^H(z|s)    → P^H(z) exp(β V(s,z)) / ·                                     (74)
    termination  π^T(b|s,z_) → P^T(b) exp(β U(s,z_,b)) / ·                                  (75)

in reward units, with V(s,z) = E_π[Q − (log π/P)/β] and V^H = E_{π^H}[V − (log π^H/P^H)/β], the
policies being those learned; (74) and (76) as corrected in :mod:`tabular_marl.deep.losses.options`.
It plays: drop z_ or keep it, choose z where it was dropped, act. The other player is part of the
environment, so the exact answer is :func:`tabular_marl.options` of the game that its policy makes.

Shapes: q and π [N, K, A, Z]; U, V, π^H [N, K, Z]; (kept, dropped) on a last axis, [N, K, Z, 2].
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.agents.exact import double_rows, facing
from tabular_marl.deep.agents.soft import SoftAgent, SoftConfig, uniform
from tabular_marl.deep.losses import options, soft
from tabular_marl.deep.parts.networks import follow
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.options import options as solve_options
from tabular_marl.validation import InputError


@dataclass(frozen=True)
class OptionsConfig(SoftConfig):
    """How many options; option z's prior has ``habit`` on action z mod A, and is even for the rest.

    With the same prior for all, options would differ in nothing.
    """

    options: int = 2
    habit: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.habit < 1:
            raise InputError("habit", "be between 0 and 1, and neither", f"it was {self.habit}")


class Options(SoftAgent):
    """N agents; P^H and P^T are uniform."""

    settings: type[CommonConfig] = OptionsConfig
    modules = ("replay", "critic", "arrival", "target", "actor", "master", "termination")
    buffers = ("option",)

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        obs, count, config = self.observations, self.config.options, self.config
        self.critic = self.network(obs, self.actions * count)
        self.arrival = self.network(obs, count)
        self.target = copy.deepcopy(self.arrival).requires_grad_(False)
        self.actor = self.network(obs, self.actions * count)
        self.master = self.network(obs, count)
        self.termination = self.network(obs, 2 * count)
        device, options = self.device, torch.arange(count, device=self.device)
        self.option = torch.zeros(self.seeds, dtype=torch.int64, device=device)
        rest = (1 - config.habit) / max(self.actions - 1, 1)
        self.prior = torch.full((self.actions, count), rest, device=device)
        self.prior[options % self.actions, options] = config.habit
        self.prior /= self.prior.sum(0)  # one action has it all
        rates = dict.fromkeys(("actor", "master", "termination"), config.actor_rate)
        rates |= dict.fromkeys(("critic", "arrival"), config.critic_rate)
        self.optimisers = {k: self.adam(rate, getattr(self, k)) for k, rate in rates.items()}

    # -- acting ----------------------------------------------------------------------------------

    @torch.no_grad()
    def act(self, obs: Tensor) -> Tensor:
        """Keep or drop the option in force, then a ~ π(·|s,z), [N]."""
        self.option = self.sample(self._next_option(obs[:, None])[:, 0])
        return self.sample(self._of_option(self.log_actor(obs[:, None]).exp())[:, 0])

    def probabilities(self, obs: Tensor) -> Tensor:
        """Σ_z P(z|s,z_) π(a|s,z) at the option in force, [N, K, A]."""
        return (self.log_actor(obs).exp() * self._next_option(obs)[..., None, :]).sum(-1)

    def _next_option(self, obs: Tensor) -> Tensor:
        """P(z|s,z_) at the option in force, [N, K, Z]."""
        ends = self._of_option(self.log_termination(obs)[..., 1].exp())[..., None]
        stays = torch.nn.functional.one_hot(self.option, self.config.options)[:, None]
        return (1 - ends) * stays + ends * self.log_master(obs).exp()

    def _of_option(self, table: Tensor) -> Tensor:
        """``table`` [N, ..., Z] at the option in force."""
        index = self.option.view(-1, *[1] * (table.ndim - 1)).expand(*table.shape[:-1], 1)
        return table.gather(-1, index)[..., 0]

    # -- training --------------------------------------------------------------------------------

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """(73)-(76)."""
        beta, discount, prior = self.config.beta, self.config.discount, self.prior.log()
        even, half = (uniform(k, obs.device) for k in (self.config.options, 2))
        low, master, ends = self.log_actor(obs), self.log_master(obs), self.log_termination(obs)
        q = self.q(obs)
        worth = q.detach()
        value = soft.regularised(worth, low, prior, beta, dim=-2).detach()
        chosen = soft.regularised(value, master, even, beta).detach()
        choices = options.choices(value, chosen)
        taken = q.gather(-2, action[..., None, None].expand(*action.shape, 1, q.shape[-1]))
        critic = soft.q_loss(taken[..., 0, :], reward[..., None], self.target(after), discount)
        return {
            "critic": critic,
            "arrival": soft.value_loss(self.arrival(obs), choices, ends, half, beta),
            "actor": options.low_level_loss(low, worth, prior, beta),
            "master": options.master_loss(master, value, even, beta),
            "termination": options.termination_loss(ends, choices, half, beta),
        }

    def follow(self) -> None:
        """Ū ← U."""
        follow(self.target, self.arrival, self.config.target_rate)

    # -- networks --------------------------------------------------------------------------------

    def q(self, obs: Tensor) -> Tensor:
        """Q(s,a,z), [N, K, A, Z]."""
        q: Tensor = self.critic(obs).unflatten(-1, (self.actions, -1))
        return q

    def log_actor(self, obs: Tensor) -> Tensor:
        """log π(a|s,z), [N, K, A, Z]."""
        return torch.log_softmax(self.actor(obs).unflatten(-1, (self.actions, -1)), -2)

    def log_master(self, obs: Tensor) -> Tensor:
        """log π^H(z|s), [N, K, Z]."""
        return torch.log_softmax(self.master(obs), -1)

    def log_termination(self, obs: Tensor) -> Tensor:
        """log π^T(b|s,z_), [N, K, Z, 2]."""
        return torch.log_softmax(self.termination(obs).unflatten(-1, (-1, 2)), -1)

    # -- being looked at -------------------------------------------------------------------------

    def tables(self, obs: Tensor) -> dict[str, Tensor]:
        """q and policy [N, S, A, Z]; arrival, master, termination's P(b=1) [N, S, Z]."""
        return {
            "q": self.q(obs),
            "arrival": self.arrival(obs),
            "policy": self.log_actor(obs).exp(),
            "master": self.log_master(obs).exp(),
            "termination": self.log_termination(obs)[..., 1].exp(),
        }

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The soft-optimal options against the opponent's policy."""
        config, alone, prior = self.config, facing(game, opponent), double_rows(self.prior.mT).T
        found = solve_options(alone, config.beta, config.options, prior, discount=config.discount)
        return {
            "q": found.q[:, :, 0],
            "arrival": found.value,
            "policy": found.low_level_policy[:, :, 0],
            "master": found.master_policy,
            "termination": found.termination_policy,
        }
