"""How the free energy depends on β: its sign, its limits, its slope, its curvature in x.

    F_β → Σ p x (β → 0)      F_β → max x (β → inf)      F_β → min x (β → −inf)
    β² ∂F/∂β = KL(tilt ‖ p) >= 0

The functions with the limits put in are the recipes' F for β in [−inf, inf]; report (16), (17)
and the text around (37) use both signs of β and its limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tabular_marl.verification import (
    Claim,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    beta,
    free_energy,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    register,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims.free_energy import EVERY, FINITE, SIGNED, family

SOURCE = "report (14); report (17); report (25)"


def mirrored(arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers) -> Any:
    return sides(
        free_energy(-x, prior, -beta, 0, arithmetic), -free_energy(x, prior, beta, 0, arithmetic)
    )


def prove_mirrored() -> Proof:
    import sympy

    x, b = sympy.symbols("x beta", real=True)
    exponents = (-b) * (-x) - b * x
    return prove_zero(exponents, "every exponent (−β)(−x_k) is β x_k; 1/(−β) changes the sign")


register(
    Claim(
        id="free-energy.sign",
        source=SOURCE,
        reading="added",
        statement=r"F_{-\beta}[p](-x) = -F_\beta[p](x)",
        scope=FINITE,
        expects="proved",
        checks=(Symbolic(prove_mirrored), Sampling(mirrored, family(), "== 0", batched=True)),
    )
)


def below_maximum(arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers) -> Any:
    return sides(arithmetic.maximum(x, 0), free_energy(x, prior, beta, 0, arithmetic))


def above_each(arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers) -> Any:
    value = free_energy(x, prior, beta, 0, arithmetic)
    return sides(value, x + arithmetic.log(prior) / beta)


def prove_sandwich() -> Iterator[Proof]:
    S, p, t, d = (positive(name) for name in ("S", "p", "t", "d"))
    yield prove_nonnegative((S + p * t) - p * t, "Σ p t >= p_k t_k")
    yield prove_nonnegative(p * (t + d) - p * t, "p_k t_max >= p_k t_k, and Σ p_k t_max = t_max")


register(
    Claim(
        id="free-energy.sandwich",
        source=SOURCE,
        reading="added",
        statement=r"\max_k \left(x_k + \tfrac1\beta \log p_k\right) "
        r"\le F_\beta[p](x) \le \max_k x_k",
        note="For β < 0 the mirror image, by F_{-β}(-x) = -F_β(x).",
        scope=SIGNED["+"],
        expects="proved",
        checks=(
            Symbolic(prove_sandwich),
            Sampling(below_maximum, family(beta("+")), ">= 0", batched=True),
            Sampling(above_each, family(beta("+")), ">= 0", batched=True),
        ),
    )
)


def prove_origin() -> Iterator[Proof]:
    """K(β) = log Z has K(0) = 0 and K'(0) = Σ p x, so F = K/β tends to Σ p x."""
    import sympy

    x, b = sympy.symbols("x beta", real=True)
    p, Z, slope = positive("p"), positive("Z"), sympy.Symbol("dZ", real=True)
    term = p * sympy.exp(b * x)
    yield prove_zero(term.subs(b, 0) - p, "Z(0) = Σ p = 1, term by term")
    yield prove_zero(sympy.diff(term, b).subs(b, 0) - p * x, "Z'(0) = Σ p x, term by term")
    yield prove_zero(sympy.diff(sympy.log(Z), Z).subs(Z, 1) * slope - slope, "K'(0) = Z'(0)/Z(0)")


register(
    Claim(
        id="free-energy.origin",
        source=SOURCE,
        reading="added",
        statement=r"\lim_{\beta\to 0} F_\beta[p](x) = \sum_k p_k x_k",
        scope=scope(outcomes=">= 1"),
        expects="proved",
        checks=(Symbolic(prove_origin),),
    )
)

register(
    Claim(
        id="free-energy.limits",
        source=SOURCE,
        reading="added",
        statement=r"\lim_{\beta\to 0} F_\beta[p](x) = \sum_k p_k x_k,\quad "
        r"\lim_{\beta\to\infty} F_\beta[p](x) = \max_k x_k,\quad "
        r"\lim_{\beta\to-\infty} F_\beta[p](x) = \min_k x_k",
        scope=scope(outcomes=">= 1"),
        expects="proved",
        checks=(
            Deduction(
                ("free-energy.origin", "free-energy.sandwich", "free-energy.sign"),
                "squeeze",
                "log(p_k)/β vanishes as β → inf, where k attains the maximum",
            ),
        ),
    )
)


