"""What agents with a critic of joint actions share.               report (8), (60)-(61), (66)-(68)

    critic   Q(s,a,b) ← R + γ V(s'),   V by the agent's own ``value``, of the target Q̄
    actor    the agent's policy, π(a|s), or π(a|s,b) where it answers
    model    the other's, ρ(b|s), or ρ(b|s,a)
             each → the tilt of Q where that player answers, else of F[Q] over the other's actions

Q, and policies laid along its axes, are [N, K, A, B], with length 1 along what a policy does not
see. The exact answers do not depend on how the other plays, but through the priors.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.soft import SoftAgent, at, uniform
from tabular_marl.deep.losses import joint, soft
from tabular_marl.deep.losses.joint import AGENT, OPPONENT
from tabular_marl.deep.parts.networks import SeedMLP, follow


class JointAgent(SoftAgent):
    """N agents; ``answers`` is the player who sees the other's move, if one does."""

    modules: tuple[str, ...] = ("replay", "critic", "target", "actor", "model")
    answers: int | None = None

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        obs, pairs = self.observations, self.actions * self.others
        self.critic = self.network(obs, pairs)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.actor = self.network(obs, pairs if self.answers == AGENT else self.actions)
        self.model = self.network(obs, pairs if self.answers == OPPONENT else self.others)
        rates = {"critic": self.config.critic_rate, "actor": self.config.actor_rate}
        rates["model"] = rates["actor"]
        self.optimisers = {k: self.adam(rate, getattr(self, k)) for k, rate in rates.items()}

    # -- players, by their axis of Q -------------------------------------------------------------

    def beta(self, player: int) -> float:
        """The player's inverse temperature."""
        return float(self.config.beta)

    def log_prior(self, obs: Tensor, player: int) -> Tensor:
        """Uniform; broadcasts against Q."""
        return uniform(self.actions if player == AGENT else self.others, obs.device)

    def log_policy(self, obs: Tensor, player: int) -> Tensor:
        """log π or log ρ, laid along Q's axes."""
        network = self.actor if player == AGENT else self.model
        if player == self.answers:
            return torch.log_softmax(self.table(network, obs), player)
        return torch.log_softmax(network(obs), -1).unsqueeze(_other(player))

    def table(self, network: SeedMLP, obs: Tensor) -> Tensor:
        """The output of ``network`` as [N, K, A, B]."""
        table: Tensor = network(obs).unflatten(-1, (self.actions, self.others))
        return table

    # -- training --------------------------------------------------------------------------------

    def value(self, q: Tensor, obs: Tensor) -> Tensor:
        """V(s) of ``q``, [N, K]."""
        raise NotImplementedError

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """(60) or (66), and (61) or (68) for either player."""
        q = self.table(self.critic, obs)
        taken = at(q.flatten(-2), action * self.others + other)
        with torch.no_grad():
            next_value = self.value(self.table(self.target, after), after)
        return {
            "critic": soft.q_loss(taken, reward, next_value, self.config.discount),
            "actor": self.policy_loss(q.detach(), obs, AGENT),
            "model": self.policy_loss(q.detach(), obs, OPPONENT),
        }

    def policy_loss(self, q: Tensor, obs: Tensor, player: int) -> Tensor:
        """(61), (68): KL to the tilt of what the player's actions are worth."""
        if player != self.answers:
            q = joint.partial_q(q, *self.about(obs, _other(player)), over=_other(player))
        log_policy, (prior, beta) = self.log_policy(obs, player), self.about(obs, player)
        return soft.policy_loss(log_policy, q, prior, beta, dim=player)

    def about(self, obs: Tensor, player: int) -> tuple[Tensor, float]:
        """The player's prior and inverse temperature."""
        return self.log_prior(obs, player).detach(), self.beta(player)

    def follow(self) -> None:
        """Q̄ ← Q."""
        follow(self.target, self.critic, self.config.target_rate)

    # -- being looked at -------------------------------------------------------------------------

    def probabilities(self, obs: Tensor) -> Tensor:
        """π(a|s), or Σ_b ρ(b|s) π(a|s,b): b ~ ρ is imagined first, then answered. [N, K, A]"""
        policy = self.log_policy(obs, AGENT)
        if self.answers == AGENT:
            policy = torch.logsumexp(policy + self.log_policy(obs, OPPONENT), OPPONENT, True)
        return policy.squeeze(OPPONENT).exp()

    def tables(self, obs: Tensor) -> dict[str, Tensor]:
        """q [N, S, A, B]; policy and opponent laid along its axes."""
        return {
            "q": self.table(self.critic, obs),
            "policy": self.log_policy(obs, AGENT).exp(),
            "opponent": self.log_policy(obs, OPPONENT).exp(),
        }


class ConditionalAgent(JointAgent):
    """One player moves first and the other answers; V is what both earn by Q̄, less their costs.

    V(s) = E_first[ E_answer[Q̄ − (log π − log p)/β] − (log π − log p)/β ]      report (7), (59)
    """

    def value(self, q: Tensor, obs: Tensor) -> Tensor:
        """Both expectations, one inside the other, [N, K]."""
        assert self.answers is not None
        for player in (self.answers, _other(self.answers)):
            log_policy, about = self.log_policy(obs, player), self.about(obs, player)
            q = soft.regularised(q, log_policy, *about, dim=player).unsqueeze(player)
        return q[..., 0, 0]


def _other(player: int) -> int:
    return AGENT + OPPONENT - player
