"""The soft backup without a discount: FURTHER (12)-(14), (22).

    T v = F_β[u](r + P v),  β = 1/α, u uniform: the best π, less the constant α log A

T is monotone and T(v + c) = T v + c. So it never expands the sup norm or the span, but shifts by
constants keep the sup norm, and a cycle keeps the span: a contraction, in the span, comes only from
mixing. Shapes: reward [n, A], transition [n, A, n], policy [n, A], value [n]; n numbers (s, ẑ).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    free_energy,
    instances,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._further import (
    UNICHAIN,
    gain_and_value,
    onwards,
    sample,
    span,
    symbols,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def backup(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, beta: Numbers, value: Numbers
) -> Numbers:
    """T v = F_β[u](r + P v)."""
    return free_energy(reward + expectation(transition, value, 2), None, beta, 1, arithmetic)


def both(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    v: Numbers,
    w: Numbers,
) -> Numbers:
    """T v − T w."""
    one = backup(arithmetic, reward, transition, beta, v)
    return one - backup(arithmetic, reward, transition, beta, w)


def sup_norms(arithmetic: Arithmetic, v: Numbers, w: Numbers, **game: Numbers) -> Any:
    """‖v − w‖ against ‖Tv − Tw‖."""
    return sides(arithmetic.norm(v - w), arithmetic.norm(both(arithmetic, v=v, w=w, **game)))


def spans(arithmetic: Arithmetic, v: Numbers, w: Numbers, **game: Numbers) -> Any:
    """sp(v − w) against sp(Tv − Tw)."""
    return sides(span(arithmetic, v - w), span(arithmetic, both(arithmetic, v=v, w=w, **game)))


def no_expansion(arithmetic: Arithmetic, v: Numbers, w: Numbers, **game: Numbers) -> Numbers:
    """Both norms' room."""
    moved = both(arithmetic, v=v, w=w, **game)
    room = arithmetic.norm(v - w) - arithmetic.norm(moved)
    return np.stack([room, span(arithmetic, v - w) - span(arithmetic, moved)])


def mixed_spans(
    arithmetic: Arithmetic,
    transition: Numbers,
    common: Numbers,
    delta: Numbers,
    v: Numbers,
    w: Numbers,
    **game: Numbers,
) -> Any:
    """(1 − δ) sp(v − w) against sp(Tv − Tw) where P = δ ν + (1 − δ) Q."""
    game["transition"] = delta * common + (1 - delta) * transition
    moved = both(arithmetic, v=v, w=w, **game)
    return sides((1 - delta) * span(arithmetic, v - w), span(arithmetic, moved))


def under(policy: Numbers, reward: Numbers, transition: Numbers) -> tuple[Numbers, Numbers]:
    """P_π [n, n] and r_π [n]."""
    return (policy[:, :, None] * transition).sum(axis=1), (policy * reward).sum(axis=1)


def entropy(arithmetic: Arithmetic, policy: Numbers) -> Numbers:
    """H(π(·|x)), [n]."""
    return -(policy * arithmetic.log(policy)).sum(axis=1)


def bracket(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    policy: Numbers,
    alpha: Numbers,
    value: Numbers,
) -> Numbers:
    """ρ_π − min(T_π v − v) and max(T_π v − v) − ρ_π."""
    chain, paid = under(policy, reward, transition)
    paid = paid + alpha * entropy(arithmetic, policy)
    gain, _ = gain_and_value(arithmetic, chain, paid)
    lift = paid + onwards(chain, value) - value
    return np.stack([gain - arithmetic.minimum(lift, 0), arithmetic.maximum(lift, 0) - gain])


def twin(arithmetic: Arithmetic, first: Numbers, second: Numbers, beta: Numbers) -> Numbers:
    """min(F(q_1), F(q_2)) − F(min(q_1, q_2)), q [A]."""
    lower = (first + second - arithmetic.absolute(first - second)) / 2
    low = free_energy(lower, None, beta, 0, arithmetic)
    ones = [free_energy(q, None, beta, 0, arithmetic) for q in (first, second)]
    return np.stack(ones) - low


# -- proofs ----------------------------------------------------------------------------------------


def prove_split() -> Proof:
    r, delta, nu, q, v = symbols("r delta nu Q v")
    whole = r + (delta * nu + (1 - delta) * q) * v
    what = "r + P v = δ ν v + (r + (1 − δ) Q v), term by term; δ ν v is one number for all (x, a)"
    return prove_zero(whole - delta * nu * v - (r + (1 - delta) * q * v), what)


def prove_bracket() -> Proof:
    mu, r, pv, v = symbols("mu r Pv v")
    what = "μ (T_π v − v) = ρ + μ (P v − v), and μ P = μ: ρ is a mean of T_π v − v"
    return prove_zero(mu * (r + pv - v) - mu * r - mu * (pv - v), what)


# -- claims ----------------------------------------------------------------------------------------

SOFT = scope(states=">= 1", actions=">= 1", beta="(0, inf)")
ENTROPIC = scope(states=">= 1", actions=">= 1", alpha="[0, inf)")
SIZES = {"states": (1, 3), "actions": (1, 3)}
STEP = {
    "reward": array("states", "actions"),
    "transition": distribution("states", "actions", "states", degenerate=True),
    "beta": beta("+", high=8),
    "v": array("states"),
    "w": array("states"),
}
EVALUATED = {
    "reward": array("states", "actions"),
    "transition": distribution("states", "actions", "states"),
    "policy": distribution("states", "actions"),
    "alpha": number(0, 4),
}
CYCLE = {"reward": [[0], [0]], "transition": [[[0, 1]], [[1, 0]]], "beta": 1}
OPERATOR = "FURTHER (12); FURTHER (13); FURTHER (14); FURTHER (22)"

