"""Gibbs' inequality: KL(q ‖ p) >= 0, with equality only at q = p.

    log t <= t − 1     and so     Σ_k q_k log(p_k/q_k) <= Σ_k q_k (p_k/q_k − 1) = 0

The lemma under every "maximise by setting the policy equal to …" of the report's appendix A.
Shapes: q, p [outcomes].
"""

from __future__ import annotations

from tabular_marl.verification import (
    Claim,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    distribution,
    instances,
    positive,
    prove_positive,
    prove_zero,
    register,
    scope,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl


def prove_tangent() -> list[Proof]:
    """f(t) = t − 1 − log t has f(1) = 0, falls before 1 and rises after it."""
    import sympy

    t, x = positive("t"), positive("x")
    f = t - 1 - sympy.log(t)
    slope = sympy.diff(f, t)
    return [
        prove_zero(f.subs(t, 1), "f(1) = 0"),
        prove_positive(slope.subs(t, 1 + x), "f' > 0 at 1 + x"),
        prove_positive(-slope.subs(t, 1 / (1 + x)), "f' < 0 at 1/(1 + x)"),
    ]


register(
    Claim(
        id="gibbs.logarithm.added",
        source="report A.1.2",
        reading="added",
        statement=r"\log t \le t - 1 \text{ for } t > 0, \text{ with equality only at } t = 1",
        note="The tangent of the logarithm at 1.",
        scope=scope(t="(0, inf)"),
        expects="proved",
        checks=(Symbolic(prove_tangent),),
    )
)


def divergence(arithmetic: Arithmetic, q: Numbers, p: Numbers) -> Numbers:
    """KL(q ‖ p)."""
    return kl(q, p, 0, arithmetic)


def prove_terms() -> Proof:
    q, p = positive("q"), positive("p")
    return prove_zero(q * (p / q - 1) - (p - q), "q (p/q − 1) = p − q, which sums to 1 − 1")


FIELDS = {"q": distribution("outcomes", degenerate=True), "p": distribution("outcomes")}

register(
    Claim(
        id="gibbs.terms.added",
        source="report A.1.2",
        reading="added",
        statement=r"\textstyle\sum_k q_k (p_k/q_k - 1) = \sum_k p_k - \sum_k q_k",
        note="Over the support of q; the p_k outside it only make the left side smaller.",
        scope=scope(outcomes=">= 1"),
        expects="proved",
        checks=(Symbolic(prove_terms),),
    )
)
register(
    Claim(
        id="gibbs.inequality.added",
        source="report A.1.2",
        reading="added",
        statement=r"D_{KL}(q \| p) \ge 0, \text{ with equality only at } q = p",
        note="−KL = Σ q log(p/q) <= Σ q (p/q − 1) <= 0; equality needs p_k = q_k wherever q_k > 0.",
        scope=scope(outcomes=">= 1"),
        expects="proved",
        assumes=("q ≪ p (else KL = ∞)", "p sums to at most one"),
        checks=(
            Deduction(
                ("gibbs.logarithm.added", "gibbs.terms.added"),
                "chain of inequalities",
                "apply the tangent to t = p_k/q_k, weigh by q_k, add",
            ),
            Sampling(
                divergence,
                instances({"outcomes": (1, 4)}, **FIELDS),
                ">= 0",
                examples=2000,
                batched=True,
                search=False,
            ),
        ),
    )
)
