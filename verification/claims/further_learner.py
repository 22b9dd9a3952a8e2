"""Does the start matter against a Q-learner? FURTHER A, Figure 6, Table 1.

The iterated prisoner's dilemma; j learns stateless values, q(b) ← (1 − α) q(b) + α (r + γ max q),
and plays the greedy action, or any with probability ε. The value played never falls below
min r/(1 − γ) for good, so two sets of starts lock a greedy j into C, and into D. With α = 1, γ = 0
states are finitely many and agent i's best average is the largest mean over a cycle. Exploring
overwrites the start. Payoffs: own action first, −1, −3, 0, −2 at CC, CD, DC, DD for either.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Enumeration,
    Proof,
    Symbolic,
    positive,
    prove_nonnegative,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rows import row

C, D = 0, 1
#: of a player, [own action, the other's]
PAYOFF = ((-1, -3), (0, -2))

Values = tuple[Any, Any]


def learned(q: Values, own: int, played: int) -> Values:
    """α = 1, γ = 0: the value of what j played is what j was paid."""
    paid = PAYOFF[played][own]
    return (paid, q[D]) if played == C else (q[C], paid)


def greedy(q: Values) -> int:
    """C on a tie."""
    return D if q[D] > q[C] else C


def best_average(start: Values) -> Fraction:
    """The largest mean payoff to agent i over a cycle that it can reach from ``start``."""
    reached = [start]
    for q in reached:  # grows while it is read
        for own in (C, D):
            after = learned(q, own, greedy(q))
            if after not in reached:
                reached.append(after)
    best = Fraction(-3)
    for q in reached:
        for length in range(1, len(reached) + 1):
            for plan in product((C, D), repeat=length):
                at, total = q, 0
                for own in plan:
                    total += PAYOFF[own][greedy(at)]
                    at = learned(at, own, greedy(at))
                if at == q:
                    best = max(best, Fraction(total, length))
    return best


def plateau(q: Values) -> int:
    """What :func:`best_average` is, in one line each."""
    if q[D] > q[C]:
        return -2 if q[C] < -2 else -1
    return 0 if q[D] <= -3 else -1


def plateaus(arithmetic: Arithmetic, first: Numbers, second: Numbers) -> Any:
    """Agent i's best average against a greedy j that starts at (first, second)."""
    found = best_average((first, second))
    return sides(arithmetic.number(found), arithmetic.number(plateau((first, second))))


def same_from(
    arithmetic: Arithmetic, first: Numbers, second: Numbers, third: Numbers, fourth: Numbers
) -> Any:
    """The best averages from (first, second) and from (third, fourth)."""
    one, other = best_average((first, second)), best_average((third, fourth))
    return sides(arithmetic.number(one), arithmetic.number(other))


def brought_about(arithmetic: Arithmetic, first: int, second: int) -> Any:
    """Whether agent i can make j's values (first, second) in two steps from any start at all,
    where j plays either action with positive probability."""
    start = ("any", "any")
    after = [learned(start, own, b) for own in (C, D) for b in (C, D)]
    twice = [learned(q, own, b) for q in after for own in (C, D) for b in (C, D)]
    return sides(arithmetic.number(int((first, second) in twice)), arithmetic.number(1))


def quiet_locks(arithmetic: Arithmetic, quiet: Numbers) -> Any:
    """Bounds on agent i's best average where j never explores with probability ``quiet``: at least,
    from a start that locks j into C; at most, from one that locks it into D."""
    at_least = quiet * PAYOFF[D][C] + (1 - quiet) * PAYOFF[C][D]
    at_most = quiet * PAYOFF[D][D] + (1 - quiet) * PAYOFF[D][C]
    return sides(at_most, at_least)


# -- proofs ----------------------------------------------------------------------------------------


def prove_floor() -> list[Proof]:
    import sympy

    above, more, extra, m = (positive(name) for name in ("above", "more", "extra", "m"))
    a, rest, g, left = (positive(name) for name in ("a", "rest", "g", "left"))
    alpha, gamma = a / (a + rest), g / (g + left)
    # the floor is −m; q = −m + above, r = −m (1 − γ) + extra, max q = q + more
    q = above - m
    moved = (1 - alpha) * q + alpha * (extra - m * (1 - gamma) + gamma * (q + more))
    over = sympy.together(moved + m)
    under = -m - above  # a value below the floor
    risen = alpha * (extra - m * (1 - gamma) + gamma * (under + more) - under)
    return [
        prove_nonnegative(sympy.together(risen), "q below the floor does not fall, γ in (0, 1)"),
        prove_nonnegative(sympy.together(risen).subs(g, 0), "nor for γ = 0"),
        prove_nonnegative(over, "α in (0, 1), γ in (0, 1)"),
        prove_nonnegative(over.subs(rest, 0), "α = 1"),
        prove_nonnegative(over.subs(g, 0), "γ = 0"),
        prove_nonnegative(over.subs(g, 0).subs(rest, 0), "both"),
    ]


def prove_exploring() -> Iterator[Proof]:
    """Potentials h with −1 − 5ε/2 <= r + P h − h (one policy), r + P h − h <= −1 + ε (all)."""
    import sympy

    rest = positive("rest")
    e = 1 / (2 + rest)  # ε/2, in (0, 1/2)
    states = list(product((-1, -3), (0, -2)))
    above = {q: sympy.Integer(q[C] == -1) for q in states}
    below = {q: -2 / e if q[C] == -3 else sympy.Integer(0 if q[D] == -2 else -3) for q in states}

    def lift(h: Any, q: Values, own: int) -> Any:
        chances = {greedy(q): 1 - e, 1 - greedy(q): e}
        total = sum(p * (PAYOFF[own][b] + h[learned(q, own, b)]) for b, p in chances.items())
        return sympy.cancel(total - h[q])

    for q, own in product(states, (C, D)):
        yield prove_nonnegative(-1 + 2 * e - lift(above, q, own), f"above at {q}, action {own}")
    for q in states:
        own = D if q == (-1, 0) else C
        yield prove_nonnegative(lift(below, q, own) + 1 + 5 * e, f"below at {q}, action {own}")


