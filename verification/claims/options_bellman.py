"""The Bellman equation of soft options, and what solves (72): report (72), (76), (170), B.1.1.

    Q(s,a,z) = βr(s,a) + γ E_{s'}[U(s',z)]          printed without γ                    (76), (170)

Without γ it is the backward induction of (72), with tables for each time; as an equation for one Q
it has no solution in general. With γ < 1 it is a γ-contraction. Shapes as in ``_options``.
"""

from __future__ import annotations

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    discount,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import inequality
from tabular_marl.verification.claims._options import (
    GAME,
    LOW,
    MONOTONE,
    PLAYED,
    PLAYS,
    PRIORS,
    SHIFT,
    SIZES,
    STAGE,
    START,
    UNIT,
    Options,
    Play,
    Q,
    begin,
    family,
    mean,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

ARRIVAL = {"value": array("states", "options"), "other": array("states", "options")}
CONTRACTION = scope(states=">= 1", options=">= 1", actions=">= 1", gamma="[0, 1)")


def play_of(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    like: Numbers,
    **priors: Numbers,
) -> Play:
    """A game with its options; ``like`` [S, Z, A] gives the sizes."""
    return Play(Options.of(arithmetic, like, **priors), reward, transition, gamma)


# -- (76): the discount ----------------------------------------------------------------------------


def undiscounted_residual(arithmetic: Arithmetic, q: Numbers, reward: Numbers) -> Sides:
    """Q and the right side of (76) as printed: one state, one option, one action."""
    return sides(q, reward + q)  # U = V^H = V = Q


row(
    "report.076.discount.printed",
    "refuted",
    "report (76); report (170)",
    r"Q(s,a,z) = \beta r(s,a) + E_{s'}[U(s',z)] \text{ has a solution } Q",
    "γ is missing. With one state, option and action U = Q, and Q = βr + Q has no solution unless "
    "r = 0 (the next row). The option framework, to which (170) is said to be 'a complete "
    "analogy', has γ; so has (86).",
    scope(reward="(-inf, inf)"),
    Counterexample(undiscounted_residual, {"q": 0, "reward": 1}, "== 0"),
    rests_on=("report.076.no-solution.added",),
)


def prove_no_solution() -> Proof:
    q, reward = positive("q"), positive("reward")
    return prove_zero(q - (reward + q) + reward, "the residual is −βr whatever Q is")


row(
    "report.076.no-solution.added",
    "proved",
    "report (76); report (170)",
    r"\text{one state, option and action: } Q - (\beta r + U) = -\beta r \text{ for every } Q",
    "So no Q solves the printed equation there, and iterating it diverges.",
    scope(states="1", options="1", actions="1"),
    Symbolic(prove_no_solution),
)


def prove_constant() -> Proof:
    w, u = positive("w"), positive("U")
    return prove_zero(w * u + (1 - w) * u - u, "Σ w U = U for weights that sum to one")


row(
    "report.076.expectation.printed",
    "proved",
    "report (76); report (170)",
    r"E_{a_{t+1}, z_{t+1}, b_{t+1}}[U(s_{t+1}, z_t)] = U(s_{t+1}, z_t)",
    "The inner expectation is over variables that U no longer contains: superfluous, harmless. "
    "(Averaging the bracket of U instead would be another equation, (176).)",
    STAGE,
    Symbolic(prove_constant),
)


def backup_distance(
    arithmetic: Arithmetic, value: Numbers, other: Numbers, gamma: Numbers, **game: Numbers
) -> Numbers:
    """γ ‖U − W‖ − ‖TU − TW‖, T the corrected (73)-(76)."""
    play = play_of(arithmetic, gamma=gamma, like=game["low_prior"], **game)
    one, two = (play.options.soft(play.backup(u)) for u in (value, other))
    return gamma * arithmetic.norm(value - other) - arithmetic.norm(one - two)


row(
    "report.076.undiscounted.added",
    "proved",
    "report (76); report (170)",
    r"\gamma = 1: \ \|TU - TW\|_\infty \le \|U - W\|_\infty, \text{ and no better}",
    "(76) as printed is non-expansive and, since T(U + c) = TU + c, no contraction.",
    STAGE,
    Deduction(
        (MONOTONE, SHIFT),
        (
            "composition of monotone shift-equivariant maps",
            "monotone and shift-equivariant implies non-expansive",
        ),
        "V, V^H, {V, V^H}, U are monotone and move with constants, expectations too",
    ),
    inequality(backup_distance, family(GAME, ARRIVAL, {"gamma": discount(1, 1)})),
)
row(
    "report.076.contraction.corrected",
    "proved",
    "report (76); report (170)",
    r"Q = \beta r + \gamma E[U(s',z)],\ \gamma < 1: \ "
    r"\|TU - TW\|_\infty \le \gamma \|U - W\|_\infty",
    "With γ: so one solution, reached from any start.",
    CONTRACTION,
    Deduction(
        (MONOTONE, SHIFT),
        (
            "composition of monotone shift-equivariant maps",
            "monotone and shift-equivariant implies non-expansive",
            "non-expansive after a discounted expectation",
            "banach fixed point",
        ),
        "as in the row before, with γ before the expectation",
    ),
    inequality(backup_distance, family(GAME, ARRIVAL, {"gamma": discount()})),
)


def forgotten(arithmetic: Arithmetic, value: Numbers, gamma: Numbers, **game: Numbers) -> Numbers:
    """γ^4 ‖W‖ − ‖U_0 ended by 0 − U_0 ended by W‖, four steps."""
    play = play_of(arithmetic, gamma=gamma, like=game["low_prior"], **game)
    zero, end, weight = 0 * value, value, 1
    for _ in range(4):
        zero, end = (play.options.soft(play.backup(u)) for u in (zero, end))
        weight = weight * gamma
    return weight * arithmetic.norm(value) - arithmetic.norm(zero - end)


row(
    "report.076.limit.corrected",
    "proved",
    "report (76)",
    r"\|U^{(T)}_0 - U^*\|_\infty \le \gamma^{T+1}\|U^*\|_\infty",
    "The stationary solution is the limit T → ∞ of the tables that maximise (72) with γ^t.",
    CONTRACTION,
    Deduction(
        ("report.076.contraction.corrected",),
        "backward induction over time",
        "each step brings the ends 0 and U* closer by γ; U* reproduces itself",
    ),
    inequality(
        forgotten, family(GAME, {"value": ARRIVAL["value"], "gamma": discount()}), examples=1000
    ),
)

# -- which system solves (72) ----------------------------------------------------------------------


def solved(
    arithmetic: Arithmetic,
    initial: Numbers,
    before: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Numbers:
    """(72) with γ^t at the corrected system minus at other time-dependent policies."""
    play = play_of(arithmetic, gamma=gamma, like=low[0], **game)
    start = begin(initial, before)
    best = play.objective(start, *play.best(len(low), 0 * start))
    return best - play.objective(start, list(low), list(master), list(stop))


row(
    "report.076.corrected",
    "proved",
    "report (72); report (76); report (170); report B.1.1",
    r"\text{(73), (74) as corrected, (75) with } Q_t = \beta r + \gamma E[U_{t+1}],\ U_{T+1} = 0 "
    r"\text{ maximise (72) with } \gamma^t",
    "'We shall repeat the process': backward induction; γ = 1 is (72) itself, from t = 0, and "
    "then (76) is right as a recursion over t.",
    PLAYS,
    Deduction(
        ("report.075.corrected",),
        "backward induction over time",
        "whatever happens before t, U_{t+1} is what the rest is worth at best from (s', z)",
    ),
    inequality(
        solved,
        family(START, GAME, PLAYED, UNIT, sizes={**SIZES, "times": (1, 3)}),
        examples=1500,
    ),
    assumes=("π ≪ P, π^H ≪ P^H, π^T ≪ P^T (else (72) is −∞)",),
)


def two_orders(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """η of (74), from the master first, and of (179), from the low level first; uniform priors."""
    options = Options.of(arithmetic, q)
    first = options.master_tilt(mean(q, options.low_tilt(q)))
    return sides(first, options.master_tilt(options.low_soft(q)))


row(
    "report.B.1.2.order.printed",
    "refuted",
    "report 2.1; report (74); report (179)",
    r"\text{solving the lower level first, (179), yields the same master policy as (74)}",
    "Not as printed: (74) weighs options by E_π[Q], (179) by V.",
    STAGE,
    Counterexample(two_orders, {"q": [[[1, -1], [0, 0]]]}, "== 0"),
)


def master_first(arithmetic: Arithmetic, q: Numbers, low: Numbers, **priors: Numbers) -> Numbers:
    """V^H − log Σ P^H exp Q^H_π, what the best master makes of another π, (160) as corrected."""
    options = Options.of(arithmetic, q, **priors)
    best = options.master_soft(options.low_soft(q))
    return best - options.master_soft(options.low_value(q, low))


row(
    "report.B.1.2.order.corrected",
    "proved",
    "report 2.1; report B.1.2; report (175); report (179)",
    r"\max_{\pi} \max_{\pi^H} = \max_{\pi^H} \max_{\pi}: \text{ both orders end at (73), (74) as "
    r"corrected}",
    "Maxima commute and the maximiser is unique; the low level first is indeed the simpler way.",
    STAGE,
    Deduction(
        ("report.075.identity.added", "report.075.corrected"),
        "special case",
        "the loss is a sum of divergences, zero only there; no order enters",
    ),
    inequality(master_first, family(Q, PRIORS, LOW)),
)


def prior_arrival(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Numbers:
    """U − E_{P^T}[b V^H + (1 − b) V]."""
    options = Options.of(arithmetic, q, **priors)
    kept = options.low_soft(q)
    chosen = options.master_soft(kept)
    return options.soft(q) - options.stop_value(kept, chosen, options.stop_prior)


row(
    "report.170.option-framework.added",
    "proved",
    "report (75); report (170)",
    r"U(s,z) \ge P^T(0|s,z) V(s,z) + P^T(1|s,z) V^H(s)",
    "The value on arrival of the option framework, with the prior's termination probabilities, is "
    "a lower bound: (170) is its analogue with a log-mean-exp (and γ) in place of the mean.",
    STAGE,
    Deduction(("report.075.printed",), "special case", "τ = P^T, whose divergence from P^T is 0"),
    inequality(prior_arrival, family(Q, PRIORS)),
)
