"""ROMMEO: imagine the other's move by a regularised model, and answer it.   report 1.1.1, (7)-(14)

    critic   Q(s,a,b) ← R + γ E_{ρ,π}[Q̄ − (log π/p)/β − (log ρ/P)/β](s')               (7), (14)
    actor    π(a|s,b) → p exp(β Q) / ·                                                      (13)
    model    ρ(b|s)   → P(b|s) exp(β F_β[p](Q(s,·,b))) / ·                            (8), (13)
    prior    P(b|s)   → how often b was observed

in reward units. It plays a ~ π(·|s,b) at b ~ ρ(·|s). The exact answer is
:func:`tabular_marl.rommeo`, with what the other really plays as the prior.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.exact import double_rows
from tabular_marl.deep.agents.joint import ConditionalAgent
from tabular_marl.deep.agents.soft import at
from tabular_marl.deep.losses import opponent
from tabular_marl.deep.losses.joint import AGENT, OPPONENT
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.rommeo import rommeo


class Rommeo(ConditionalAgent):
    """N agents; the opponent moves first, and its prior is a network of its own."""

    modules = (*ConditionalAgent.modules, "prior")
    answers = AGENT

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        self.prior = self.network(self.observations, self.others)
        self.optimisers["prior"] = self.adam(self.config.actor_rate, self.prior)

    def log_prior(self, obs: Tensor, player: int) -> Tensor:
        """log P(b|s), [N, K, 1, B]; the agent's own is uniform."""
        if player == AGENT:
            return super().log_prior(obs, player)
        return torch.log_softmax(self.prior(obs), -1).unsqueeze(AGENT)

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Those of both players and the critic, and the prior's likelihood."""
        observed = at(self.log_prior(obs, OPPONENT).squeeze(AGENT), other)
        losses = super().losses(obs, action, other, reward, after)
        return losses | {"prior": opponent.prior_loss(observed.flatten())}

    def tables(self, obs: Tensor) -> dict[str, Tensor]:
        """q and π(a|s,b) [N, S, A, B]; opponent ρ(b|s) and prior [N, S, 1, B]."""
        return super().tables(obs) | {"prior": self.log_prior(obs, OPPONENT).exp()}

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """ROMMEO about the opponent's policy."""
        prior, discount = double_rows(opponent), self.config.discount
        found = rommeo(game, self.config.beta, opponent_prior=prior, discount=discount)
        return {
            "q": found.q,
            "policy": found.agent_policy,
            "opponent": found.opponent_policy[:, None],
            "prior": prior[:, None],
        }
