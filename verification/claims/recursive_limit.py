"""Where the levels go as k grows: report (108), (109), one β.

    V_{k+1} − V_k = KL(π_k ‖ π_{k−1}) + KL(ρ_k ‖ ρ_{k−1}) + KL(p_k ‖ p_{k+1})       on one table Q

p_k = π_{k−1} ρ_{k−1} e^{Q − V_k}, with marginals π_k, ρ_k. It is the Pythagorean identity
KL(p ‖ π ⊗ ρ) = KL(p ‖ p_A ⊗ p_B) + KL(p_A ‖ π) + KL(p_B ‖ ρ) at p_k: alternating projection, an EM
algorithm for E_p Q − KL(p ‖ π ⊗ ρ). So V_k rises, no cycle is possible, and a limit is a mutual
optimum, not the best one. Shapes as in ``_recursive``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl, tilt
from tabular_marl.verification.claims._recursive import (
    COORDINATE,
    CORNER,
    DUALITY,
    GAMES,
    GIBBS,
    LEVEL,
    PRIORS,
    STATES,
    Level,
    cost,
)
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- the identity ----------------------------------------------------------------------------------


def pythagoras(
    arithmetic: Arithmetic, answers: Numbers, law: Numbers, pi: Numbers, rho: Numbers
) -> Any:
    """KL(p ‖ π⊗ρ), and its three parts; p = law(b) answers(a|b), answers [S, B, A]."""
    p = np.swapaxes(answers, 1, 2) * law[:, None]
    acts, replies = p.sum(axis=2), p.sum(axis=1)
    parts = cost(arithmetic, p, acts[:, :, None] * replies[:, None])
    parts = parts + kl(acts, pi, 1, arithmetic) + kl(replies, rho, 1, arithmetic)
    return sides(cost(arithmetic, p, pi[:, :, None] * rho[:, None]), parts)


def prove_pythagoras() -> Proof:
    import sympy

    p, acts, replies, pi, rho = (positive(n) for n in ["p", "p_A", "p_B", "pi", "rho"])
    log = sympy.log
    parts = log(p / (acts * replies)) + log(acts / pi) + log(replies / rho)
    return prove_zero(log(p / (pi * rho)) - parts, "at every (a, b), weighted by p")


row(
    "report.108.pythagoras.added",
    "proved",
    "report (108)",
    r"D_{KL}(p \| \pi \otimes \rho) = D_{KL}(p \| p_A \otimes p_B) + D_{KL}(p_A \| \pi) + "
    r"D_{KL}(p_B \| \rho)",
    "Of all products the marginals of p are nearest to it.",
    STATES,
    Symbolic(prove_pythagoras),
    sample(
        pythagoras,
        {
            "answers": distribution("states", "opponent_actions", "actions"),
            "law": distribution("states", "opponent_actions"),
            **PRIORS,
        },
        "== 0",
    ),
)


def rise(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """V_{k+1} − V_k, and the three divergences."""
    here = Level.of(arithmetic, q, pi, rho)
    after = here.next()
    parts = kl(after.pi, here.pi, 1, arithmetic) + kl(after.rho, here.rho, 1, arithmetic)
    parts = parts + cost(arithmetic, here.joint(), after.joint())
    return sides(after.value() - here.value(), parts)


row(
    "report.108.rise.added",
    "proved",
    "report (108); report (109)",
    r"\text{on one table } Q: \ V_{k+1} - V_k = D_{KL}(\pi_k \| \pi_{k-1}) + D_{KL}(\rho_k \| "
    r"\rho_{k-1}) + D_{KL}(p_k \| p_{k+1}) \ge 0",
    "",
    STATES,
    Deduction(
        ("report.108.pythagoras.added", DUALITY, GIBBS),
        "substitution of equals",
        "V_{k+1} = E_{p_k} Q − KL(p_k ‖ π_k⊗ρ_k) + KL(p_k ‖ p_{k+1}), V_k = E_{p_k} Q − KL(p_k ‖ "
        "π_{k−1}⊗ρ_{k−1})",
    ),
    sample(rise, LEVEL, "== 0"),
)

# -- values rise, no cycles ------------------------------------------------------------------------

row(
    "report.108.monotone.added",
    "proved",
    "report (108); report (109)",
    r"V_{k+1}(s) \ge V_k(s) + D_{KL}(\pi_k \| \pi_{k-1}) + D_{KL}(\rho_k \| \rho_{k-1})",
    "In every stochastic game, each level solved to its own fixed point: the soft value in the "
    "report's units never falls. (In reward units V/β: rises for β > 0, falls for β < 0.)",
    GAMES,
    Deduction(
        ("report.108.rise.added", "recipe.monotone", "recipe.fixed-point"),
        ("chain of inequalities", "policy-evaluation monotonicity"),
        "at Q_k the backup of level k + 1 gives V_k plus divergences; its fixed point V_{k+1} is "
        "no "
        "less",
    ),
)
row(
    "report.108.converges.added",
    "proved",
    "report (108); report (109)",
    r"V_k \uparrow V_\infty \le \max u/(1 - \gamma),\quad \textstyle\sum_k D_{KL}(\pi_k \| "
    r"\pi_{k-1}) + "
    r"D_{KL}(\rho_k \| \rho_{k-1}) < \infty",
    "k → ∞ converges in value, and the marginals of successive levels draw together.",
    GAMES,
    Deduction(
        ("report.108.monotone.added", "free-energy.sandwich"),
        ("monotone convergence", "sum of termwise inequalities"),
        "V_k <= max u/(1 − γ); the rises add up to V_∞ − V_1",
    ),
    assumes=("u = βR bounded",),
)
row(
    "report.108.no-cycle.added",
    "proved",
    "report (108); report (109)",
    r"(\pi_{k+p}, \rho_{k+p}) = (\pi_k, \rho_k) \Rightarrow (\pi_{k+1}, \rho_{k+1}) = (\pi_k, "
    r"\rho_k)",
    "No cycle of levels, of period two or any other: matching pennies does not oscillate, because "
    "the opponent of 4.1.1 shares the agent's Q.",
    GAMES,
    Deduction(
        ("report.108.monotone.added", GIBBS),
        "chain of inequalities",
        "around a cycle V does not change, so all divergences on it vanish",
    ),
)
row(
    "report.108.limit.added",
    "proved",
    "report (108); report (109)",
    r"(\pi_k, \rho_k) \to (\pi, \rho) \Rightarrow E_\rho[e^{Q(s, a, b)}] \le e^{V(s)} \ \forall "
    r"a,\ "
    r"E_\pi[e^{Q(s, a, b)}] \le e^{V(s)} \ \forall b, \text{ equal on the supports}",
    "A limit of full-support priors is a Nash equilibrium of the common-payoff game e^Q; if it is "
    "pure, a mutual best reply in Q. It is a balancing solution of no fixed prior: the "
    "regularisation has worn off where the pair is pure.",
    GAMES,
    Deduction(
        ("report.108.growth.added", "report.108.converges.added"),
        ("strict inequality of limits", "limit of a closed statement"),
        "the factors E_ρ e^Q/e^V converge. One that exceeds 1 in the limit exceeds some 1 + δ from "
        "some level on: its action would grow beyond 1. Where π(a) > 0 the factor is the quotient "
        "of two probabilities with that limit, so it tends to 1; likewise for b",
    ),
    assumes=("π_0, ρ_0 have full support", "the marginals converge"),
)

# -- not ROMMEO, not the best ----------------------------------------------------------------------


def second_value(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """V_2 and V_1, the latter ROMMEO's."""
    here = Level.of(arithmetic, q, pi, rho)
    return sides(here.next().value(), here.value())


