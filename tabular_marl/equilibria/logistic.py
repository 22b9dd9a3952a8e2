"""The one equation of a 2×2 game's logit equilibria, in balls, with its derivatives.

    g(y, λ) = y − λ w_1 G_1(u),             u = λ w_2 G_2(y)                 report (17)-(19)
    G_1(u) = a_1 + d_1 σ(u + c_2),          G_2(y) = a_2 + d_2 σ(y + c_1)

    ∂g/∂y  = 1 − κ λ² σ'(u + c_2) σ'(y + c_1),            κ = w_1 d_1 w_2 d_2
    ∂²g/∂y² = −κ λ² [σ''(u + c_2) λ w_2 d_2 σ'(y + c_1)² + σ'(u + c_2) σ''(y + c_1)]
    ∂g/∂λ  = −w_1 [G_1 + λ d_1 σ'(u + c_2) w_2 G_2]

y are log-odds (of the agent's action 1), λ w in 1/reward. Balls may be wide: monotone functions
are taken at their ends, and g over a box is the meet of the direct and the mean-value form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat


@dataclass(frozen=True)
class Equation:
    """a_i ``offset``, d_i ``gain``, w_i ``weight``, c_i ``tilt`` (index 0 the agent)."""

    offset: tuple[arb, arb]
    gain: tuple[arb, arb]
    weight: tuple[arb, arb]
    tilt: tuple[arb, arb]

    @cached_property
    def curvature(self) -> arb:
        """κ."""
        return self.weight[0] * self.gain[0] * self.weight[1] * self.gain[1]

    def reach(self, lam: arb) -> arb:
        """A number above every |y| that solves g = 0."""
        end = (self.offset[0] + self.gain[0]).abs_upper()
        most = self.offset[0].abs_upper().max(end)
        return ((lam * self.weight[0]).abs_upper() * most + 1).upper()

    def agent(self, y: arb) -> arb:
        """The agent's probability of action 1."""
        return logistic(y + self.tilt[0])

    def opponent(self, y: arb, lam: arb) -> arb:
        """The opponent's probability of action 1."""
        return logistic(self._answer(y, lam) + self.tilt[1])

    def _answer(self, y: arb, lam: arb) -> arb:
        return lam * self.weight[1] * (self.offset[1] + self.gain[1] * logistic(y + self.tilt[0]))

    def value(self, y: arb, lam: arb) -> arb:
        """g."""
        direct = self._direct(y, lam)
        if y.rad() == 0 and lam.rad() == 0:
            return direct
        y0, lam0 = y.mid(), lam.mid()
        mean = self._direct(y0, lam0) + self.slope(y, lam) * (y - y0)
        if lam.rad() != 0:
            mean += self.drift(y, lam) * (lam - lam0)
        meet: arb = direct.intersection(mean)
        return meet

    def _direct(self, y: arb, lam: arb) -> arb:
        u = self._answer(y, lam)
        return y - lam * self.weight[0] * (
            self.offset[0] + self.gain[0] * logistic(u + self.tilt[1])
        )

    def slope(self, y: arb, lam: arb) -> arb:
        """∂g/∂y."""
        return 1 - self._product(y, lam)

    def _product(self, y: arb, lam: arb) -> arb:
        """κ λ² σ'(u) σ'(y)."""
        u = self._answer(y, lam) + self.tilt[1]
        return self.curvature * lam * lam * first(u) * first(y + self.tilt[0])

    def bend(self, y: arb, lam: arb) -> arb:
        """∂²g/∂y²."""
        u, z = self._answer(y, lam) + self.tilt[1], y + self.tilt[0]
        steep = first(z)
        inner = second(u) * lam * self.weight[1] * self.gain[1] * steep * steep
        return -self.curvature * lam * lam * (inner + first(u) * second(z))

    def drift(self, y: arb, lam: arb) -> arb:
        """∂g/∂λ."""
        u = self._answer(y, lam) + self.tilt[1]
        other = self.weight[1] * (self.offset[1] + self.gain[1] * logistic(y + self.tilt[0]))
        own = self.offset[0] + self.gain[0] * logistic(u)
        return -self.weight[0] * (own + lam * self.gain[0] * first(u) * other)

    def _twist(self, y: arb, lam: arb) -> arb:
        """∂²g/∂y∂λ."""
        u, z = self._answer(y, lam) + self.tilt[1], y + self.tilt[0]
        other = self.weight[1] * (self.offset[1] + self.gain[1] * logistic(z))
        return -self.curvature * lam * first(z) * (2 * first(u) + lam * second(u) * other)

    def _fold_jacobian(self, y: arb, lam: arb) -> arb_mat:
        return arb_mat(
            [[self.slope(y, lam), self.drift(y, lam)], [self.bend(y, lam), self._twist(y, lam)]]
        )

    def fold_near(self, y: arb, lam: arb) -> tuple[arb, arb] | None:
        """(y, λ) of a fold near the given point, proved by Krawczyk on (g, ∂g/∂y) = 0; or None."""
        for _ in range(60):
            jacobian = self._fold_jacobian(y, lam)
            try:
                inverse = jacobian.inv()
            except ZeroDivisionError:
                return None
            step = inverse * arb_mat([[self._direct(y, lam)], [self.slope(y, lam)]])
            y, lam = (y - step[0, 0]).mid(), (lam - step[1, 0]).mid()
            if not (y.is_finite() and lam.is_finite() and lam >= 0):
                return None
            if step[0, 0].abs_upper() < 1e-25 and step[1, 0].abs_upper() < 1e-25:
                break
        else:
            return None
        inverse = arb_mat([[inverse[i, j].mid() for j in range(2)] for i in range(2)])
        step = inverse * arb_mat([[self._direct(y, lam)], [self.slope(y, lam)]])
        radius = [2 * step[i, 0].abs_upper() + arb(2) ** -110 for i in range(2)]
        box = (y + arb(0, radius[0]), lam + arb(0, radius[1]))
        product = inverse * self._fold_jacobian(*box)
        rest = arb_mat([[(1 if i == j else 0) - product[i, j] for j in range(2)] for i in range(2)])
        change = rest * arb_mat([[arb(0, r)] for r in radius]) - step
        if all(change[i, 0].abs_upper() < radius[i] for i in range(2)):
            return y + change[0, 0], lam + change[1, 0]
        return None


def logistic(x: arb) -> arb:
    """σ(x) = 1/(1 + e^−x), monotone: from the ends of a wide ball."""
    if x.rad() == 0:
        return _logistic(x)
    ends: arb = _logistic(x.lower()).union(_logistic(x.upper()))
    return ends


def _logistic(x: arb) -> arb:
    return 1 / (1 + (-x).exp()) if x >= 0 else 1 - 1 / (1 + x.exp())


def first(x: arb) -> arb:
    """σ'(x) = σ(1 − σ): even, falling in |x|, at most 1/4."""
    if x.rad() == 0:
        return _first(x)
    near, far = x.abs_lower(), x.abs_upper()
    ends: arb = _first(near).union(_first(far))
    return ends


def _first(x: arb) -> arb:
    tail = (-abs(x)).exp()
    return tail / (1 + tail) ** 2


def second(x: arb) -> arb:
    """σ''(x) = σ'(x) (1 − 2σ(x)) = −σ'(x) tanh(x/2)."""
    s = logistic(x)
    return first(x) * (1 - 2 * s)