# -- claims ----------------------------------------------------------------------------------------

APPENDIX = "FURTHER A"
LEARNER = scope(step_size="(0, 1]", learner_discount="[0, 1)")
TINY = scope(step_size="1", learner_discount="0")
EXPLORING = scope(step_size="1", learner_discount="0", epsilon="(0, 1)")
GRID = [Fraction(k, 2) for k in range(-9, 4)]

row(
    "further.A.greedy.printed",
    "proved",
    APPENDIX,
    r"\text{greedy } j: \text{ agent } i\text{'s best average depends on } \theta^{-i}_0, \text{ "
    r"high on one set of starts, } -2 \text{ on another}",
    "For every step size and discount. If q(D) < min(q(C), −3/(1−γ)), j plays C for ever, and "
    "defecting earns 0. If q(C) < min(q(D), −2/(1−γ)), j plays D for ever, and −2 is best.",
    LEARNER,
    Deduction(
        ("further.A.floor.added",),
        "conjunction",
        "the value played stays above min(q, m), hence above the other, which never changes",
    ),
)
row(
    "further.A.floor.added",
    "proved",
    APPENDIX,
    r"(1-\alpha)\,q + \alpha\,(r + \gamma \max q) \ge \min(q, m), \quad "
    r"m := \tfrac{\min r}{1-\gamma}",
    "Stateless Q-learning does not push a value below the worst payoff for ever; r runs over what "
    "the action can be paid, −3 and −1 for C, −2 and 0 for D.",
    LEARNER,
    Symbolic(prove_floor),
)
row(
    "further.A.two-sets.printed",
    "refuted",
    APPENDIX,
    r"\text{greedy } j: \text{ the best average takes two values, the high one and } -2",
    "Read as all there is. With step size 1, discount 0, ties to C there are three: from (−1, −2) "
    "agent i keeps j at C by cooperating, −1 each; one defection locks j into D.",
    TINY,
    Counterexample(same_from, {"first": -1, "second": -2, "third": -1, "fourth": -4}, "== 0"),
)
row(
    "further.A.plateaus.added",
    "exhausted",
    APPENDIX,
    r"\text{step size 1, discount 0: } q_D > q_C: -2 \text{ if } q_C < -2, \text{ else } -1; \quad "
    r"q_C \ge q_D: 0 \text{ if } q_D \le -3, \text{ else } -1",
    "Every start on a grid of halves that has points in each piece and on each border.",
    scope(
        first="{" + ", ".join(map(str, GRID)) + "}", second="{" + ", ".join(map(str, GRID)) + "}"
    ),
    Enumeration(plateaus, [{"first": c, "second": d} for c in GRID for d in GRID], "== 0"),
)
row(
    "further.A.glie.printed",
    "exhausted",
    APPENDIX,
    r"\text{exploring } j: \text{ agent } i\text{'s best average does not depend on } "
    r"\theta^{-i}_0",
    "Settled for step size 1, discount 0, any fixed ε; the limit for vanishing ε is next. The "
    "general learner has infinitely many values and is not settled here.",
    EXPLORING,
    Deduction(
        ("further.A.overwritten.added",),
        "communicating decision problem",
        "from any start, two steps make any of the four pairs of values, and once both actions "
        "have been played there are no others",
    ),
    assumes=("step size 1, discount 0",),
)
row(
    "further.A.overwritten.added",
    "exhausted",
    APPENDIX,
    r"\text{two steps bring about any } (q_C, q_D) \in \{-1, -3\} \times \{0, -2\}",
    "With positive probability, from any start: what j plays is paid as agent i chooses.",
    EXPLORING,
    Enumeration(
        brought_about,
        [{"first": c, "second": d} for c, d in product((-1, -3), (0, -2))],
        "== 0",
        scope=EXPLORING,
    ),
)
row(
    "further.A.exploring.added",
    "proved",
    APPENDIX,
    r"-1 - \tfrac{5}{2}\epsilon \le \rho^*_\epsilon \le -1 + \epsilon",
    "So as ε → 0 the common value is −1: neither the 0 that a locked j can be exploited for, nor "
    "−2. Greedy is not the limit of exploring, which is the point of Figure 6.",
    EXPLORING,
    Symbolic(prove_exploring),
)
row(
    "further.A.summable.added",
    "refuted",
    APPENDIX,
    r"\epsilon_t \to 0 \text{ with } \epsilon_t > 0 \text{ is enough: agent } i\text{'s best "
    r"average does not depend on } \theta^{-i}_0",
    "GLIE asks for infinitely many explorations, and it is needed. With ε_t = 4^{-t-1} the chance "
    "of none at all is at least 1 − Σ ε_t = 2/3, and then the locks hold: at most −4/3 from a "
    "start that locks j into D, at least −1 from one that locks it into C.",
    scope(step_size="(0, 1]", learner_discount="[0, 1)", quiet="[0, 1]"),
    Counterexample(quiet_locks, {"quiet": "2/3"}),
    rests_on=("further.A.greedy.printed",),
)
