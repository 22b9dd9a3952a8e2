"""Is (64) a gradient of the loss? A Gaussian policy with infinitely many particles.

    f = m + s ε,  ε ~ N(0, 1),  v = s²;   target N(0, 1), u' = −x;   κ = e^{−(x−y)²/h}, h = σ²
    L = KL(N(m, v) ‖ N(0, 1)) = ½ (v + m² − 1 − log v),      ∂L = (m, s − 1/s)
    Δf(y) = E_x[κ(x, y) (−x) + ∂κ(x, y)/∂x]
    E_ε[Δf ∂f/∂(m, s)] = −k (m, 2v/(h + 4v) (s − 1/s)),      k = √(h/(h + 4v))

With S = x + y − 2m and D = x − y, independent normal variables of variance 2v: κ turns the law of D
into k times a normal law of variance w = 2vh/(h + 4v).
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

NORMAL = scope(mean="(-inf, inf)", variance="(0, inf)", width="(0, inf)")


def directions(mean: Numbers, variance: Numbers, width: Numbers) -> tuple[Numbers, Numbers]:
    """(∂L/∂m, s ∂L/∂s), and E_ε[Δf ∂f/∂m], s E_ε[Δf ∂f/∂s] over −k."""
    slope = variance - 1
    return (mean, slope), (mean, 2 * variance / (width + 4 * variance) * slope)


def parallel(arithmetic: Arithmetic, mean: Numbers, variance: Numbers, width: Numbers) -> Sides:
    """The two products of components that are equal if one direction is a multiple of the other."""
    gradient, step = directions(mean, variance, width)
    return sides(gradient[0] * step[1], gradient[1] * step[0])


def prove_directions() -> Iterator[Proof]:
    m = sympy.Symbol("m", real=True)
    s, h = positive("s"), positive("h")
    v = s**2
    S, D = sympy.symbols("S D", real=True)
    w = 2 * v * h / (h + 4 * v)
    yield prove_zero(1 / h + 1 / (4 * v) - 1 / (2 * w), "κ times N(0, 2v): variance w")
    yield prove_zero(w / (2 * v) - h / (h + 4 * v), "its mass squared is k²")

    def mean(polynomial: sympy.Expr) -> sympy.Expr:
        """Over k, under independent S, D of variances 2v and w; at most squares occur."""
        moments = {0: (1, 1), 1: (0, 0), 2: (2 * v, w)}
        terms = sympy.Poly(polynomial, S, D).terms()
        return sum(c * moments[i][0] * moments[j][1] for (i, j), c in terms)

    drift = -(m + (S + D) / 2) - 2 * D / h  # at x = m + (S + D)/2, over κ
    ratio = 2 * v / (h + 4 * v)
    yield prove_zero(mean(drift) + m, "E[Δf ∂f/∂m] = −k m")
    yield prove_zero(mean(drift * (S - D) / 2) / s + ratio * (s - 1 / s), "E[Δf ∂f/∂s]")
    loss = (v + m**2 - 1 - sympy.log(v)) / 2
    yield prove_zero(sympy.diff(loss, m) - m, "∂L/∂m")
    yield prove_zero(sympy.diff(loss, s) - (s - 1 / s), "∂L/∂s")


row(
    "report.064.proportional.printed",
    "refuted",
    "report (64)",
    r"\partial \mathcal{L}_\pi / \partial \phi \propto E_\varepsilon[\Delta f\, \partial f/"
    r"\partial \phi], \text{ with a factor of either sign}",
    "Δf is the gradient smoothed by the kernel, and the kernel smooths the width of a policy more "
    "than its place: m = 1, v = 4, σ² = 4 give gradients (1, 3) and (1, 6/5) in (m, log s).",
    NORMAL,
    Counterexample(parallel, {"mean": 1, "variance": 4, "width": 4}, "== 0"),
)
row(
    "report.064.gaussian.added",
    "proved",
    "report (64)",
    r"\pi = N(m, s^2), \pi_{(58)} = N(0, 1): E_\varepsilon[\Delta f\, \partial f/\partial (m, s)] "
    r"= -k\Big(\tfrac{\partial \mathcal{L}}{\partial m}, \tfrac{2s^2}{\sigma^2 + 4s^2} "
    r"\tfrac{\partial \mathcal{L}}{\partial s}\Big), \ k = \tfrac{\sigma}{\sqrt{\sigma^2 + 4s^2}}",
    "What is true of “∝”: with a minus the direction falls and rests where the gradient does. But "
    "the width is corrected by less than half as much as the place, for every σ.",
    NORMAL,
    Symbolic(prove_directions),
)