row(
    "further.013.sup-norm.added",
    "refuted",
    OPERATOR,
    r"v \ne w \Rightarrow \|Tv - Tw\|_\infty < \|v - w\|_\infty",
    "Never a contraction in the sup norm, on any game: T(v + c) = Tv + c. The smallest: one state, "
    "one action, v = 0 and w = 1. Nothing discounts.",
    SOFT,
    Counterexample(
        sup_norms,
        {"reward": [[0]], "transition": [[[1]]], "beta": 1, "v": [0], "w": [1]},
        "> 0",
    ),
)
row(
    "further.013.span.added",
    "refuted",
    OPERATOR,
    r"\mathrm{sp}(v - w) > 0 \Rightarrow \mathrm{sp}(Tv - Tw) < \mathrm{sp}(v - w)",
    "Nor in the span in general: a cycle of two states turns (0, 1) into (1, 0) and back, for "
    "ever, so the iteration itself does not converge on periodic joint chains.",
    SOFT,
    Counterexample(spans, {**CYCLE, "v": [0, 1], "w": [0, 0]}, "> 0"),
)
row(
    "further.013.aperiodic.added",
    "refuted",
    OPERATOR,
    r"\text{one recurrent class, aperiodic} \Rightarrow \mathrm{sp}(Tv - Tw) < \mathrm{sp}(v - w)",
    "One step may not be enough: two rows of disjoint support. 0 → 0 or 1 by a coin, 1 → 2 → 0, "
    "v = (1, 1, 0). With three states; with two no aperiodic chain does it.",
    SOFT,
    Counterexample(
        spans,
        {
            "reward": [[0]] * 3,
            "transition": [[["1/2", "1/2", 0]], [[0, 0, 1]], [[1, 0, 0]]],
            "beta": 1,
            "v": [1, 1, 0],
            "w": [0, 0, 0],
        },
        "> 0",
    ),
)
row(
    "further.013.non-expansive.added",
    "proved",
    OPERATOR,
    r"\|Tv - Tw\|_\infty \le \|v - w\|_\infty, \quad \mathrm{sp}(Tv - Tw) \le \mathrm{sp}(v - w)",
    "What is always true: min(v − w) <= Tv − Tw <= max(v − w).",
    SOFT,
    Deduction(
        ("free-energy.monotone", "free-energy.shift-equivariant"),
        (
            "composition of monotone shift-equivariant maps",
            "monotone and shift-equivariant implies non-expansive",
        ),
        "Tv <= T(w + max(v − w)) = Tw + max(v − w), and likewise below; subtract",
    ),
    sample(no_expansion, instances(SIZES, **STEP), ">= 0"),
)
row(
    "further.013.doeblin.added",
    "proved",
    OPERATOR,
    r"p(y|x, a) \ge \delta\,\nu(y) \Rightarrow \mathrm{sp}(Tv - Tw) \le (1-\delta)\,"
    r"\mathrm{sp}(v - w)",
    "The condition that makes it a contraction, in the span: from every (s, ẑ), under every "
    "action, a common part ν. Then (12)-(14) have one solution up to a constant.",
    scope(states=">= 1", actions=">= 1", beta="(0, inf)", delta="[0, 1]"),
    Deduction(
        ("further.013.non-expansive.added", "further.013.split.added"),
        "substitution of equals",
        "Tv = δ ν v + F(r + (1 − δ) Q v), so sp(Tv − Tw) <= (1 − δ) sp(Q (v − w)), Q stochastic",
    ),
    sample(
        mixed_spans,
        instances(SIZES, **STEP, common=distribution("states"), delta=number(0, 1)),
        ">= 0",
    ),
    assumes=("p(y|x, a) >= δ ν(y) for all x, a",),
)
row(
    "further.013.split.added",
    "proved",
    OPERATOR,
    r"p = \delta\,\nu + (1-\delta)\,Q \Rightarrow r + p\,v = \delta\,\nu v + (r + (1-\delta)\,Q v)",
    "",
    scope(states=">= 1", actions=">= 1", beta="(0, inf)", delta="[0, 1]"),
    Symbolic(prove_split),
)
row(
    "further.013.bracket.added",
    "proved",
    "FURTHER (7); FURTHER (13)",
    r"\min_x (T_\pi v - v)(x) \le \rho_\pi \le \max_x (T_\pi v - v)(x)",
    "The certificate that needs no contraction: any v brackets the gain, entropy bonus included.",
    ENTROPIC,
    Symbolic(prove_bracket),
    sample(bracket, instances(SIZES, **EVALUATED, value=array("states")), ">= 0"),
    assumes=(UNICHAIN,),
)
row(
    "further.013.twin.added",
    "proved",
    "FURTHER (13); FURTHER (22)",
    r"F(\min(q_1, q_2)) \le \min(F(q_1), F(q_2))",
    "The smaller of two critics is taken inside the expectations: v is never above either critic's "
    "own, which biases a learned gain downwards when critics are noisy.",
    SOFT,
    Deduction(
        ("free-energy.monotone",),
        "chain of inequalities",
        "min(q_1, q_2) <= q_1 and q_2",
    ),
    sample(
        twin,
        instances(
            {"states": (1, 1), "actions": (1, 3)},
            first=array("actions"),
            second=array("actions"),
            beta=beta("+", high=8),
        ),
        ">= 0",
    ),
)
