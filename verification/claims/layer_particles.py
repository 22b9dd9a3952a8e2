"""Stein variational gradient descent for the policy: report (64).

    φ(y) = (1/n) Σ_i [κ(x_i, y) u'(x_i) + ∂κ(x_i, y)/∂x_i],   u = Q + log p,   κ = e^{−(x−y)²/σ²}

at rest φ(x_j) = 0. On a grid, with the difference D⁻π(a) = π(a) − π(a−1) (0 before the first a) and
the score s = D⁻w/w of the tilt w, the field of a distribution π is Σ_a κ(a, x) (π(a)s(a) − D⁻π(a)):
the sum by parts of Σ_a π(a) [κ(a, x) s(a) + κ(a+1, x) − κ(a, x)], κ being 0 after the last a.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    distribution,
    instances,
    number,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rows import row

LINE = scope(actions=">= 1")

# -- formulas --------------------------------------------------------------------------------------


def printed_score(
    arithmetic: Arithmetic, slope: Numbers, log_prior: Numbers, prior_slope: Numbers
) -> Any:
    """∇_a(Q log p), as (64) prints it with ∇ reaching both factors, against ∇ log of (58)."""
    q = arithmetic.number(0)  # Q at the particle: only its slope enters the target
    return sides(slope * log_prior + q * prior_slope, slope + prior_slope)


def field(arithmetic: Arithmetic, positions: Numbers, scores: Numbers, sigma: Numbers) -> Numbers:
    """φ(x_j) at every particle."""
    apart = positions[:, None] - positions[None]
    kernel = arithmetic.exp(-((apart / sigma) ** 2))
    return (kernel * (scores[:, None] - 2 * apart / sigma**2)).sum(axis=0) / len(positions)


def single(arithmetic: Arithmetic, position: Numbers, score: Numbers, sigma: Numbers) -> Any:
    """φ at one particle, against its score."""
    found = field(arithmetic, np.stack([position]), np.stack([score]), sigma)
    return sides(found[0], score)


def balance(arithmetic: Arithmetic, positions: Numbers, scores: Numbers, sigma: Numbers) -> Any:
    """Σ_j φ(x_j) against (1/n) Σ_i (Σ_j κ_ij) u'(x_i)."""
    kernel = arithmetic.exp(-(((positions[:, None] - positions[None]) / sigma) ** 2))
    total = field(arithmetic, positions, scores, sigma).sum(axis=0)
    return sides(total, (kernel.sum(axis=1) * scores).sum(axis=0) / len(positions))


def gamma_mean(arithmetic: Arithmetic, mean: Numbers) -> Any:
    """φ of one particle at the mean of the density x e^{−x}, x > 0: u' = 1/x − 1."""
    return 1 / mean - 1


def pair_at_rest(arithmetic: Arithmetic, sigma: Numbers) -> Any:
    """φ at ±½σ√log(1+4/σ²) for N(0,1), over the position: 1 − κ − 4κ/σ², against 0."""
    square = sigma**2 / 4 * arithmetic.log(1 + 4 / sigma**2)
    kernel = arithmetic.exp(-4 * square / sigma**2)
    return sides(1 - kernel, 4 * kernel / sigma**2)


def pair_variance(arithmetic: Arithmetic, sigma: Numbers) -> Any:
    """1 against the variance of the two particles at rest."""
    return sides(arithmetic.number(1), sigma**2 / 4 * arithmetic.log(1 + 4 / sigma**2))


def one_sided(arithmetic: Arithmetic, sigma: Numbers) -> Any:
    """∂κ/∂x at x = y from the right, and from the left, κ = e^{−|x−y|/σ²} as printed."""
    rate = 1 / sigma**2
    return sides(-rate, rate)


def descent(arithmetic: Arithmetic, score: Numbers, push: Numbers) -> Any:
    """∂L/∂φ times E[Δf ∂f/∂φ] for one particle at f(φ), L = −u(f)."""
    return (-score * push) * (score * push)


def ascent(arithmetic: Arithmetic, score: Numbers, push: Numbers) -> Any:
    """∂L/∂φ against −E[Δf ∂f/∂φ]."""
    return sides(-score * push, -(score * push))


def differences(arithmetic: Arithmetic, policy: Numbers) -> Numbers:
    """D⁻π."""
    return policy - np.concatenate([0 * policy[:1], policy[:-1]], axis=0)


def stein(arithmetic: Arithmetic, target: Numbers, policy: Numbers, kernel: Numbers) -> Any:
    """Σ_a π [κ s + Dκ] at every x, and its sum by parts; kernel [A, A]."""
    score = differences(arithmetic, target) / target
    after = np.concatenate([kernel[1:], 0 * kernel[:1]], axis=0)
    left = (policy[:, None] * (kernel * score[:, None] + after - kernel)).sum(axis=0)
    weights = policy * score - differences(arithmetic, policy)
    return sides(left, (kernel * weights[:, None]).sum(axis=0))


def at_target(arithmetic: Arithmetic, target: Numbers, kernel: Numbers) -> Numbers:
    """The field of the tilt itself."""
    return stein(arithmetic, target, target, kernel).left


