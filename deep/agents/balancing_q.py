"""Balancing-Q: two inverse temperatures of either sign, one reward.  report (24)-(25), (65)-(68)

    critic   Q(s,a,b) ← R + γ V(s'),   V(s) = F_outer[F_inner[Q̄]]                      (65), (66)
             agent's view: b:β^-i given a, then a:β^i;  opponent's view: the other order
    actor    π(a|s) → p exp(β^i  F_{β^-i}[P](Q(s,a,·))) / ·                            (67), (68)
    model    ρ(b|s) → P exp(β^-i F_{β^i}[p](Q(s,·,b))) / ·

in reward units; priors uniform, and expectations over actions exact where (65), (67) sample them.
As printed (66) subtracts γV, and (65) and (67) are β^-i and β^i times their values here. Opposite
signs make the game competitive: b lowers what a raises. The exact answer is
:func:`tabular_marl.balancing_q`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.agents.joint import JointAgent
from tabular_marl.deep.agents.soft import SoftConfig, finite_beta
from tabular_marl.deep.losses import joint
from tabular_marl.deep.losses.joint import AGENT, OPPONENT
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.balancing_q import balancing_q


@dataclass(frozen=True)
class BalancingConfig(SoftConfig):
    """``beta`` is the agent's, ``beta_opponent`` the opponent's; whose view V is."""

    beta_opponent: float = -2.5
    agent_view: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        finite_beta("beta_opponent", self.beta_opponent)


class BalancingQ(JointAgent):
    """N agents; both policies see the state alone."""

    settings: type[CommonConfig] = BalancingConfig

    def beta(self, player: int) -> float:
        """β^i or β^-i."""
        return float(self.config.beta if player == AGENT else self.config.beta_opponent)

    def value(self, q: Tensor, obs: Tensor) -> Tensor:
        """(65), both free energies exact."""
        agent, opponent = self.about(obs, AGENT), self.about(obs, OPPONENT)
        first = AGENT if self.config.agent_view else OPPONENT
        return joint.value(q, agent[0], opponent[0], agent[1], opponent[1], first)

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """Balancing-Q; how the opponent really plays does not matter."""
        config = self.config
        found = balancing_q(
            game,
            config.beta,
            config.beta_opponent,
            "agent" if config.agent_view else "opponent",
            discount=config.discount,
        )
        policy, model = found.agent_policy[..., None], found.opponent_policy[:, None]
        return {"q": found.q, "policy": policy, "opponent": model}
