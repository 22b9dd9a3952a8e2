"""How far the sampled soft value is off with K samples: report (62).

With u = w/E w = tilt/q, E u = 1, m <= u <= M, and u's central moments σ², μ₃, μ₄ under q:

    σ²/(2MK) <= −E log ū_K <= σ²/(2mK)
    −E log ū_K = σ²/(2K) − μ₃/(3K²) + r,    0 <= r <= (μ₄ + 3(K−1)σ⁴)/(4mK³)

and β(E[V̂_K] − V) = E log ū_K. Shapes: x, prior, proposal [A]; ū_K is the mean of K values of u.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import sympy

from tabular_marl.verification import (
    Proof,
    Sampling,
    Symbolic,
    positive,
    prove_positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import (
    Arithmetic,
    Numbers,
    tilt,
)
from tabular_marl.verification.claims._layer import (
    DRAWN,
    DRAWS,
    expected_log,
)
from tabular_marl.verification.claims._rows import row


def moments(
    arithmetic: Arithmetic, x: Numbers, prior: Numbers, proposal: Numbers, beta: Numbers
) -> tuple[Numbers, list[Numbers]]:
    """u = tilt/q, and its central moments of order 2, 3, 4."""
    u = tilt(x, prior, beta, 0, arithmetic) / proposal
    return u, [(proposal * (u - 1) ** k).sum(axis=0) for k in (2, 3, 4)]


def remainder(
    arithmetic: Arithmetic,
    x: Numbers,
    prior: Numbers,
    proposal: Numbers,
    beta: Numbers,
    samples: int,
    *,
    upper: int,
) -> Any:
    """r of the expansion against 0, or its bound against r."""
    u, (second, third, fourth) = moments(arithmetic, x, prior, proposal, beta)
    loss = -expected_log(arithmetic, u, proposal, samples)
    rest = loss - second / (2 * samples) + third / (3 * samples**2)
    if not upper:
        return sides(rest, 0 * rest)
    spread = fourth + 3 * (samples - 1) * second**2
    return sides(spread / (4 * arithmetic.minimum(u, 0) * samples**3), rest)


def sandwich(
    arithmetic: Arithmetic,
    x: Numbers,
    prior: Numbers,
    proposal: Numbers,
    beta: Numbers,
    samples: int,
    *,
    upper: int,
) -> Any:
    """−E log ū against σ²/(2MK), or σ²/(2mK) against it."""
    u, (second, _, _) = moments(arithmetic, x, prior, proposal, beta)
    loss = -expected_log(arithmetic, u, proposal, samples)
    if upper:
        return sides(second / (2 * samples * arithmetic.minimum(u, 0)), loss)
    return sides(loss, second / (2 * samples * arithmetic.maximum(u, 0)))


def prove_curvature() -> list[Proof]:
    """h_c(u) = u − 1 − log u − (u−1)²/(2c): h_c(1) = 0, h_c' = (u−1)(c−u)/(uc)."""
    u, c, v, w = (positive(name) for name in ("u", "c", "v", "w"))
    h = u - 1 - sympy.log(u) - (u - 1) ** 2 / (2 * c)
    slope = (u - 1) * (c - u) / (u * c)
    return [
        prove_zero(h.subs(u, 1), "h(1)"),
        prove_zero(sympy.diff(h, u) - slope, "h'"),
        prove_positive(slope.subs(c, u + w).subs(u, 1 + v), "c = M > u > 1: rises"),
        prove_positive(
            -slope.subs(u, 1 / (1 + v)).subs(c, 1 + w), "u < 1 <= c = M: falls, so h >= 0"
        ),
        prove_positive(-slope.subs(u, 1 + v).subs(c, 1 / (1 + w)), "u > 1 >= c = m: falls"),
        prove_positive(
            slope.subs(u, c * (1 + w)).subs(c, 1 / ((1 + w) * (1 + v))),
            "m = c < u < 1: rises, so h <= 0",
        ),
        prove_zero(_second(positive("s"), positive("k")), "E(ū−1)² = σ²/K by induction on K"),
    ]


def _second(variance: Any, count: Any) -> Any:
    """(K+1)² E(ū_{K+1}−1)² − K² E(ū_K−1)² − σ², with E(ū_K−1)² = σ²/K."""
    return (count + 1) ** 2 * variance / (count + 1) - count**2 * variance / count - variance


def prove_expansion() -> list[Proof]:
    """h(δ) = δ − δ²/2 + δ³/3 − log(1+δ): h' = δ³/(1+δ), between 0 and δ³/m in size; and the
    moments of a mean of K by induction on K."""
    d, m, v, w, k = (positive(name) for name in ("d", "m", "v", "w", "k"))
    s2, s4 = positive("s2"), positive("s4")
    x = sympy.Symbol("x", real=True)
    third = sympy.Symbol("s3", real=True)
    slope = x**3 / (1 + x)
    rational = 1 - x + x**2 - 1 / (1 + x)

    def fourth(n: Any) -> Any:
        return n * s4 + 3 * n * (n - 1) * s2**2  # E S_n⁴ of a sum of n centred terms

    return [
        prove_zero(rational - slope, "h' = δ³/(1+δ), so h >= h(0) = 0 on both sides"),
        prove_positive((x**3 / m - slope).subs(x, d).subs(m, 1 / (1 + v)), "δ > 0: δ³/m > h'"),
        prove_positive(
            -(x**3 / m - slope).subs(x, 1 / (1 + v) - 1).subs(m, 1 / ((1 + v) * (1 + w))),
            "m − 1 < δ < 0: |δ|³/m > |h'|, so h <= δ⁴/(4m)",
        ),
        prove_zero(fourth(sympy.Integer(1)) - s4, "E S_1⁴ = μ₄"),
        prove_zero(
            fourth(k + 1) - fourth(k) - 6 * k * s2 * s2 - s4,
            "E S_{K+1}⁴ = E S_K⁴ + 6 E S_K² σ² + μ₄, the odd terms vanish",
        ),
        prove_zero((k + 1) * third - k * third - third, "E S_{K+1}³ = E S_K³ + μ₃"),
        prove_zero(_second(s2, k), "E S_{K+1}² = E S_K² + σ²"),
    ]


row(
    "report.062.curvature.added",
    "proved",
    "report (62)",
    r"m \le u \le M: \ \tfrac{\chi^2}{2MK} \le -\beta(E[\hat V_K] - V) \le \tfrac{\chi^2}{2mK}, "
    r"\quad \chi^2 = \textstyle\sum_a \tfrac{\mathrm{tilt}^2}{q} - 1",
    "u = tilt/q. So the bias is of order 1/K for every q but the tilt, and never of smaller order.",
    DRAWN,
    Symbolic(prove_curvature),
    Sampling(partial(sandwich, upper=0), DRAWS, examples=300, search=False),
    Sampling(partial(sandwich, upper=1), DRAWS, examples=300, search=False),
)
row(
    "report.062.rate.added",
    "proved",
    "report (62)",
    r"-\beta(E[\hat V_K] - V) = \tfrac{\chi^2}{2K} - \tfrac{\mu_3}{3K^2} + r, \quad 0 \le r \le "
    r"\tfrac{\mu_4 + 3(K-1)\chi^4}{4mK^3}",
    "The delta method with its remainder: K times the bias tends to −χ²(tilt‖q)/(2β).",
    DRAWN,
    Symbolic(prove_expansion),
    Sampling(partial(remainder, upper=0), DRAWS, examples=300, search=False),
    Sampling(partial(remainder, upper=1), DRAWS, examples=300, search=False),
)
