"""PR2: move first, and expect an answer that follows the same reward.                  report (57)

    critic   Q(s,a,b) ← R + γ E_{π,ρ}[Q̄ − (log π/p)/β − (log ρ/P)/β](s')
    actor    π(a|s)   → p exp(β F_β[P](Q(s,a,·))) / ·
    model    ρ(b|s,a) → P exp(β Q) / ·

in reward units; both priors uniform. The exact answer is :func:`tabular_marl.pr2`.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tabular_marl.deep.agents.joint import ConditionalAgent
from tabular_marl.deep.losses.joint import OPPONENT
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.pr2 import pr2


class Pr2(ConditionalAgent):
    """N agents; the agent moves first."""

    answers = OPPONENT

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """PR2; how the opponent really plays does not matter."""
        found = pr2(game, self.config.beta, discount=self.config.discount)
        policy, model = found.agent_policy[..., None], found.opponent_policy
        return {"q": found.q, "policy": policy, "opponent": model}
