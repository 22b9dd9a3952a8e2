"""Does the start matter against a Q-learner? FURTHER App. A, Figure 6, Table 1.

The iterated prisoner's dilemma; j learns stateless values q by q(b) ← (1 − α) q(b) + α (r + γ max q)
and plays the greedy action, or explores with probability ε. A value stays above m for ever where
m = lowest reward/(1 − γ); so two sets of starts lock a greedy j into C, and into D. With α = 1,
γ = 0 there are finitely many states, and everything is a finite game: agent i's best average is a
largest mean over cycles. Rewards: i gets −1, −3, 0, −2 at CC, CD, DC, DD (own action first).
"""

from __future__ import annotations

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
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import symbols
from tabular_marl.verification.claims._rows import row

C, D = 0, 1
#: agent i's reward [own, j's]; j's reward is REWARD[j's][own]
REWARD = ((-1, -3), (0, -2))

State = tuple[Any, Any]


def learned(q: State, own: int, played: int) -> State:
    """α = 1, γ = 0: the value of what j played is what it was paid."""
    paid = REWARD[played][own]
    return (paid, q[D]) if played == C else (q[C], paid)


def greedy(q: State) -> int:
    """C on a tie."""
    return D if q[D] > q[C] else C


def best_average(start: State) -> int:
    """The largest mean reward over cycles that agent i can reach; at most five values of q."""
    reached, todo = {start}, [start]
    while todo:
        q = todo.pop()
        for own in (C, D):
            after = learned(q, own, greedy(q))
            if after not in reached:
                reached.add(after)
                todo.append(after)
    found = []
    for q in reached:
        for length in range(1, len(reached) + 1):
            for plan in product((C, D), repeat=length):
                total, at = 0, q
                for own in plan:
                    total += REWARD[own][greedy(at)]
                    at = learned(at, own, greedy(at))
                if at == q:
                    found.append((total, length))
    best = max(found, key=lambda pair: pair[0] / pair[1])
    return best[0] if best[1] == 1 else best


def plateaus(arithmetic: Arithmetic, first: int, second: int, best: int) -> Any:
    """Agent i's best average against a greedy j that starts at (first, second)."""
    return sides(arithmetic.number(best_average((first, second))), arithmetic.number(best))


def same_from(
    arithmetic: Arithmetic, first: Numbers, second: Numbers, third: Numbers, fourth: Numbers
) -> Any:
    """The best averages from (first, second) and from (third, fourth)."""
    one, other = best_average((first, second)), best_average((third, fourth))
    return sides(arithmetic.number(one), arithmetic.number(other))


def exploring_reaches(
    arithmetic: Arithmetic, first: int, second: int, kept: int, other: int
) -> Any:
    """1 if from (first, second) agent i can bring about the values (kept, other), j exploring."""
    start, goal = (first, second), (kept, other)
    reached, frontier = {start}, [start]
    for _ in range(2):  # both actions of j have positive probability: two steps set both values
        frontier = [learned(q, own, b) for q in frontier for own in (C, D) for b in (C, D)]
        reached.update(frontier)
    return sides(arithmetic.number(int(goal in reached)), arithmetic.number(1))


def prove_floor() -> list[Proof]:
    import sympy

    above, m = positive("above"), positive("m")
    a, rest, g, left, extra = (positive(n) for n in ("a", "rest", "g", "left", "extra"))
    alpha, gamma = a / (a + rest), g / (g + left)
    # q = −m + above, target r + γ q' with r = −m (1 − γ) + extra and q' = max q >= q
    q = above - m
    moved = (1 - alpha) * q + alpha * (-m * (1 - gamma) + extra + gamma * (q + positive("more")))
    yield_ = sympy.together(moved + m)
    return [
        prove_nonnegative(yield_, "q >= −m stays so, α in (0, 1), γ in (0, 1), m = −min r/(1 − γ)"),
        prove_nonnegative(yield_.subs(rest, 0), "and for α = 1"),
    ]


def prove_lower_than() -> Proof:
    low, floor = symbols("low floor")
    return prove_zero((floor - low) - (floor - low), "the other value is never touched")


LEARNER = scope(step_size="(0, 1]", learner_discount="[0, 1)")
TINY = scope(step_size="1", learner_discount="0")
VALUES = range(-4, 2)
FOUR = tuple(product((-1, -3), (0, -2)))

row(
    "further.A.greedy.printed",
    "proved",
    "FURTHER App. A",
    r"\text{greedy } j: \text{ agent } i\text{'s best average depends on } \theta^{-i}_0; \text{ "
    r"one set of starts gives the high one, another } -2",
    "For every step size and discount. If q(D) < min(q(C), −3/(1−γ)), j plays C for ever: 0 by "
    "defecting. If q(C) < min(q(D), −2/(1−γ)), j plays D for ever: −2 at best.",
    LEARNER,
    Deduction(
        ("further.A.floor.added",),
        "conjunction",
        "the value played stays above the floor, hence above the other, which never changes",
    ),
)
row(
    "further.A.floor.added",
    "proved",
    "FURTHER App. A",
    r"q \ge m := \min r/(1-\gamma) \Rightarrow (1-\alpha)\,q + \alpha\,(r + \gamma \max q) \ge m",
    "Stateless Q-learning cannot push a value below the worst reward for ever.",
    LEARNER,
    Symbolic(prove_floor),
)
row(
    "further.A.two-sets.printed",
    "refuted",
    "FURTHER App. A",
    r"\text{greedy } j: \text{ there are two plateaus, the high one and } -2",
    "There are three for step size 1, discount 0 (ties to C): from (−1, −2) agent i keeps j at C "
    "by cooperating, for −1; one defection locks j into D.",
    TINY,
    Counterexample(same_from, {"first": -1, "second": -2, "third": -1, "fourth": -4}, "== 0"),
)
row(
    "further.A.two-sets.added",
    "exhausted",
    "FURTHER App. A",
    r"\text{step size 1, discount 0: } 0 \text{ if } q(D) < -3 \text{ and } q(C) \ge q(D); \ -2 "
    r"\text{ if } q(C) \le -3... \text{; else } -1",
    "",
    scope(first="{-4, -3, -2, -1, 0, 1}", second="{-4, -3, -2, -1, 0, 1}"),
    Enumeration(
        plateaus,
        tuple(
            {"first": c, "second": d, "best": best_average((c, d))} for c in VALUES for d in VALUES
        ),
        "== 0",
    ),
)
