"""ROMMEO on boxes of actions: think of the opponent's action, then answer it.  report (1)-(14)

    critic    Q(s,a,b) ← r + γ [Q̄ − (log π/p + log ρ/P)/β]  at a pair of s'                (7)
    policies  log π/p + log ρ/P − β Q(s,a,b)  at b = g(ε'; s) ~ ρ, a = f(ε; s, b) ~ π(·|s,b)

p is the uniform density. P(b) is what the opponent did: the likeliest squashed Gaussian for the
batch (ROMMEO's paper fits a Gaussian, whose mass beyond the box is lost to the soft value).
"""

from __future__ import annotations

import copy
from typing import Any, TypeAlias

from torch import Tensor

from tabular_marl.deep.agents.continuous.base import ContinuousAgent, cells
from tabular_marl.deep.agents.exact import double_rows
from tabular_marl.deep.agents.replayed import POINTS
from tabular_marl.deep.losses import joint, opponent, soft
from tabular_marl.deep.parts.networks import SeedMLP, evaluate, follow
from tabular_marl.deep.parts.squashed import Squashed
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.rommeo import rommeo

#: Q, log π, log p, log ρ, log P
Pair: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class ContinuousRommeo(ContinuousAgent):
    """N agents, each with a model of its opponent."""

    modules = ("replay", "actor", "model", "critic", "target")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        obs, a, b = self.observations, self.actions, self.others
        self.actor = self.network(obs + b, 2 * a)
        self.model = self.network(obs, 2 * b)
        self.critic = self.network(obs + a + b, 1)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimisers = {
            "critic": self.adam(self.config.critic_rate, self.critic),
            "policies": self.adam(self.config.actor_rate, self.actor, self.model),
        }

    def opponent_law(self, obs: Tensor) -> Squashed:
        """ρ(·|s)."""
        return Squashed.head(evaluate(self.model, obs), self.other_box)

    def law(self, obs: Tensor, other: Tensor) -> Squashed:
        """π(·|s,b)."""
        return Squashed.head(evaluate(self.actor, obs, self.other_box.unit(other)), self.box)

    def imagine(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """a ~ π(·|s,b) at b ~ ρ(·|s), and that b."""
        other = self.opponent_law(obs).sample(self.generator)[0]
        return self.law(obs, other).sample(self.generator)[0], other

    def choose(self, obs: Tensor) -> Tensor:
        """The agent's part of what it imagines."""
        return self.imagine(obs)[0]

    def prior(self, observed: Tensor) -> Squashed:
        """P(b), for the opponent's actions [N, B, d]."""
        mean, spread = opponent.gaussian_prior(Squashed.inverse(observed, self.other_box))
        return Squashed(mean[:, None], spread[:, None].log().clamp(-5, 2), self.other_box)

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Both policies', and the critic's."""
        prior, beta = self.prior(other), self.beta
        next_value = joint.sampled_next_value(*self._pair(self.target, after, prior), beta, beta)
        q = self.q(self.critic, obs, action, other)
        pair = self._pair(self.critic, obs, prior)
        return {
            "policies": opponent.sampled_pair_loss(*pair, beta),
            "critic": soft.q_loss(q, reward, next_value, self.config.discount),
        }

    def _pair(self, critic: SeedMLP, obs: Tensor, prior: Squashed) -> Pair:
        """Q, log π, log p, log ρ, log P at one sampled pair a row."""
        other, log_other = self.opponent_law(obs).sample(self.generator)
        action, log_action = self.law(obs, other).sample(self.generator)
        q = self.q(critic, obs, action, other)
        return q, log_action, self.log_prior, log_other, prior.log_prob(other)

    def follow(self) -> None:
        """Q̄ ← Q."""
        follow(self.target, self.critic, self.config.target_rate)

    def tables(self, obs: Tensor, points: int = POINTS) -> dict[str, Tensor]:
        """q and π(a|s,b) [N, S, A, B]; opponent ρ(b|s) [N, S, 1, B]."""
        a, b = (cells(box, points, obs.device) for box in (self.box, self.other_box))
        policy = self.law(obs.unsqueeze(-2), b).on(a).mT
        model = self.opponent_law(obs).on(b).unsqueeze(-2)
        q = self.q(self.critic, obs[..., None, None, :], a[:, None], b)
        return {"q": q, "policy": policy, "opponent": model}

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """ROMMEO about the prior ``opponent``."""
        prior, config = double_rows(opponent), self.config
        found = rommeo(game, config.beta, opponent_prior=prior, discount=config.discount)
        policy, model = found.agent_policy, found.opponent_policy[:, None]
        return {"q": found.q, "policy": policy, "opponent": model}
