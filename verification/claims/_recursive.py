"""Level-k reasoning over any arithmetic: the vocabulary of the ``recursive_*`` claims.

    V_k(s) = log Σ_ab π_{k−1}(a|s) ρ_{k−1}(b|s) exp Q_k(s,a,b),   Q_k = βR + γ E V_k(s')     (104)
    π_k(a|s,b) ∝ π_{k−1}(a|s) exp Q_k,    ρ_k(b|s) ∝ ρ_{k−1}(b|s) exp Q_k(s,b)              (108)
    ρ_k(b|s,a) ∝ ρ_{k−1}(b|s) exp Q_k,    π_k(a|s) ∝ π_{k−1}(a|s) exp Q_k(s,a)              (109)

Level 0 is the pair of priors. Units are the report's: Q carries β. Shapes: Q [S, A, B]; π [S, A];
ρ [S, B]; conditionals [S, A, B]. BATCH adds one last axis. Sources: report (103)-(109), 4.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.scope import scope
from tabular_marl.verification.strategies import Field, array, distribution

Pair = tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Level:
    """One level on a table q, with the marginals of the level below as priors."""

    arithmetic: Arithmetic
    q: Numbers
    pi: Numbers
    rho: Numbers

    @classmethod
    def of(
        cls, arithmetic: Arithmetic, q: Numbers, pi: Numbers = None, rho: Numbers = None
    ) -> Level:
        """From an instance; a prior left out is uniform."""
        one = arithmetic.number(1)
        pi = 0 * q[:, :, 0] + one / len(q[0]) if pi is None else pi
        rho = 0 * q[:, 0] + one / len(q[0][0]) if rho is None else rho
        return cls(arithmetic, q, pi, rho)

    # -- (108): the agent sees b ------------------------------------------------------------------

    def agent_soft(self) -> Numbers:
        """Q_k(s,b) = log Σ_a π_{k−1} exp Q_k."""
        return free_energy(self.q, self.pi[:, :, None], 1, 1, self.arithmetic)

    def answers(self) -> Numbers:
        """π_k(a|s,b)."""
        return tilt(self.q, self.pi[:, :, None], 1, 1, self.arithmetic)

    def opponent(self) -> Numbers:
        """ρ_k(b|s) of (108)."""
        return tilt(self.agent_soft(), self.rho, 1, 1, self.arithmetic)

    def value(self) -> Numbers:
        """V_k(s), the opponent outside."""
        return free_energy(self.agent_soft(), self.rho, 1, 1, self.arithmetic)

    # -- (109): the opponent sees a ---------------------------------------------------------------

    def opponent_soft(self) -> Numbers:
        """Q_k(s,a) = log Σ_b ρ_{k−1} exp Q_k."""
        return free_energy(self.q, self.rho[:, None], 1, 2, self.arithmetic)

    def opponent_answers(self) -> Numbers:
        """ρ_k(b|s,a)."""
        return tilt(self.q, self.rho[:, None], 1, 2, self.arithmetic)

    def agent(self) -> Numbers:
        """π_k(a|s) of (109)."""
        return tilt(self.opponent_soft(), self.pi, 1, 1, self.arithmetic)

    # -- both -------------------------------------------------------------------------------------

    def joint(self) -> Numbers:
        """π_k(a|s,b) ρ_k(b|s)."""
        return self.answers() * self.opponent()[:, None]

    def product(self) -> Numbers:
        """π_{k−1}(a|s) ρ_{k−1}(b|s), the prior."""
        return self.pi[:, :, None] * self.rho[:, None]

    def marginals(self) -> Pair:
        """π_k(a|s), ρ_k(b|s) of (108)."""
        law = self.joint()
        return law.sum(axis=2), law.sum(axis=1)

    def next(self) -> Level:
        """Level k + 1 on the same table."""
        return Level(self.arithmetic, self.q, *self.marginals())

    def mean(self, law: Numbers) -> Numbers:
        """E_p Q of each state."""
        return (law * self.q).sum(axis=(1, 2))


def cost(arithmetic: Arithmetic, p: Numbers, prior: Numbers) -> Numbers:
    """KL(p ‖ prior) of joint laws, of each state; prior > 0."""
    return (p * log_ratio(p, prior, arithmetic)).sum(axis=(1, 2))


# -- rows: fields, scopes --------------------------------------------------------------------------

GIBBS = "kl.nonnegative"
DUALITY = "free-energy.duality"
STATES = scope(states=">= 1", actions=">= 1", opponent_actions=">= 1")
GAMES = scope(
    states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)", gamma="[0, 1)"
)
PRIORS: dict[str, Field] = {
    "pi": distribution("states", "actions"),
    "rho": distribution("states", "opponent_actions"),
}
LEVEL: dict[str, Field] = {"q": array("states", "actions", "opponent_actions"), **PRIORS}
COORDINATE = [[[1, 0], [0, 1]]]
CORNER = [[[1, 0], [0, 0]]]
