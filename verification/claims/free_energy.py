"""The lemmas of the free energy, from which the contraction and improvement claims follow.

    F_β[p](x) = (1/β) log Σ_k p_k exp(β x_k)
    tilt_β[p](x)_k = p_k exp(β x_k) / Σ_j p_j exp(β x_j)

Symbols: with t_k = exp(β x_k) > 0 a free energy is (1/β) log of a polynomial with positive
coefficients. The sum over the outcomes that a step does not touch, S = Σ_{j≠k} p_j t_j, is one
positive symbol (or 0 where there are none): such a step holds for every number of outcomes.
An outcome of prior probability 0 is no outcome: x [n], p [n] with p > 0. Every lemma rests on
(8), (9), (14), (20), (25) of the report, whose values and policies these are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tabular_marl.verification import (
    SYMBOLIC,
    Claim,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    beta,
    distribution,
    free_energy,
    instances,
    number,
    positive,
    prove_nonnegative,
    prove_positive,
    prove_zero,
    register,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers

SOURCE = "report (14); report (25)"
FINITE = scope(outcomes=">= 1", beta="(-inf, 0) u (0, inf)")
SIGNED = {
    "-": scope(outcomes=">= 1", beta="(-inf, 0)"),
    "+": scope(outcomes=">= 1", beta="(0, inf)"),
}
EVERY = scope(outcomes=">= 1", beta="any")
SIZES = {"outcomes": (1, 5)}


def family(temperature: Any = None, low: int = 1, **more: Any) -> Any:
    """Instances of a free energy: x, prior, beta and more fields."""
    fields = {"x": array("outcomes"), "prior": distribution("outcomes"), **more}
    return instances({"outcomes": (low, 5)}, **fields, beta=temperature or beta())


def _every(low: int = 1, **more: Any) -> Any:
    return family(beta(zero=True, limits=True), low, **more)


# -- merging outcomes -------------------------------------------------------------------------


def merged(arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers) -> Any:
    """F of all outcomes against F of two: (F of all but the last, the last)."""
    mass = prior[:-1].sum(axis=0)
    first = free_energy(x[:-1], prior[:-1] / mass, beta, 0, arithmetic)
    pair = free_energy(np.stack([first, x[-1]]), np.stack([mass, prior[-1]]), beta, 0, arithmetic)
    return sides(free_energy(x, prior, beta, 0, arithmetic), pair)


def prove_merged() -> Iterator[Proof]:
    import sympy

    S, m, p, t, w = (positive(name) for name in ("S", "m", "p", "t", "w"))
    whole = S + p * t
    two = m * sympy.exp(sympy.log(S / m)) + p * t
    yield prove_zero(sympy.log(whole) - sympy.log(two), "F of n+1 outcomes = F of two, finite β")
    yield prove_zero(
        w / whole - (m * (S / m) / two) * ((w / m) / (S / m)), "its tilt = product of two tilts"
    )
    yield prove_zero((S + p * t) - (m * (S / m) + p * t), "β = 0: the expectation")
    a, b, c = sympy.symbols("a b c", real=True)
    yield prove_zero(sympy.Max(a, b, c) - sympy.Max(sympy.Max(a, b), c), "β = inf: the maximum")
    yield prove_zero(sympy.Min(a, b, c) - sympy.Min(sympy.Min(a, b), c), "β = −inf: the minimum")


register(
    Claim(
        id="free-energy.associative",
        source=SOURCE,
        reading="added",
        statement=r"F_\beta[p](x_1,\dots,x_{n+1}) = "
        r"F_\beta[(m, p_{n+1})]\left(F_\beta[p_{1:n}/m](x_{1:n}),\, x_{n+1}\right),"
        r"\quad m = \sum_{k\le n} p_k",
        note="S = Σ_{k<=n} p_k t_k and m are single symbols, so this is every n at once.",
        scope=EVERY,
        expects="proved",
        checks=(
            Symbolic(prove_merged),
            Sampling(merged, _every(2), "== 0", batched=True),
        ),
    )
)


# -- the tilt ---------------------------------------------------------------------------------


def tilt_total(arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers) -> Any:
    return sides(tilt(x, prior, beta, 0, arithmetic).sum(axis=0), arithmetic.number(1))


def prove_tilt_total() -> Iterator[Proof]:
    S, p, t = positive("S"), positive("p"), positive("t")
    yield prove_zero(S / (S + p * t) + p * t / (S + p * t) - 1, "Σ tilt = 1")
    yield prove_nonnegative(p * t / (S + p * t), "tilt >= 0")


register(
    Claim(
        id="free-energy.tilt-normalised",
        source="report (8); report (9); report (13); report (24)",
        reading="added",
        statement=r"\sum_k \mathrm{tilt}_\beta[p](x)_k = 1, \quad "
        r"\mathrm{tilt}_\beta[p](x)_k \ge 0",
        scope=scope(outcomes=">= 1", beta="(-inf, inf)"),
        expects="proved",
        checks=(
            Symbolic(prove_tilt_total),
            Sampling(tilt_total, family(beta(zero=True)), "== 0", batched=True),
        ),
    )
)


def prove_derivative() -> Iterator[Proof]:
    import sympy

    x, b = sympy.symbols("x beta", real=True)
    p, t = positive("p"), positive("t")
    for others in (positive("S"), sympy.Integer(0)):
        value = sympy.log(others + p * sympy.exp(b * x)) / b
        slope = sympy.diff(value, x).subs(sympy.exp(b * x), t)
        share = p * t / (others + p * t)
        what = "with other outcomes" if others else "alone"
        yield prove_zero(slope - share, f"∂F/∂x_k = tilt_k, {what}")
        yield prove_positive(share, f"tilt_k > 0, {what}")


register(
    Claim(
        id="free-energy.derivative",
        source=SOURCE,
        reading="added",
        statement=r"\partial F_\beta[p](x) / \partial x_k = \mathrm{tilt}_\beta[p](x)_k > 0",
        note="The other outcomes are one symbol S, or none, so this is every n at once.",
        scope=FINITE,
        expects="proved",
        checks=(Symbolic(prove_derivative),),
    )
)


# -- monotone, shift-equivariant, non-expansive -------------------------------------------------


def monotone(
    arithmetic: Arithmetic, x: Numbers, rise: Numbers, prior: Numbers, beta: Numbers
) -> Any:
    up = free_energy(x + rise, prior, beta, 0, arithmetic)
    return sides(up, free_energy(x, prior, beta, 0, arithmetic))


register(
    Claim(
        id="free-energy.monotone",
        source=SOURCE,
        reading="added",
        statement=r"x \le y \;\Rightarrow\; F_\beta[p](x) \le F_\beta[p](y)",
        scope=EVERY,
        expects="proved",
        checks=(
            Deduction(
                ("free-energy.derivative", "free-energy.limits"),
                ("integration of a derivative", "limit of a closed statement"),
                "for finite β ≠ 0 the derivatives are probabilities: F does not fall while "
                "one outcome after another rises; β → 0, ±inf keep the inequality",
            ),
            Sampling(monotone, _every(rise=array("outcomes", low=0)), ">= 0", batched=True),
        ),
    )
)


def shifted(arithmetic: Arithmetic, x: Numbers, c: Numbers, prior: Numbers, beta: Numbers) -> Any:
    left = free_energy(x + c, prior, beta, 0, arithmetic)
    return sides(left, free_energy(x, prior, beta, 0, arithmetic) + c)


def prove_shift_of_two() -> Iterator[Proof]:
    import sympy

    x, p = positive("t", 2), positive("p", 2)
    shift, b = positive("tau"), positive("b")
    for sign in (1, -1):  # β = sign·b, x = log t / β, c = log τ / β
        moved = free_energy(SYMBOLIC.log(x) + sympy.log(shift), p, 1, 0, SYMBOLIC) / (sign * b)
        still = free_energy(SYMBOLIC.log(x), p, 1, 0, SYMBOLIC) / (sign * b)
        yield prove_zero(moved - still - sympy.log(shift) / (sign * b), f"sign of β {sign:+d}")


register(
    Claim(
        id="free-energy.shift-equivariant.two-outcomes",
        source=SOURCE,
        reading="added",
        statement=r"F_\beta[p](x_1 + c, x_2 + c) = F_\beta[p](x_1, x_2) + c",
        scope=scope(outcomes="2", beta="(-inf, 0) u (0, inf)"),
        expects="proved",
        checks=(Symbolic(prove_shift_of_two),),
    )
)

register(
    Claim(
        id="free-energy.shift-equivariant",
        source=SOURCE,
        reading="added",
        statement=r"F_\beta[p](x + c\mathbf{1}) = F_\beta[p](x) + c",
        scope=EVERY,
        expects="proved",
        checks=(
            Deduction(
                (
                    "free-energy.shift-equivariant.two-outcomes",
                    "free-energy.associative",
                    "free-energy.limits",
                ),
                ("induction over outcomes", "limit of a closed statement"),
                "if F of n outcomes and F of two move with c, so does F of n+1; "
                "one outcome is F(x) = x; the equation passes to the limits of β",
            ),
            Sampling(shifted, _every(c=number()), "== 0", batched=True),
        ),
    )
)


def non_expansive(
    arithmetic: Arithmetic, x: Numbers, y: Numbers, prior: Numbers, beta: Numbers
) -> Any:
    moved = free_energy(x, prior, beta, 0, arithmetic) - free_energy(y, prior, beta, 0, arithmetic)
    return sides(arithmetic.norm(x - y), arithmetic.absolute(moved))


register(
    Claim(
        id="free-energy.non-expansive",
        source="report (27); report (34); report A.3.1; report A.4.1",
        reading="added",
        statement=r"|F_\beta[p](x) - F_\beta[p](y)| \le \|x - y\|_\infty",
        scope=EVERY,
        expects="proved",
        checks=(
            Deduction(
                ("free-energy.monotone", "free-energy.shift-equivariant"),
                "monotone and shift-equivariant implies non-expansive",
            ),
            Sampling(non_expansive, _every(y=array("outcomes")), ">= 0", batched=True),
        ),
    )
)