def prove_pair() -> list[Proof]:
    s = positive("s")  # σ²
    kernel = 1 / (1 + 4 / s)  # exp(−4d²/σ²) at 4d²/σ² = log(1 + 4/σ²)
    d, k = positive("d"), positive("kappa")
    half = sympy.Rational(1, 2)
    phi = half * (-d + k * d + 2 * (2 * d) / s * k)
    return [
        prove_zero(phi - d / 2 * (k + 4 * k / s - 1), "φ(d) of particles ±d, u' = −x"),
        prove_zero(kernel + 4 * kernel / s - 1, "κ = 1/(1 + 4/σ²) solves it"),
    ]


def prove_single() -> Proof:
    score = sympy.Symbol("score", real=True)
    return prove_zero((1 * score - 2 * sympy.Integer(0)) / 1 - score, "κ(x,x) = 1, ∂κ(x,x) = 0")


def prove_balance() -> Proof:
    k, d, s = sympy.symbols("kappa d sigma", positive=True)
    return prove_zero(-2 * d / s**2 * k - 2 * (-d) / s**2 * k, "∂κ of (i,j) and of (j,i) cancel")


def prove_parts() -> list[Proof]:
    """Entry a of π collects κ(a)s(a)π(a); κ(a) occurs with π(a−1) − π(a)."""
    k, s, here, before, w, wb = (positive(n) for n in ("k", "s", "pi", "before", "w", "wb"))
    collected = here * k * s + before * k - here * k
    return [
        prove_zero(collected - k * (here * s - (here - before)), "the terms of κ(a, x)"),
        prove_zero(w * ((w - wb) / w) - (w - wb), "π = w: w s − D⁻w = 0 at every a"),
        prove_zero(
            here * (w - wb) / w - (here - before) - (before - here * wb / w),
            "π s − D⁻π = 0 is π(a−1)/π(a) = w(a−1)/w(a), for each a after the first",
        ),
    ]


def prove_score() -> Proof:
    e, p, slope, prior_slope = sympy.symbols("e P dQ dP", positive=True)  # e^Q, P_prior
    whole = (e * slope * p + e * prior_slope) / (e * p)
    return prove_zero(whole - slope - prior_slope / p, "(e^Q P)'/(e^Q P) = Q' + P'/P")


def prove_kernel() -> Proof:
    d, s = sympy.symbols("d sigma", positive=True)
    kernel = sympy.exp(-(d**2) / s**2)
    return prove_zero(sympy.diff(kernel, d) + 2 * d / s**2 * kernel, "∂κ/∂x along x − x' = d")


def prove_ascent() -> Proof:
    score, push = sympy.symbols("score push", real=True)
    return prove_zero(-score * push + score * push, "d(−u(f(φ)))/dφ = −u' f'")


# -- (64) as printed -------------------------------------------------------------------------------

SLOPES = scope()
row(
    "report.064.score.printed",
    "refuted",
    "report (64)",
    r"\nabla_{a'} Q\, \log P_{prior} = \nabla_{a'} \log \pi_{(58)}(a')",
    "A plus is missing between Q and log P_prior. For a uniform prior on [0, 1] the printed drift "
    "is 0 and the particles never see the reward; whether ∇ reaches log P_prior does not matter.",
    SLOPES,
    Counterexample(printed_score, {"slope": 1, "log_prior": 0, "prior_slope": 0}, "== 0"),
)
row(
    "report.064.score.corrected",
    "proved",
    "report (64)",
    r"\nabla_{a'}\big(Q + \log P_{prior}\big) = \nabla_{a'} \log \pi_{(58)}(a')",
    "V does not depend on a'.",
    SLOPES,
    Symbolic(prove_score),
)
row(
    "report.064.kernel.printed",
    "refuted",
    "report (64)",
    r"\kappa = e^{-\|x - x'\|/\sigma^2} \text{ has a gradient at } x = x'",
    "The norm is not squared (the scanner may have lost it): −1/σ² from the right, 1/σ² from the "
    "left, and (64) takes ∇κ at coincident particles in the term i = j.",
    scope(sigma="(0, inf)"),
    Counterexample(one_sided, {"sigma": 1}, "== 0"),
)
row(
    "report.064.kernel.corrected",
    "proved",
    "report (64)",
    r"\kappa = e^{-\|x - x'\|^2/\sigma^2}: \ \nabla_x \kappa = -\tfrac{2}{\sigma^2}(x - x')\, "
    r"\kappa, \ 0 \text{ at } x = x'",
    "With the square.",
    scope(sigma="(0, inf)"),
    Symbolic(prove_kernel),
)
row(
    "report.064.sign.printed",
    "refuted",
    "report (64)",
    r"\partial \mathcal{L}_\pi / \partial \phi = c\, E_\varepsilon[\Delta f\, \partial f/\partial "
    r"\phi] \text{ with } c > 0",
    "Δf is the direction in which the divergence falls. Descent on a loss with this gradient would "
    'run away from the target; "∝" must hide a minus.',
    SLOPES,
    Counterexample(descent, {"score": 1, "push": 1}),
)
row(
    "report.064.sign.corrected",
    "proved",
    "report (64)",
    r"n = 1: \ \partial \mathcal{L}_\pi / \partial \phi = -E_\varepsilon[\Delta f\, \partial f / "
    r"\partial \phi]",
    "For one particle, where L = −u(f) up to a constant and Δf = u'. For more the right side is no "
    "gradient of L, see report.064.proportional, though L falls along it.",
    SLOPES,
    Symbolic(prove_ascent),
    Sampling(ascent, instances(score=number(), push=number()), "== 0", examples=500, search=False),
)