def prove_slope() -> Iterator[Proof]:
    """β² (K/β)' = β K' − K, K' = Σ w x and KL(w‖p) = Σ w (log t − log Z), term by term."""
    import sympy

    b, x, dZ = sympy.symbols("beta x dZ", real=True)
    p, t, w, Z = (positive(name) for name in ("p", "t", "w", "Z"))
    curve = sympy.Function("Z", positive=True)(b)
    left = b**2 * sympy.diff(sympy.log(curve) / b, b)
    left -= b * curve.diff(b) / curve - sympy.log(curve)
    yield prove_zero(left.subs(curve.diff(b), dZ).subs(curve, Z), "β² F' = β Z'/Z − log Z")
    term = sympy.diff(p * sympy.exp(b * x), b).subs(sympy.exp(b * x), t) / Z
    yield prove_zero(term - (p * t / Z) * x, "Z'/Z = Σ tilt x, term by term")
    divergence = w * sympy.log((p * t / Z) / p)
    yield prove_zero(
        divergence - w * (sympy.log(t) - sympy.log(Z)), "w log(w/p) = w (β x − log Z), w = p t/Z"
    )


register(
    Claim(
        id="free-energy.slope-in-beta",
        source=SOURCE,
        reading="added",
        statement=r"\beta^2\, \partial F_\beta[p](x)/\partial\beta = "
        r"D_{\mathrm{KL}}\left(\mathrm{tilt}_\beta[p](x) \,\|\, p\right)",
        scope=FINITE,
        expects="proved",
        checks=(Symbolic(prove_slope),),
    )
)


def larger_beta(
    arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers, rise: Numbers
) -> Any:
    upper = free_energy(x, prior, beta + rise, 0, arithmetic)
    return sides(upper, free_energy(x, prior, beta, 0, arithmetic))


register(
    Claim(
        id="free-energy.monotone-in-beta",
        source=f"{SOURCE}; report (37)",
        reading="added",
        statement=r"\beta \le \beta' \;\Rightarrow\; F_\beta[p](x) \le F_{\beta'}[p](x)",
        note="The slope is >= 0 on each side of 0 and the limit there is the same from both.",
        scope=EVERY,
        expects="proved",
        checks=(
            Deduction(
                ("free-energy.slope-in-beta", "kl.nonnegative", "free-energy.limits"),
                ("integration of a derivative", "limit of a closed statement"),
                "on (−inf, 0) and (0, inf) the slope is a divergence over β²; F is continuous "
                "at 0 and the limits at ±inf keep the order",
            ),
            Sampling(
                larger_beta,
                family(beta(zero=True, limits=True), rise=number(0, 4)),
                ">= 0",
                batched=True,
            ),
        ),
    )
)


def chord(
    arithmetic: Arithmetic, x: Numbers, y: Numbers, share: Numbers, prior: Numbers, beta: Numbers
) -> Any:
    """β (share F(x) + (1 − share) F(y) − F(between)): >= 0 for convex and for concave alike."""
    inside = free_energy(share * x + (1 - share) * y, prior, beta, 0, arithmetic)
    ends = share * free_energy(x, prior, beta, 0, arithmetic)
    ends = ends + (1 - share) * free_energy(y, prior, beta, 0, arithmetic)
    return sides(beta * ends, beta * inside)


for shape, sign, variational in (("convex", "+", "maximum"), ("concave", "-", "minimum")):
    register(
        Claim(
            id=f"free-energy.{shape}",
            source=SOURCE,
            reading="added",
            statement=rf"F_\beta[p] \text{{ is {shape} in }} x",
            scope=SIGNED[sign],
            expects="proved",
            checks=(
                Deduction(
                    (f"free-energy.variational.{variational}",),
                    "extremum of affine functions",
                    f"F is the {variational} over q of E_q[x] − KL(q‖p)/β, affine in x",
                ),
                Sampling(
                    chord,
                    family(beta(sign), y=array("outcomes"), share=number(0, 1)),
                    ">= 0",
                    batched=True,
                ),
            ),
        )
    )
