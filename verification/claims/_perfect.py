"""The coupled perfect model on a turn-based game: the smallest in which it is not trivial.

    state 0: the agent chooses      x = π(1|0)      state 1: the opponent chooses      y = ρ(1|1)
    x → y     V(0) = log((1−x) e^{q(0,0)} + x e^{q(0,1)}),  V(1) = log ½(e^{q(1,0)} + e^{q(1,1)})
              q = β^-i R^-i + γ V(s'),   y = tilt of q(1, ·)                     report (52)-(54)
    y → x'    V(0) = log ½(e^{q(0,0)} + e^{q(0,1)}),  V(1) = (1−y) q(1,0) + y q(1,1)
              q = β^i R^i + γ V(s'),     x' = tilt of q(0, ·)                         report (55)

One round of the coupled model is x ↦ x' = Φ(x). Both V are fixed points of monotone contractions,
enclosed from below and above. dΦ/dx is by the implicit function theorem: dV = (I − γ P_w)^-1 ∂_x T.

Units are the report's. Shapes: reward, opponent_reward [2, 2] over (state, the mover's choice),
transition [2, 2, 2]; priors uniform. Everything else of (51)-(56) is ROMMEO's :class:`Game`, once
with each player's reward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt

#: γ^SWEEPS bounds what value iteration leaves of the first error
SWEEPS = 400


@dataclass(frozen=True)
class Relay:
    """A turn-based game in the report's units: own = β^i R^i, other = β^-i R^-i."""

    arithmetic: Arithmetic
    own: Numbers
    other: Numbers
    transition: Numbers
    gamma: Numbers

    @classmethod
    def of(
        cls,
        arithmetic: Arithmetic,
        reward: Numbers,
        opponent_reward: Numbers,
        transition: Numbers,
        beta: Numbers,
        gamma: Numbers,
    ) -> Relay:
        return cls(arithmetic, beta * reward, beta * opponent_reward, transition, gamma)

    def ahead(self, reward: Numbers, value: Numbers) -> Numbers:
        """q(s, choice) = R + γ E[V(s')]."""
        return reward + self.gamma * (self.transition * value).sum(axis=2)

    def solved(self, reward: Numbers, backup: Callable[[Numbers], Numbers]) -> Numbers:
        """V = backup(q), between the iterates from below and from above."""
        arithmetic = self.arithmetic
        far = arithmetic.norm(reward) / (1 - self.gamma)
        low = np.stack([-far, -far])
        high = -low
        for _ in range(SWEEPS):
            low, high = backup(self.ahead(reward, low)), backup(self.ahead(reward, high))
        return arithmetic.hull(low, high)

    def even(self) -> Numbers:
        half = self.arithmetic.number("1/2")
        return np.stack([half, half])

    def chances(self, second: Numbers) -> Numbers:
        """(1 − x, x)."""
        return np.stack([1 - second, second])

    def sensitivity(self, weights: Numbers, direct: Numbers) -> Numbers:
        """dV = (I − γ P_w)^-1 ∂T for the choices' weights [s, choice]."""
        chain = (weights[:, :, None] * self.transition).sum(axis=1)
        identity = self.arithmetic.array([[1, 0], [0, 1]])
        return self.arithmetic.solve(identity - self.gamma * chain, direct)

    # -- one half of a round: (policy, its slope) --------------------------------------------------

    def opponent(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """y = ρ(1|1) against x = π(1|0), and dy/dx."""
        arithmetic = self.arithmetic
        prior = np.stack([self.chances(x), self.even()])

        def backup(q: Numbers) -> Numbers:
            return free_energy(q, prior, 1, 1, arithmetic)

        value = self.solved(self.other, backup)
        q = self.ahead(self.other, value)
        weights = tilt(q, prior, 1, 1, arithmetic)
        gain = arithmetic.exp(q[0] - value[0])
        moved = self.sensitivity(weights, np.stack([gain[1] - gain[0], 0 * x]))
        return self._choice(weights[1], 1, moved)

    def agent(self, y: Numbers) -> tuple[Numbers, Numbers]:
        """x' = π(1|0) against y = ρ(1|1), and dx'/dy."""
        arithmetic, rho = self.arithmetic, self.chances(y)

        def backup(q: Numbers) -> Numbers:
            return np.stack([free_energy(q[0], self.even(), 1, 0, arithmetic), (rho * q[1]).sum()])

        q = self.ahead(self.own, self.solved(self.own, backup))
        weights = np.stack([tilt(q[0], self.even(), 1, 0, arithmetic), rho])
        moved = self.sensitivity(weights, np.stack([0 * y, q[1, 1] - q[1, 0]]))
        return self._choice(weights[0], 0, moved)

    def _choice(self, policy: Numbers, state: int, moved: Numbers) -> tuple[Numbers, Numbers]:
        """The second choice's probability at ``state``, and its slope where V moves by dV."""
        ahead = self.gamma * (self.transition[state] * moved).sum(axis=1)
        return policy[1], policy[0] * policy[1] * (ahead[1] - ahead[0])

    def round(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """Φ(x) and Φ'(x)."""
        y, first = self.opponent(x)
        after, second = self.agent(y)
        return after, first * second
