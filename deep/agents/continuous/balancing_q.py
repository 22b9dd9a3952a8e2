"""Balancing-Q on boxes of actions, the agent's view; PR2 is the same with one β.  report (65)-(68)

    critic    Q(s,a,b) ← r + γ V(s')                                                       (66)
    value     Qⁱ(s,a) = (1/β′) log (1/L) Σ_l exp(β′ Q(s,a,b_l)) P/q(b_l|s,a)               (67)
              V(s)    = (1/β)  log (1/K) Σ_k exp(β Qⁱ(s,a_k)) p/q(a_k|s)                   (62)
    agent     log π(a|s) − log p − β Qⁱ(s,a)          at a = f(ε; s)                       (68)
    opponent  log ρ(b|s,a) − log P − β′ Q(s,a,b)      at b = g(ε; s, a)

β′ of either sign; priors are uniform. (65) as printed is the value of the opponent's view, on which
(68) does not act. A half of every sample comes from the policy, a half from the prior, and q is
that mixture: no weight p/q is above 2, whatever the policy has not found yet.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.agents.continuous.base import ContinuousAgent, SampledConfig, cells
from tabular_marl.deep.agents.replayed import POINTS
from tabular_marl.deep.agents.soft import finite_beta
from tabular_marl.deep.losses import soft
from tabular_marl.deep.parts.networks import SeedMLP, evaluate, follow
from tabular_marl.deep.parts.squashed import Squashed, standard_normal
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.balancing_q import balancing_q


@dataclass(frozen=True)
class ContinuousBalancingConfig(SampledConfig):
    """``beta_opponent`` β′."""

    beta_opponent: float = -1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_beta("beta_opponent", self.beta_opponent)


class ContinuousBalancingQ(ContinuousAgent):
    """N agents, each with its opponent's answer."""

    settings: type[CommonConfig] = ContinuousBalancingConfig
    modules = ("replay", "actor", "model", "critic", "target")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        obs, a, b = self.observations, self.actions, self.others
        self.actor = self.network(obs, 2 * a)
        self.model = self.network(obs + a, 2 * b)
        self.critic = self.network(obs + a + b, 1)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimisers = {
            "critic": self.adam(self.config.critic_rate, self.critic),
            "actor": self.adam(self.config.actor_rate, self.actor),
            "model": self.adam(self.config.actor_rate, self.model),
        }

    @property
    def last_betas(self) -> tuple[float, float]:
        """β and β′ once all is annealed."""
        return self.config.beta, self.config.beta_opponent

    @property
    def beta_opponent(self) -> float:
        """β′_t."""
        return self.annealed(self.last_betas[1])

    def law(self, obs: Tensor) -> Squashed:
        """π(·|s)."""
        return Squashed.head(evaluate(self.actor, obs), self.box)

    def opponent_law(self, obs: Tensor, action: Tensor) -> Squashed:
        """ρ(·|s,a)."""
        return Squashed.head(evaluate(self.model, obs, self.box.unit(action)), self.other_box)

    def choose(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s)."""
        return self.law(obs).sample(self.generator)[0]

    def imagine(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """a ~ π(·|s), and b ~ ρ(·|s,a)."""
        action = self.choose(obs)
        return action, self.opponent_law(obs, action).sample(self.generator)[0]

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """(68), the opponent's at the actions at which (67) is asked for, (66)."""
        here = obs.unsqueeze(-2)
        with torch.no_grad():
            next_value = self.value(self.target, after)
            asked = self.proposals(self.law(obs))[0]
        drawn, log_policy = self.law(obs).sample(self.generator)
        partial = self.partial_q(self.critic, obs, drawn)
        answer, log_answer = self.opponent_law(here, asked).sample(self.generator)
        q = self.q(self.critic, here, asked, answer)
        taken = self.q(self.critic, obs, action, other)
        return {
            "actor": soft.reparameterised_policy_loss(
                log_policy, partial, self.log_prior, self.beta
            ),
            "model": soft.reparameterised_policy_loss(
                log_answer, q, self.log_other_prior, self.beta_opponent
            ),
            "critic": soft.q_loss(taken, reward, next_value, self.config.discount),
        }

    def value(self, critic: SeedMLP, obs: Tensor) -> Tensor:
        """V(s) from K × K samples, [N, B, O] → [N, B]. (62)"""
        action, log_proposal = self.proposals(self.law(obs))
        partial = self.partial_q(critic, obs.unsqueeze(-2), action)
        return soft.sampled_value(partial, self.log_prior, log_proposal, self.beta)

    def partial_q(self, critic: SeedMLP, obs: Tensor, action: Tensor) -> Tensor:
        """Qⁱ(s,a), [N, …, d] → [N, …]; the gradient reaches a through Q alone. (67)"""
        other, log_proposal = self.proposals(self.opponent_law(obs, action.detach()))
        q = self.q(critic, obs.unsqueeze(-2), action.unsqueeze(-2), other)
        return soft.sampled_value(q, self.log_other_prior, log_proposal, self.beta_opponent)

    @torch.no_grad()
    def proposals(self, law: Squashed) -> tuple[Tensor, Tensor]:
        """K actions, half of ``law`` and half uniform: [N, …, K, d], and log q [N, …, K]."""
        box, lead, half = law.box, law.mean.shape[:-1], (self.config.samples + 1) // 2
        one = replace(law, mean=law.mean.unsqueeze(-2), log_std=law.log_std.unsqueeze(-2))
        shape = (*lead, self.config.samples - half, box.dimensions)
        drawn = one.draw(standard_normal(shape, self.generator))[0]
        action = torch.cat([box.uniform((*lead, half), self.generator), drawn], -2)
        both = torch.logaddexp(one.log_prob(action), action.new_tensor(box.log_density))
        return action, both - math.log(2)

    def follow(self) -> None:
        """Q̄ ← Q."""
        follow(self.target, self.critic, self.config.target_rate)

    def tables(self, obs: Tensor, points: int = POINTS) -> dict[str, Tensor]:
        """q and the answer ρ(b|s,a) [N, S, A, B]; policy π(a|s) [N, S, A, 1]."""
        a, b = (cells(box, points, obs.device) for box in (self.box, self.other_box))
        policy = self.law(obs).on(a).unsqueeze(-1)
        answer = self.opponent_law(obs.unsqueeze(-2), a).on(b)
        q = self.q(self.critic, obs[..., None, None, :], a[:, None], b)
        return {"q": q, "policy": policy, "opponent": answer}

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The agent's view; how the opponent really plays does not matter."""
        found = balancing_q(game, *self.last_betas, discount=self.config.discount)
        policy, answer = found.agent_policy[..., None], found.conditional_policy
        return {"q": found.q, "policy": policy, "opponent": answer}


class ContinuousPr2(ContinuousBalancingQ):
    """PR2: the opponent answers with the agent's own β.                      report (57), 1.6.1"""

    settings: type[CommonConfig] = SampledConfig

    @property
    def last_betas(self) -> tuple[float, float]:
        """β twice."""
        return self.config.beta, self.config.beta