row(
    "report.108.rommeo.added",
    "refuted",
    "report (108); report (14)",
    r"V_k = V_{(14)} \text{ for every } k",
    "Only level one is ROMMEO (with one β: Balancing-Q too); the next are better in their own soft "
    "value, and the limit is another solution.",
    STATES,
    Counterexample(
        second_value, {"q": CORNER, "pi": [["1/2", "1/2"]], "rho": [["1/2", "1/2"]]}, "== 0"
    ),
)


def level_value(
    arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers, levels: int
) -> Numbers:
    """V_k − (max Q − 1/2)."""
    here = Level.of(arithmetic, q, pi, rho)
    for _ in range(levels - 1):
        here = here.next()
    return here.value() - arithmetic.maximum(q, (1, 2)) + arithmetic.number("1/2")


def prove_trap() -> list[Proof]:
    """x = e^{Q_00} > y = e^{Q_11} > 1, e^0 elsewhere; both players give p to the first action.

    With x = y + d, y = 1 + c the first action loses iff p x + 1 − p < p + (1 − p) y, that is iff
    r (x − 1) < y − 1 for the odds r = p/(1 − p); then r' = r (r x + 1)/(r + y) < r.
    """
    r, c, d = positive("r"), positive("c"), positive("d")
    y = 1 + c
    x = y + d
    slack = positive("m")  # y − 1 = r (x − 1) + m
    fall = r - r * (r * x + 1) / (r + y)
    swapped = fall - r * (c - r * (x - 1)) / (r + y)
    return [
        prove_zero(swapped, "r − r' = r ((y − 1) − r (x − 1))/(r + y)"),
        prove_nonnegative(
            r * slack / (r + y), "so r' < r while (y − 1) − r (x − 1) > 0, which stays"
        ),
    ]


