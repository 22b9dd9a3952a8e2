"""The graph of two agents with options: report (77)-(79), (81).

    P(τ, O^i=1 | O^-i=1) = P(s_0) P(z_{−1}) P(y_{−1}) Π_t P(s'|s,a,b) P(d|s,y_) P(y|s,y_,d) P(b|s,y)
                           P(c|s,z_) P(z|s,z_,c,b) P(a|s,z) exp βR(s,a,b)                 (77), (78)

and q with six policies for the six priors (79). Proofs leave the laws any arguments that are drawn
before; letters, shapes and trajectories as in ``_multi_options``.
"""

from __future__ import annotations

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    distribution,
    instances,
    number,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import identity
from tabular_marl.verification.claims._multi_options import (
    GAME,
    PLAYED,
    PRIORS,
    START,
    UNDISCOUNTED,
    Match,
    Q,
    Team,
    begin,
    family,
    policies_of,
)
from tabular_marl.verification.claims._options import constant, even
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

OPTIONS = scope(options=">= 1", opponent_options=">= 1")

# -- (77), (79): misprints of the product ----------------------------------------------------------


def one_law_twice(arithmetic: Arithmetic, first: Numbers, second: Numbers) -> Numbers:
    """Σ over (z_0, y_0, c_0, d_0) of P(z_0) P(z_0) P(c_0) P(c_0), minus 1; y has ``second`` values,
    all of weight 1, as has d."""
    options = (first * first).sum(axis=0) * second.sum(axis=0)
    return options * options - 1


row(
    "report.077.names.printed",
    "refuted",
    "report (77)",
    r"P(z_0^i)P(z_0^i)P(b_0^i)P(b_0^i) \text{ is the law of } (z_0^i, z_0^{-i}, b_0^i, b_0^{-i})",
    "The agent's laws stand twice, the opponent's are missing; (79) has them right. On the left "
    "b^i is named twice more. Two agent options, one of the opponent: mass 1/4.",
    OPTIONS,
    Counterexample(one_law_twice, {"first": ["1/2", "1/2"], "second": [1]}, "== 0"),
)


def drawn_twice(
    arithmetic: Arithmetic, first: Numbers, end: Numbers, start_end: Numbers
) -> Numbers:
    """Σ over (z_0, c_0) of P(z_0) P(c_0) P(c_0|s_0,z_{−1}) P(z_0|s_0,z_{−1},c_0), minus 1; the
    master's law is ``first`` too, and z_{−1} is the first option."""
    kept = constant(arithmetic, [1] + [0] * (len(first) - 1))
    both = start_end[0] * end[0] * kept + start_end[1] * end[1] * first
    return (first * both).sum(axis=0) - 1


row(
    "report.077.initial.printed",
    "refuted",
    "report (77); report (79)",
    r"P(z_0)P(b_0)\prod_{t=0}^{T} P(z_t|s_t, z_{t-1}, b_t, \cdot)P(b_t|s_t, z_{t-1}) "
    r"\text{ gives } z_0, b_0 \text{ one law}",
    "As in (69), and for b_0 as well: z_0 and b_0 are drawn twice, z_{−1} never. 'Fix the Time "
    "step', says the author's own mark before (77).",
    OPTIONS,
    Counterexample(
        drawn_twice,
        {"first": ["1/2", "1/2"], "end": ["1/2", "1/2"], "start_end": ["1/2", "1/2"]},
        "== 0",
    ),
)


def repeated(arithmetic: Arithmetic, chance: Numbers, times: int) -> Sides:
    """P(O^-i=1)^{T+1}, and P(O^-i=1)."""
    return sides(chance**times, chance)


row(
    "report.077.optimality.printed",
    "refuted",
    "report (77); report (79)",
    r"\prod_{t=0}^{T}\cdots P(O^{-i}_{1:T}=1) = P(O^{-i}_{1:T}=1)\prod_{t=0}^{T}\cdots",
    "The probability of the whole event O^-i_{1:T} = 1 stands inside the product over t, in (77) "
    "and in (79). (No bracket ends the product; read as ending before it, this is right.)",
    scope(chance="(0, 1]", times=">= 1"),
    Counterexample(repeated, {"chance": "1/2", "times": 2}, "== 0"),
)


def prove_cancels() -> Proof:
    q, joint, factor = positive("q"), positive("joint"), positive("factor")
    left = sympy.log(q * factor / (joint * factor))
    return prove_zero(left - sympy.log(q / joint), "a factor common to (77) and (79) cancels")


