"""Evidence lower bounds of any graphical model: gap, sum over factors, posterior, when tight.

    P(τ, O=1) = Π_k p_k e^w,    q(τ) = Π_k q_k,    Z = P(O=1)
    log Z − E_q[w − Σ_k log q_k/p_k] = KL(q ‖ P(τ|O=1)) = Σ_k E_q KL(q_k ‖ p*_k)
    p*_k = p_k e^{m_k} / Σ p_k e^{m_k},     m_{k−1} = log Σ_{x_k} p_k e^{m_k},     the last m is w

Every bound of the report, (6), (72), (80), (91), (97), (101), is the left side for one graph.
Samples are graphs of two factors, x then y: first [X], second [X, Y], weights w [X, Y].
"""

from __future__ import annotations

from collections.abc import Iterator

from tabular_marl.verification import (
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    distribution,
    instances,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._elbo import Walk, walk
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.claims._rommeo_rows import GIBBS
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

FACTORS = scope(outer=">= 1", inner=">= 1")
SOURCE = "report (6); report (72); report (80); report (91); report (97); report (101)"
TREES = instances(
    {"outer": (1, 3), "inner": (1, 3)},
    first_prior=distribution("outer"),
    second_prior=distribution("outer", "inner"),
    first=distribution("outer", degenerate=True),
    second=distribution("outer", "inner", degenerate=True),
    w=array("outer", "inner"),
)


def tree(
    arithmetic: Arithmetic,
    first_prior: Numbers,
    second_prior: Numbers,
    first: Numbers,
    second: Numbers,
    w: Numbers,
) -> Walk:
    """Two factors."""
    both = ("x", "y")
    draws = [(("x",), first_prior, first, 0), (both, second_prior, second, 0)]
    return walk(arithmetic, both, draws, [(both, w)])


def gap(arithmetic: Arithmetic, **instance: Numbers) -> Sides:
    """log Z − bound, and KL."""
    of = tree(arithmetic, **instance)
    return sides(of.log_evidence - of.objective(), of.divergence)


def prove_gap() -> Proof:
    """One trajectory, e^w = t."""
    import sympy

    q, p, t, z = (positive(name) for name in ("q", "p", "t", "Z"))
    left = sympy.log(z) - (sympy.log(t) - sympy.log(q / p))
    return prove_zero(
        left - sympy.log(q / (p * t / z)), "log Z − (w − log q/p) = log q/P(τ|O=1), weights q(τ)"
    )


row(
    "elbo.gap.added",
    "proved",
    SOURCE,
    r"\log P(O=1) - E_q\Big[w - \log\frac{q}{p}\Big] = D_{KL}\big(q \,\|\, P(\tau|O=1)\big)",
    "Trajectory by trajectory; q has mass one.",
    FACTORS,
    Symbolic(prove_gap),
    Sampling(gap, TREES, "== 0", batched=True, examples=2000, search=False),
    assumes=("q ≪ p (else both sides are infinite)",),
)


def bound(arithmetic: Arithmetic, **instance: Numbers) -> Numbers:
    """log Z − bound."""
    of = tree(arithmetic, **instance)
    return of.log_evidence - of.objective()


row(
    "elbo.bound.added",
    "proved",
    SOURCE,
    r"E_q\Big[w - \log\frac{q}{p}\Big] \le \log P(O=1), \text{ with equality only at } "
    r"q = P(\tau|O=1)",
    "The gap is a divergence.",
    FACTORS,
    Deduction(("elbo.gap.added", GIBBS), "chain of inequalities", "log P(O=1) − bound = KL >= 0"),
    Sampling(bound, TREES, ">= 0", batched=True, examples=2000, search=False),
)


def by_factor(
    arithmetic: Arithmetic,
    first_prior: Numbers,
    second_prior: Numbers,
    first: Numbers,
    second: Numbers,
    w: Numbers,
) -> Sides:
    """E_q log q/p at once, and factor by factor."""
    q, p = first[:, None] * second, first_prior[:, None] * second_prior
    once = (q * log_ratio(q, p, arithmetic)).sum(axis=(0, 1))
    inner = (second * log_ratio(second, second_prior, arithmetic)).sum(axis=1)
    return sides(once, (first * (log_ratio(first, first_prior, arithmetic) + inner)).sum(axis=0))


def prove_by_factor() -> Iterator[Proof]:
    import sympy

    q, p, own, prior = (positive(name) for name in ("q", "p", "q_k", "p_k"))
    more = sympy.log(q * own / (p * prior))
    yield prove_zero(
        more - sympy.log(q / p) - sympy.log(own / prior), "one more chosen factor adds log q_k/p_k"
    )
    kept = sympy.log(q * prior / (p * prior))
    yield prove_zero(kept - sympy.log(q / p), "one more kept factor cancels")


row(
    "elbo.factors.added",
    "proved",
    SOURCE,
    r"\log\frac{\prod_k q_k}{\prod_k p_k} = \sum_{k \text{ chosen}} \log\frac{q_k}{p_k}",
    "By induction over the factors; transitions and starts, which q keeps, cancel.",
    FACTORS,
    Symbolic(prove_by_factor),
    Sampling(by_factor, TREES, "== 0", batched=True, examples=2000, search=False),
)


def posterior(
    arithmetic: Arithmetic,
    first_prior: Numbers,
    second_prior: Numbers,
    first: Numbers,
    second: Numbers,
    w: Numbers,
) -> Sides:
    """P(τ|O=1), and the product of the tilts by the messages."""
    of = tree(arithmetic, first_prior, second_prior, first, second, w)
    message = free_energy(w, second_prior, 1, 1, arithmetic)
    outer = tilt(message, first_prior, 1, 0, arithmetic)
    inner = tilt(w, second_prior, 1, 1, arithmetic)
    joint = of.joint
    return sides(joint / joint.sum(axis=(0, 1)), outer[:, None] * inner)


def prove_posterior() -> Iterator[Proof]:
    """The last factor is taken off: what is left has the weight e^{m}."""
    import sympy

    before, p, t, e_m, z = (positive(name) for name in ("before", "p_k", "t", "e^m", "Z"))
    yield prove_zero(
        before * p * t / z - (before * e_m / z) * (p * t / e_m),
        "p_1…p_k e^w/Z = (p_1…p_{k−1} e^m/Z) (p_k e^w/e^m)",
    )
    ps, ts = positive("p", 2), positive("t", 2)
    total = sympy.Add(*(ps * ts))
    yield prove_zero(sum(ps * ts / total) - 1, "the second bracket sums to 1 for e^m = Σ p t")


row(
    "elbo.posterior.added",
    "proved",
    SOURCE,
    r"P(\tau|O=1) = \prod_k p^*_k,\quad p^*_k = p_k\, e^{m_k - m_{k-1}},\quad "
    r"m_{k-1} = \log \sum_{x_k} p_k\, e^{m_k}",
    "The posterior draws from the same graph, every factor tilted by the message behind it: also "
    "the transitions and the start, which no q of the report may change.",
    FACTORS,
    Symbolic(prove_posterior),
    Sampling(posterior, TREES, "== 0", batched=True, examples=2000, search=False),
)


def split(
    arithmetic: Arithmetic,
    first_prior: Numbers,
    second_prior: Numbers,
    first: Numbers,
    second: Numbers,
    w: Numbers,
) -> Sides:
    """log Z − bound, and the divergences of the factors from their tilts."""
    of = tree(arithmetic, first_prior, second_prior, first, second, w)
    message = free_energy(w, second_prior, 1, 1, arithmetic)
    outer = tilt(message, first_prior, 1, 0, arithmetic)
    inner = tilt(w, second_prior, 1, 1, arithmetic)
    loss = (second * log_ratio(second, inner, arithmetic)).sum(axis=1)
    loss = (first * (log_ratio(first, outer, arithmetic) + loss)).sum(axis=0)
    return sides(of.log_evidence - of.objective(), loss)


row(
    "elbo.split.added",
    "proved",
    SOURCE,
    r"\log P(O=1) - E_q\Big[w - \sum_k \log\frac{q_k}{p_k}\Big] "
    r"= \sum_k E_q\, D_{KL}(q_k \,\|\, p^*_k)",
    "Gap for gap: each choice loses its distance from the tilt, each kept factor the distance of "
    "p_k from p*_k.",
    FACTORS,
    Deduction(
        ("elbo.gap.added", "elbo.posterior.added", "elbo.factors.added"),
        "substitution of equals",
        "KL(q‖P(τ|O=1)) with both laws factor by factor",
    ),
    Sampling(split, TREES, "== 0", batched=True, examples=2000, search=False),
)


def prove_indifferent() -> Iterator[Proof]:
    """p e^m/Σ p e^m = p at an outcome with p > 0 says e^m = Σ p e^m there, and conversely."""
    p, t, total = positive("p"), positive("t"), positive("total")
    yield prove_zero(p * t / total - p - p * (t - total) / total, "p* − p = p (e^m − Σ p e^m)/Σ")


row(
    "elbo.indifferent.added",
    "proved",
    SOURCE,
    r"p_k\, e^{m_k - m_{k-1}} = p_k \text{ everywhere} \iff m_k \text{ is one number on the "
    r"support of } p_k",
    "What a kept factor needs to lose nothing: a deterministic one always does, a random one if it "
    "is indifferent to the outcome.",
    FACTORS,
    Symbolic(prove_indifferent),
)
row(
    "elbo.tight.added",
    "proved",
    SOURCE,
    r"\text{gap} = 0 \iff q_k = p^*_k \text{ for chosen } k \text{ and } m_k \text{ constant on "
    r"the support of } p_k \text{ for kept } k, \text{ wherever } q \text{ goes}",
    "Every term of the sum is >= 0 and vanishes only at equality.",
    FACTORS,
    Deduction(
        ("elbo.split.added", "elbo.indifferent.added", GIBBS),
        "sum of termwise inequalities",
        "a sum of expectations of divergences is 0 only if each is, where it has weight",
    ),
)


def marginal(
    arithmetic: Arithmetic,
    first_prior: Numbers,
    second_prior: Numbers,
    first: Numbers,
    second: Numbers,
    w: Numbers,
) -> Numbers:
    """The bound with y summed out of the graph, minus the bound with y kept in q."""
    message = free_energy(w, second_prior, 1, 1, arithmetic)
    cost = log_ratio(first, first_prior, arithmetic)
    out = (first * (message - cost)).sum(axis=0)
    inside = tree(arithmetic, first_prior, second_prior, first, second_prior, w)
    return out - inside.objective()


row(
    "elbo.marginal.added",
    "proved",
    "report (99); report (101)",
    r"E_q\Big[\log \sum_y p(y|x)\, e^{w}\Big] - D_{KL}(q_x \| p_x) \ge "
    r"E_{q_x p(y|x)}[w] - D_{KL}(q_x \| p_x)",
    "Summing a kept variable out of the graph first gives the better bound of the same evidence: "
    "by E_x KL(p(y|x) ‖ p*(y|x)).",
    FACTORS,
    Deduction(
        ("elbo.split.added", GIBBS),
        "chain of inequalities",
        "the two gaps differ by the term of y, which is >= 0",
    ),
    Sampling(marginal, TREES, ">= 0", batched=True, examples=2000, search=False),
)


def prove_step_survives() -> Iterator[Proof]:
    """With c_t what step t adds: alive with probability γ, else worth 0 for ever."""
    import sympy

    now, later, gamma = sympy.symbols("c V gamma")
    yield prove_zero(
        now + gamma * later + (1 - gamma) * 0 - (now + gamma * later),
        "V_t = c_t + γ E V_{t+1} + (1 − γ) 0",
    )
    yield prove_zero(sympy.log(positive("p") / positive("p")), "once over, q = P costs nothing")


row(
    "elbo.survival.added",
    "proved",
    "report (6); report (72); report (80)",
    r"E_q \sum_t \gamma^t \Big(w_t - \sum_k \log\frac{q_k}{p_k}\Big) \text{ is the bound of the "
    r"graph that goes on with probability } \gamma \text{ after each step}",
    "Any graph: one more kept variable a step; once play is over w = 0 and policies are the priors."
    " Play is alive at t with probability γ^t, whatever the policies.",
    scope(gamma="[0, 1]", times=">= 1"),
    Symbolic(prove_step_survives),
)