row(
    "report.108.trap.added",
    "proved",
    "report (108)",
    r"Q = \mathrm{diag}(\log x, \log y),\ x > y > 1,\ \pi_0 = \rho_0 \text{ with odds } r: \ r(x - "
    r"1) < y "
    r"- 1 \Rightarrow \text{odds fall at every level}",
    "The two coordinate on the worse action if level zero leans to it enough.",
    scope(states="1", actions="2", opponent_actions="2"),
    Symbolic(prove_trap),
)
row(
    "report.108.best.added",
    "refuted",
    "report (108)",
    r"V_{12} \ge \max_{a,b} Q - \tfrac12 \text{ in one stage}",
    "The limit depends on level zero and need not be the best: Q = diag(2, 1), level zero plays "
    "the "
    "first action with 1/10: V_k tends to 1 (see the row before).",
    STATES,
    Counterexample(
        level_value,
        {
            "q": [[[2, 0], [0, 1]]],
            "pi": [["1/10", "9/10"]],
            "rho": [["1/10", "9/10"]],
            "levels": 12,
        },
    ),
)


def off_diagonal(arithmetic: Arithmetic, q: Numbers, levels: int) -> Numbers:
    """1/100 − the pair's smallest probability after ``levels``, from uniform priors, smallest of
    the diagonal."""
    here = Level.of(arithmetic, q)
    for _ in range(levels - 1):
        here = here.next()
    law = here.joint()
    return arithmetic.number("1/100") - arithmetic.minimum(np.stack([law[:, 0, 0], law[:, 1, 1]]))


row(
    "report.108.pure.added",
    "refuted",
    "report (108)",
    r"\text{the pair } p_k \text{ becomes pure: from uniform priors } \min(p_{20}(0, 0), p_{20}(1, "
    r"1)) \le "
    r"\tfrac1{100}",
    "Not at an unstable fixed point: in Q = diag(1, 1) uniform priors reproduce themselves, and "
    "every level is level one, ROMMEO's correlated pair.",
    STATES,
    Counterexample(off_diagonal, {"q": COORDINATE, "levels": 20}),
)

# -- two temperatures ------------------------------------------------------------------------------


def opposed(
    arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers, levels: int
) -> list[tuple[Numbers, Numbers, Numbers]]:
    """(V_k, π_k, ρ_k) of the agent's chain with β^i = 1, β^-i = −1; q = R."""
    out = []
    for k in range(1, levels + 1):
        if k % 2:
            inner = free_energy(q, pi[:, :, None], 1, 1, arithmetic)
            value, model = (
                free_energy(inner, rho, -1, 1, arithmetic),
                tilt(inner, rho, -1, 1, arithmetic),
            )
            law = tilt(q, pi[:, :, None], 1, 1, arithmetic) * model[:, None]
        else:
            inner = free_energy(q, rho[:, None], -1, 2, arithmetic)
            value, policy = (
                free_energy(inner, pi, 1, 1, arithmetic),
                tilt(inner, pi, 1, 1, arithmetic),
            )
            law = tilt(q, rho[:, None], -1, 2, arithmetic) * policy[:, :, None]
        pi, rho = law.sum(axis=2), law.sum(axis=1)
        out.append((value, pi, rho))
    return out


def opposed_rise(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Numbers:
    """V_2 − V_1."""
    first, second = opposed(arithmetic, q, pi, rho, 2)
    return second[0] - first[0]


def opposed_change(
    arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers, levels: int
) -> Numbers:
    """1/20 − |π_k − π_{k−1}| − |π_{k−1} − π_{k−2}| at the last level."""
    path = opposed(arithmetic, q, pi, rho, levels)
    moved = arithmetic.norm(path[-1][1] - path[-2][1]) + arithmetic.norm(path[-2][1] - path[-3][1])
    return arithmetic.number("1/20") - moved


PENNIES = {
    "q": [[[1, -1], [-1, 1]]],
    "pi": [["3/5", "2/5"]],
    "rho": [["9/20", "11/20"]],
}
row(
    "report.108.opposed.added",
    "refuted",
    "report (108); report (109); report (17)",
    r"\beta^i > 0 > \beta^{-i}: \ V_{k+1} \ge V_k",
    "Not said in the report, whose levels have one β. With Balancing-Q's opposite signs the "
    "theorem is gone: matching pennies.",
    STATES,
    Counterexample(opposed_rise, PENNIES),
)
row(
    "report.108.opposed-cycle.added",
    "refuted",
    "report (108); report (109); report (17)",
    r"\beta^i > 0 > \beta^{-i}: \ \text{the levels settle: } |\pi_{60} - \pi_{59}| + |\pi_{59} - "
    r"\pi_{58}| "
    r"\le \tfrac1{20}",
    "In matching pennies, β = ±1, they run into a cycle of period four.",
    STATES,
    Counterexample(opposed_change, {**PENNIES, "levels": 60}),
)