# -- where particles rest --------------------------------------------------------------------------

CONFIGURATION = {"positions": array("particles"), "scores": array("particles")}
row(
    "report.064.single.added",
    "proved",
    "report (64)",
    r"n = 1: \ \phi(x) = u'(x), \text{ for every kernel width}",
    "One particle is gradient ascent on Q + log P_prior: it rests at a stationary point of (58), "
    "the stable ones are its modes.",
    scope(sigma="(0, inf)"),
    Symbolic(prove_single),
    Sampling(
        single,
        instances(position=number(), score=number(), sigma=number("1/4", 4)),
        "== 0",
        examples=500,
        search=False,
    ),
)
row(
    "report.064.mean.added",
    "refuted",
    "report (64)",
    r"\text{particles at rest have the mean of } \pi_{(58)}",
    "One particle at a density x e^{−x} rests at 1; its mean is 2.",
    scope(),
    Counterexample(gamma_mean, {"mean": 2}, "== 0"),
)
row(
    "report.064.balance.added",
    "proved",
    "report (64)",
    r"\textstyle\sum_j \phi(x_j) = \tfrac1n \sum_i \big(\sum_j \kappa_{ij}\big) u'(x_i), \text{ 0 "
    r"at rest}",
    "What n particles at rest do satisfy: forces balance, each weighted by how crowded its place "
    "is.",
    scope(particles=">= 1", sigma="(0, inf)"),
    Symbolic(prove_balance),
    Sampling(
        balance,
        instances({"particles": (1, 4)}, **CONFIGURATION, sigma=number("1/2", 4)),
        "== 0",
        examples=500,
        search=False,
    ),
)
row(
    "report.064.pair.added",
    "proved",
    "report (64)",
    r"n = 2,\ N(0, 1): \ x = \pm\tfrac{\sigma}{2}\sqrt{\log(1 + 4/\sigma^2)} \text{ is at rest}",
    "The squared kernel.",
    scope(sigma="(0, inf)"),
    Symbolic(prove_pair),
    Sampling(
        pair_at_rest,
        instances(sigma=number("1/4", 4)),
        "== 0",
        examples=500,
        search=False,
    ),
)
row(
    "report.064.pair-variance.added",
    "proved",
    "report (64)",
    r"\text{their variance is } \tfrac{\sigma^2}{4}\log(1 + 4/\sigma^2) < 1",
    "For every width too narrow; it tends to the mode as σ → 0 and to the right variance as σ → ∞.",
    scope(sigma="(0, inf)"),
    Deduction(
        ("log.below-tangent", "report.064.pair.added"),
        "special case",
        "log u < u − 1 at u = 1 + 4/σ² ≠ 1",
    ),
    Sampling(pair_variance, instances(sigma=number("1/4", 4)), "> 0", examples=500, search=False),
)
GRID = {
    "target": distribution("actions"),
    "policy": distribution("actions"),
    "kernel": array("actions", "actions"),
}
row(
    "report.064.population.added",
    "proved",
    "report (64)",
    r"\text{on a grid the field of } \pi \text{ is } \textstyle\sum_a \kappa(a, x)(\pi s - D^-\pi)"
    r"(a), \text{ and 0 everywhere at } \pi = \pi_{(58)}",
    "The discrete Stein identity, for any kernel: (58) is at rest as a distribution.",
    LINE,
    Symbolic(prove_parts),
    Sampling(
        stein,
        instances({"actions": (1, 4)}, **GRID),
        "== 0",
        examples=1000,
        batched=True,
        search=False,
    ),
    Sampling(
        at_target,
        instances({"actions": (1, 4)}, **{k: f for k, f in GRID.items() if k != "policy"}),
        "== 0",
        examples=1000,
        batched=True,
        search=False,
    ),
)
row(
    "report.064.population-unique.added",
    "proved",
    "report (64)",
    r"\text{if } [\kappa(a, x)] \text{ is invertible, } \pi_{(58)} \text{ is the only distribution "
    r"whose field vanishes at every grid point}",
    "What SVGD promises is the limit of all particles, where the field must vanish everywhere, not "
    "only where a particle sits.",
    LINE,
    Deduction(
        ("report.064.population.added",),
        ("invertible matrix", "substitution of equals"),
        "then π s = D⁻π at every a, so π(a−1) = π(a) w(a−1)/w(a): π is a multiple of w, and π = w "
        "as both sum to one",
    ),
)
