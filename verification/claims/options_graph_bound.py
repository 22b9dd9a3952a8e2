"""The master of soft options and the bound on their evidence: report (71), (72).

    π^H(z|s,z_,b) = (1 − b) δ(z, z_) + b η(z|s),   the prior likewise, with P^H(z|s) = 1/m (71)
    KL(q ‖ P(τ|O=1)) = log P(O=1) − E_q Σ_{t=0}^T (…)                                   (72)

for P and q of (69), (70). Shapes and trajectories as in ``_options``; integrals are sums.
"""

from __future__ import annotations

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._options import (
    GAME,
    GAMES,
    GIBBS,
    PLAYED,
    PLAYS,
    SMALL,
    START,
    UNDISCOUNTED,
    begin,
    constant,
    family,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.options_graph import play_of
from tabular_marl.verification.relation import Sides

# -- (71) ------------------------------------------------------------------------------------------


def keep_or_choose(arithmetic: Arithmetic, master: Numbers, prior: Numbers) -> Numbers:
    """Σ_z of both lines of (71) at b = 0, 1 and every z_, minus 1."""
    same = constant(arithmetic, np.eye(len(master), dtype=int).tolist())
    tables = [(1 - b) * same + b * law[None] for b in (0, 1) for law in (master, prior)]
    return np.stack(tables).sum(axis=2) - 1


def prove_keep_or_choose() -> list[Proof]:
    b, m, eta = sympy.Symbol("b"), positive("m"), positive("eta")
    kept = 1
    return [
        prove_zero((1 - b) * kept + b * (eta + (1 - eta)) - 1, "δ and η each sum to one"),
        prove_zero((1 - b) * kept + b * m * (1 / m) - 1, "so do m options of 1/m each"),
    ]


row(
    "report.071.printed",
    "proved",
    "report (71)",
    r"(1-b)\,\delta(z - z_{t-1}) + b\,q^H(z|s) \text{ and } (1-b)\,\delta(z - z_{t-1}) + b/m "
    r"\text{ are laws of } z",
    "δ is Kronecker's; m, which the report does not define, is the number of options. (With "
    "densities, 1/m needs a set of volume m.)",
    scope(options=">= 1"),
    Symbolic(prove_keep_or_choose),
    identity(
        keep_or_choose,
        family(
            {"master": distribution("options"), "prior": distribution("options")},
            sizes={"options": (1, 4)},
        ),
    ),
)


def prove_regularisation() -> list[Proof]:
    eta, prior = positive("eta"), positive("prior")

    def ratio(b: int) -> sympy.Expr:
        return sympy.log(((1 - b) + b * eta) / ((1 - b) + b * prior))  # at z = z_, where δ = 1

    log = sympy.log
    return [
        prove_zero(ratio(0), "b = 0: z = z_ surely, δ over δ"),
        prove_zero(ratio(1) - log(eta / prior), "b = 1: η over P^H"),
    ]


row(
    "report.071.regularisation.printed",
    "proved",
    "report (71); report (72); report B.1.1",
    r"\log\frac{\pi^H(z_t|s_t, z_{t-1}, b_t)}{P^H_{\mathrm{prior}}(z_t|s_t, z_{t-1}, b_t)} = "
    r"b_t \log\frac{q^H(z_t|s_t)}{P^H_{\mathrm{prior}}(z_t|s_t)}",
    "'The regularization for π^H only applies when we actually use the master': true because the "
    "kept option has one and the same δ in policy and prior, and b is observed.",
    scope(options=">= 1"),
    Symbolic(prove_regularisation),
)


def decided(arithmetic: Arithmetic, master: Numbers) -> Numbers:
    """η(z) (1 − η(z)), zero where b = 1 alone says which option comes."""
    return master * (1 - master)


row(
    "report.2.1.termination.printed",
    "refuted",
    "report 2.1; report (71)",
    r"\text{the termination policy } \pi^T \text{ tells what the next option should be}",
    "It tells whether there is a next option: at b = 1 the option is the master's to draw (71).",
    scope(options=">= 1"),
    Counterexample(decided, {"master": ["1/2", "1/2"]}, "== 0"),
)

# -- (72) ------------------------------------------------------------------------------------------


def bound_from_one(
    arithmetic: Arithmetic,
    initial: Numbers,
    before: Numbers,
    reward: Numbers,
    transition: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
) -> Sides:
    """KL, and log P(O=1) − Σ_{t=1}^T of (72) as printed (t = 0 left out); uniform priors."""
    play = play_of(arithmetic, reward, transition, low[0])
    policies = list(low), list(master), list(stop)
    start = begin(initial, before)
    left, evidence = play.divergence(start, *policies)
    first = [[table[0]] for table in policies]
    from_zero = play.objective(start, *policies)
    return sides(left, evidence - (from_zero - play.objective(start, *first)))


row(
    "report.072.index.printed",
    "refuted",
    "report (72)",
    r"D_{KL}(q \| P(\tau|O=1)) = \log P(O=1) - E\Big[\sum_{t=1}^{T} \beta r - \cdots\Big]",
    "(69) and (70) have T + 1 steps, from t = 0; the sum of (72) leaves the first one out. One "
    "action, βr = −1, T = 1: 0 against −1.",
    UNDISCOUNTED,
    Counterexample(
        bound_from_one,
        {
            "initial": [1],
            "before": [1],
            "transition": [[[1]]],
            "reward": [[-1]],
            "low": [[[[1]]]] * 2,
            "master": [[[1]]] * 2,
            "stop": [[[["1/2", "1/2"]]]] * 2,
        },
        "== 0",
    ),
)


def prove_step() -> Proof:
    names = ("q", "joint", "pi", "eta", "tau", "p", "ph", "pt", "move", "t")
    q, joint, pi, eta, tau, p, ph, pt, move, t = (positive(n) for n in names)
    log = sympy.log
    longer = log(q * pi * eta * tau * move / (joint * p * ph * pt * move * t))
    term = log(pi / p) + log(eta / ph) + log(tau / pt) - log(t)
    what = "one more step adds the three log-ratios − βr, t = e^{βr}; P(s'|s,a) cancels"
    return prove_zero(longer - log(q / joint) - term, what)


row(
    "report.072.step.added",
    "proved",
    "report (72)",
    r"\log\frac{q(\tau)}{P(\tau, O=1)} = \sum_{t=0}^{T}\Big(\log\frac{\pi}{P} + "
    r"\log\frac{\pi^H}{P^H} + \log\frac{\pi^T}{P^T} - \beta r\Big) \text{ on every trajectory}",
    "The logarithm of the product, by induction over time.",
    UNDISCOUNTED,
    Symbolic(prove_step),
)


def bound(
    arithmetic: Arithmetic,
    initial: Numbers,
    before: Numbers,
    reward: Numbers,
    transition: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
    **priors: Numbers,
) -> Sides:
    """KL(q ‖ P(τ|O=1)), and log P(O=1) − (72) with t from 0."""
    play = play_of(arithmetic, reward, transition, low[0], 1, **priors)
    policies = list(low), list(master), list(stop)
    start = begin(initial, before)
    left, evidence = play.divergence(start, *policies)
    return sides(left, evidence - play.objective(start, *policies))


row(
    "report.072.corrected",
    "proved",
    "report (72)",
    r"D_{KL}(q \| P(\tau|O=1)) = \log P(O=1) - E_q\Big[\sum_{t=0}^{T} \beta r - "
    r"\log\frac{\pi}{P} - \log\frac{\pi^H}{P^H} - \log\frac{\pi^T}{P^T}\Big]",
    "From t = 0; no γ, since the graph has none.",
    UNDISCOUNTED,
    Deduction(
        ("report.072.step.added", "report.070.corrected"),
        "substitution of equals",
        "E_q of the identity on every trajectory; log P(O=1) comes out because q has mass one",
    ),
    identity(bound, family(START, GAME, PLAYED, sizes=SMALL), examples=512),
    assumes=(
        "P(O_t=1|s_t, a_t) = exp βr, which 2.1 does not define",
        "π ≪ P, π^H ≪ P^H, π^T ≪ P^T (else both sides are infinite)",
    ),
)


def below_evidence(arithmetic: Arithmetic, **play: Numbers) -> Numbers:
    """log P(O=1) − (72)."""
    return bound(arithmetic, **play).left


row(
    "report.072.bound.corrected",
    "proved",
    "report (72)",
    r"\text{(72), summed from } t = 0, \text{ is a lower bound of } \log P(O=1)",
    "'The ELBO is equal to': a bound by Gibbs' or Jensen's inequality alike; exact only if q can "
    "be the posterior, which transitions that are not deterministic forbid.",
    UNDISCOUNTED,
    Deduction(("report.072.corrected", GIBBS), "chain of inequalities", "log P(O=1) − (72) = KL"),
    inequality(below_evidence, family(START, GAME, PLAYED, sizes=SMALL), examples=512),
    assumes=("P(O_t=1|s_t, a_t) = exp βr, which 2.1 does not define",),
)
row(
    "report.072.survival.added",
    "proved",
    "report (72); report (76)",
    r"\text{(72) of the graph that ends with probability } 1-\gamma \text{ before each step} = "
    r"E_q\Big[\sum_t \gamma^t (\cdots)\Big]",
    "Where a discount can come from; (72) as printed has none, and 2.1 never mentions γ.",
    PLAYS,
    Deduction(
        ("report.006.survival.added",),
        "special case",
        "the argument is about any costs c_t of a step: play is alive at t with probability γ^t",
    ),
)


def first_and_last(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, low: Numbers, gamma: Numbers
) -> Sides:
    """π_0 and π_1 of the optimum for T = 1; uniform priors."""
    play = play_of(arithmetic, reward, transition, low, gamma)
    first, last = play.best(2, 0 * low[:, :, 0])[0]
    return sides(first, last)


row(
    "report.072.stationary.printed",
    "refuted",
    "report (70); report (72); report (76)",
    r"\text{one } \pi_\theta, \pi^H_\phi, \pi^T_\phi \text{ and one } Q \text{ for all } t "
    r"\text{ attain the maximum of (72), } T < \infty",
    "(70) and (76) write no time on policies and Q. With a finite T the maximiser depends on t: "
    "an action that pays tomorrow counts at t = 0 and not at t = T.",
    GAMES,
    Counterexample(
        first_and_last,
        {
            "reward": [[0, 0], [1, 1]],
            "transition": [[[1, 0], [0, 1]], [[0, 1], [0, 1]]],
            "low": [[["1/2", "1/2"]], [["1/2", "1/2"]]],
            "gamma": 1,
        },
        "== 0",
    ),
)