row(
    "report.077.cancels.added",
    "proved",
    "report (77); report (79); report (80)",
    r"\log\frac{q}{P} \text{ is the same with any power of } P(O^{-i}_{1:T}=1) \text{ in both}",
    "So that misprint does not reach (80).",
    UNDISCOUNTED,
    Symbolic(prove_cancels),
)


def from_one(arithmetic: Arithmetic, reward: Numbers, transition: Numbers, like: Numbers) -> Sides:
    """(77), (79) read literally at T = 1: the law of what has t = 1 against the product; one option
    each, uniform priors."""
    match = Match(Team.even(arithmetic, like), reward, transition, 1)
    whole = match.joint(constant(arithmetic, [[[1]]]), 2)
    others = (*range(7), 8, 9, 14)  # s_0, z_{−1}, y_{−1}, d_0 … a_0, z_0, y_0, s_2
    return sides(whole.sum(axis=others, keepdims=True) + 0 * whole, whole)


row(
    "report.077.index.printed",
    "refuted",
    "report (77); report (79)",
    r"P(s_{1:T}, a_{1:T}, \ldots) = P(s_0)\cdots\prod_{t=0}^{T}\cdots P(s_{t+1}|\cdot)\cdots",
    "As (2) and (69): everything of t = 0, and s_{T+1}, is missing on the left.",
    UNDISCOUNTED,
    Counterexample(
        from_one,
        {"reward": [[[0], [0]]], "transition": [[[[1]], [[1]]]], "like": [[[[[0, 0]]]]]},
        "== 0",
    ),
)


def given_optimal(arithmetic: Arithmetic, prior: Numbers, optimality: Numbers) -> Sides:
    """P(b), and P(b | O^-i=1) where O^-i depends on b; one state, one time."""
    joint = prior * optimality
    return sides(prior, joint / joint.sum(axis=0))


row(
    "report.077.conditioning.printed",
    "refuted",
    "report (77)",
    r"P_{\mathrm{prior}}(a^{-i}|s, z^{-i}) = P(a^{-i}|s, z^{-i}, O^{-i}=1)",
    "(77) is P(O^-i=1) P(τ|O^-i=1) P(O^i=1|τ, O^-i=1) with priors for P(τ|O^-i=1). If O^-i depends "
    "on the opponent's play, conditioning changes the priors, as in (2).",
    scope(opponent_actions=">= 1"),
    Counterexample(given_optimal, {"prior": ["1/2", "1/2"], "optimality": [1, "1/2"]}, "== 0"),
)


def prove_mass() -> Proof:
    total = positive("before")
    for share in positive("p", 8):  # O, s', a, z, c, b, y, d in turn, one outcome against the rest
        total = total * share + total * (1 - share)
    return prove_zero(total - positive("before"), "each conditional sums to one, last drawn first")


def model_mass(
    arithmetic: Arithmetic,
    initial: Numbers,
    before: Numbers,
    opponent_before: Numbers,
    reward: Numbers,
    transition: Numbers,
    **priors: Numbers,
) -> Numbers:
    """Σ over trajectories of one step, and over O, of (77), minus 1."""
    match = Match(Team.of(arithmetic, **priors), reward, transition, 1)
    law = match.law(begin(initial, before, opponent_before), *([p] for p in match.options.priors))
    return law.sum(axis=match.every(1)) - 1


row(
    "report.077.corrected",
    "proved",
    "report (77)",
    r"P(s_{0:T+1}, \ldots, z^{\pm i}_{-1:T}, b^{\pm i}_{0:T}, O^i=1 | O^{-i}=1) = P(s_0) "
    r"P(z^i_{-1}) P(z^{-i}_{-1}) \prod_{t=0}^T\cdots \text{ is the part } O^i=1 \text{ of a law of "
    r"mass } 1",
    "Each variable is drawn once, given ones drawn before it: d, y, b, c, z, a, s'. No law for "
    "b_{−1} is needed.",
    UNDISCOUNTED,
    Symbolic(prove_mass),
    identity(model_mass, family(START, GAME, PRIORS, times=(1, 1)), examples=256),
    assumes=("priors are those given O^-i = 1", "exp βR is a probability (shifted so)"),
)


def q_mass(
    arithmetic: Arithmetic,
    initial: Numbers,
    before: Numbers,
    opponent_before: Numbers,
    transition: Numbers,
    **policies: Numbers,
) -> Numbers:
    """Σ over trajectories of (79), minus 1."""
    match = Match(Team(arithmetic, ()), 0 * transition[:, :, :, 0], transition, 1)
    plays = map(list, policies_of(policies))
    law = match.law(begin(initial, before, opponent_before), *plays)
    return law.sum(axis=match.every(len(policies["agent"]))) - 1


