"""The graph of soft options: report (69), (70).

    P(τ, O=1) = P(s_0) P(z_{−1}) Π_t P(s_{t+1}|s_t,a_t) P(a_t|s_t,z_t) P^H(z_t|s_t,z_{t−1},b_t)
                P^T(b_t|s_t,z_{t−1}) exp βr(s_t,a_t)                                     (69)
    q(τ)      = the same with π, π^H, π^T for the priors, and without O                 (70)

τ = (s_0, z_{−1}, b_0, a_0, s_1, z_0, …, s_{T+1}). Shapes and trajectories as in ``_options``;
integrals are sums.
"""

from __future__ import annotations

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
from tabular_marl.verification.claims._balancing import identity
from tabular_marl.verification.claims._options import (
    GAME,
    PLAYED,
    SMALL,
    START,
    UNDISCOUNTED,
    Options,
    Play,
    begin,
    constant,
    family,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- (69), (70) ------------------------------------------------------------------------------------


def play_of(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    like: Numbers,
    gamma: Numbers = 1,
    **priors: Numbers,
) -> Play:
    """A game with its options; a prior left out is uniform, ``like`` [S, Z, A]."""
    return Play(Options.of(arithmetic, like, **priors), reward, transition, gamma)


def mass_with_o(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, low: Numbers
) -> Numbers:
    """Σ over the trajectories of one step of the right side of (69), minus 1; uniform priors."""
    play = play_of(arithmetic, reward, transition, low)
    start = constant(arithmetic, [[1]])
    return play.joint(start, 1).sum(axis=play.every(1)) - 1


ALONE = {"transition": [[[1]]], "low": [[[1]]]}
row(
    "report.069.optimality.printed",
    "refuted",
    "report (69)",
    r"P(s_{1:T}, a_{1:T}, z_{1:T}, b_{1:T}) = P(s_0)P(z_0)\prod_t \cdots P(O_t = 1|s_t, a_t)",
    "The left side has no O: as a law of (s, a, z, b) it sums to one, the right side to P(O=1). "
    "The text before (69) names O_{1:T} on the left. One action, βr = −1: e⁻¹.",
    UNDISCOUNTED,
    Counterexample(mass_with_o, {**ALONE, "reward": [[-1]]}, "== 0"),
)


def from_one(arithmetic: Arithmetic, reward: Numbers, transition: Numbers, low: Numbers) -> Sides:
    """(69), (70) read literally at T = 1: the law of (s_1, b_1, a_1, z_1) against the product."""
    play = play_of(arithmetic, reward, transition, low)
    whole = play.joint(constant(arithmetic, [[1]]), 2)
    part = whole.sum(axis=(0, 1, 2, 3, 5, 8))
    return sides(part[None, None, None, None, :, None, :, :, None, :], whole)


TWICE = {
    "reward": [[0, 0]],
    "transition": [[[1], [1]]],
    "low": [[["1/2", "1/2"]]],
}
row(
    "report.069.index.printed",
    "refuted",
    "report (69); report (70)",
    r"P(s_{1:T}, a_{1:T}, z_{1:T}, b_{1:T}) = P(s_0)P(z_0)\prod_{t=0}^{T} \cdots "
    r"P(s_{t+1}|s_t, a_t) \cdots",
    "s_0, a_0, z_0, b_0 and s_{T+1} are missing on the left of (69) and (70): a marginal is not "
    "its joint law. Two actions, two values of b, all uniform, r = 0: 1/4 against 1/16.",
    UNDISCOUNTED,
    Counterexample(from_one, TWICE, "== 0"),
)


def chosen_twice(
    arithmetic: Arithmetic, first: Numbers, choice: Numbers, end: Numbers, before: Numbers
) -> Numbers:
    """Σ_{b_0, z_0} P(z_0) P^H(z_0|s_0,z_{−1},b_0) P^T(b_0|s_0,z_{−1}) − 1, at one s_0, z_{−1}:
    ``first`` is P(z_0), ``before`` δ(·, z_{−1})."""
    return (first * (end[0] * before + end[1] * choice)).sum(axis=0) - 1


row(
    "report.069.initial.printed",
    "refuted",
    "report (69); report (70)",
    r"P(z_0)\prod_{t=0}^{T} P^H(z_t|s_t, z_{t-1}, b_t) P^T(b_t|s_t, z_{t-1}) \text{ gives } z_0 "
    r"\text{ one law}",
    "z_0 has two factors, P(z_0) and P^H(z_0|s_0, z_{−1}, b_0), and z_{−1} none: the product is no "
    "law. It must be P(z_{−1}), or a product of options from t = 1. Two options: mass 1/2.",
    scope(options=">= 1"),
    Counterexample(
        chosen_twice,
        {
            "first": ["1/2", "1/2"],
            "choice": ["1/2", "1/2"],
            "end": ["1/2", "1/2"],
            "before": [1, 0],
        },
        "== 0",
    ),
)


def prove_mass() -> Proof:
    p = positive("p", 5)
    total = positive("before")
    for share in p:  # one outcome against all others: each conditional sums to one
        total = total * share + total * (1 - share)
    what = "summing out the last O, s', a, z, b in turn leaves the shorter product"
    return prove_zero(total - positive("before"), what)


def model_mass(
    arithmetic: Arithmetic, initial: Numbers, before: Numbers, **game: Numbers
) -> Numbers:
    """Σ over trajectories of two steps, and over O_t, of (69), minus 1."""
    play = play_of(arithmetic, like=game["low_prior"], **game)
    o = play.options
    prior = [o.low_prior] * 2, [o.master_prior] * 2, [o.stop_prior] * 2
    return play.law(begin(initial, before), *prior).sum(axis=play.every(2)) - 1


row(
    "report.069.corrected",
    "proved",
    "report (69)",
    r"P(s_{0:T+1}, a_{0:T}, z_{-1:T}, b_{0:T}, O_{0:T}=1) = P(s_0, z_{-1})\prod_{t=0}^T\cdots "
    r"\text{ is the part } O=1 \text{ of a law of mass } 1",
    "With O and every variable named on the left and the law of z before the first step.",
    UNDISCOUNTED,
    Symbolic(prove_mass),
    identity(model_mass, family(START, GAME, sizes=SMALL), examples=512),
    assumes=("βr ≤ 0, or shifted so: exp βr is a probability",),
)


def q_mass(
    arithmetic: Arithmetic,
    initial: Numbers,
    before: Numbers,
    transition: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
) -> Numbers:
    """Σ over trajectories of (70), minus 1."""
    play = play_of(arithmetic, 0 * transition[:, :, 0], transition, low[0])
    law = play.law(begin(initial, before), list(low), list(master), list(stop))
    return law.sum(axis=play.every(len(low))) - 1


row(
    "report.070.corrected",
    "proved",
    "report (70)",
    r"q(s_{0:T+1}, a_{0:T}, z_{-1:T}, b_{0:T}) = P(s_0, z_{-1})\prod_{t=0}^{T} "
    r"\pi\,\pi^H\,\pi^T\,P(s_{t+1}|\cdot) \text{ sums to } 1",
    "As (69), with policies for priors; they may depend on t.",
    UNDISCOUNTED,
    Symbolic(prove_mass),
    identity(
        q_mass,
        family(START, {"transition": GAME["transition"]}, PLAYED, sizes=SMALL),
        examples=512,
    ),
)


def independent(arithmetic: Arithmetic, joint: Numbers) -> Sides:
    """P(b, a | s, z), and P(b | s, z) P(a | s, z): in (70) a depends on b through z alone."""
    return sides(joint, joint.sum(axis=1)[:, None] * joint.sum(axis=0))


row(
    "report.070.general.printed",
    "refuted",
    "report (70)",
    r"\text{(70) is the most general joint law with the given transitions}",
    "Given (s, z), (70) makes a independent of b and of z_: a copying b is not of this form. What "
    "is true is that nothing is lost by it (070.general, corrected).",
    scope(actions=">= 1"),
    Counterexample(independent, {"joint": [["1/2", 0], [0, "1/2"]]}, "== 0"),
)