row(
    "report.079.corrected",
    "proved",
    "report (79)",
    r"q \text{ with } P(s_0)P(z^i_{-1})P(z^{-i}_{-1}) \text{ before the product sums to } 1",
    "As (77). θ names both π's and ρ's parameters; nothing depends on it.",
    UNDISCOUNTED,
    Symbolic(prove_mass),
    identity(
        q_mass,
        family(START, {"transition": GAME["transition"]}, PLAYED, times=(1, 1)),
        examples=256,
    ),
)

# -- (78) ------------------------------------------------------------------------------------------


def prove_proportional() -> list[Proof]:
    weight, total, factor, prior, t = (
        positive(n) for n in ("weight", "total", "factor", "prior", "t")
    )
    what = "every trajectory and the evidence carry the same factor c^{T+1}"
    tilted = prior * t * factor / (total * factor) - prior * t / total
    return [
        prove_zero(weight * factor / (total * factor) - weight / total, what),
        prove_zero(tilted, "and so does every tilt above and below"),
    ]


def proportional(arithmetic: Arithmetic, q: Numbers, c: Numbers, **priors: Numbers) -> Sides:
    """The agent's policy for Q + c and for Q."""
    team = Team.of(arithmetic, **priors)
    return sides(team.tilts(q + c)[0], team.tilts(q)[0])


def unconditioned(arithmetic: Arithmetic, reward: Numbers) -> Sides:
    """exp βR of all (s, a, b), and one number for all: the first."""
    likely = arithmetic.exp(reward)
    return sides(likely, likely[:1] + 0 * likely)


row(
    "report.078.conditioning.printed",
    "refuted",
    "report (78); report (77)",
    r"P(O^i_t=1|O^{-i}_{1:T}=1) = c \exp(\beta R^i(s_t, a^i_t, a^{-i}_t)) \text{ for all } (s_t, "
    r"a^i_t, a^{-i}_t)",
    "The left side is one number, here and in (77): it must be given s_t, a^i_t, a^-i_t too, as "
    "(41) and (95) have it. Rewards 0 and 1.",
    scope(outcomes=">= 1"),
    Counterexample(unconditioned, {"reward": [0, 1]}, "== 0"),
)
row(
    "report.078.corrected",
    "proved",
    "report (78)",
    r"P(O^i_t=1|s_t, a^i_t, a^{-i}_t, O^{-i}_{1:T}=1) \propto \exp(\beta R^i): \text{ the constant "
    r"changes neither the posterior nor a policy}",
    "∝ is enough, with one constant for all (s, a^i, a^-i); log P(O=1) moves by (T + 1) log c.",
    UNDISCOUNTED,
    Symbolic(prove_proportional),
    identity(proportional, family(Q, PRIORS, {"c": number()}, times=(1, 1))),
)

# -- (81) ------------------------------------------------------------------------------------------


def keep_or_choose(arithmetic: Arithmetic, master: Numbers) -> Numbers:
    """Σ_z of (1−c) δ(z,z_) + c η(z) and of the same with 1/m, minus 1, at c = 0, 1."""
    same = constant(arithmetic, np.eye(len(master), dtype=int).tolist())
    laws = (master, even(arithmetic, master))
    return np.stack([(1 - c) * same + c * law for c in (0, 1) for law in laws]).sum(axis=2) - 1


def prove_keep_or_choose() -> list[Proof]:
    c, m, eta = sympy.Symbol("c"), positive("m"), positive("eta")
    log = sympy.log
    return [
        prove_zero((1 - c) + c * (eta + (1 - eta)) - 1, "policies: δ and η each sum to one"),
        prove_zero((1 - c) + c * m * (1 / m) - 1, "priors: m options of 1/m each"),
        prove_zero(log(sympy.Integer(1) / 1), "at c = 0 the log-ratio is δ over δ: 0"),
    ]


row(
    "report.081.printed",
    "proved",
    "report (81)",
    r"(1-b)\,\delta(z - z_{t-1}) + b\,q^H_\phi \text{ and } (1-b)\,\delta(z - z_{t-1}) + b/m "
    r"\text{ are laws of } z, \text{ for both agents}",
    "As (71). One letter m, and one φ, serves both agents: the numbers of options may differ. The "
    "prior of the agent's option ignores a^-i, which is allowed.",
    scope(options=">= 1"),
    Symbolic(prove_keep_or_choose),
    identity(
        keep_or_choose,
        instances({"options": (1, 3)}, master=distribution("options")),
    ),
)
