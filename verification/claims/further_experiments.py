"""Results and limits: Question 1, purity, horizons, own learning. FURTHER G.1, G.3, H, I.

    2 − ε              on average for committing in IBS to a learner who explores, and never more
    2 γ^n / (1 − γ)    discounted, where a greedy one gives way after n mismatches; complying pays
    1 / (1 − γ)
    Σ_{t<T} E r <= T max (r + P h − h) + sp(h)     for every behaviour, learning ones included

Shapes: transition [n, A, n], reward [n, A], h [n]; ``policies`` [T, n, A] is how agent i happens to
play at each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Enumeration,
    Proof,
    Symbolic,
    array,
    distribution,
    instances,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._further import sample, span, symbols
from tabular_marl.verification.claims._rows import row

# -- results ---------------------------------------------------------------------------------------


def mismatches(step_size: Numbers) -> int:
    """Plays of action 1 by a greedy j of IBS, γ = 9/10, values (10, 20), while i plays 0."""
    first, second, count = 0 * step_size + 10, 0 * step_size + 20, 0
    while second > first:
        second, count = second - step_size * second / 10, count + 1  # paid 0, then 9/10 of the best
    return count


def comply_or_commit(arithmetic: Arithmetic, step_size: Numbers, gamma: Numbers) -> Any:
    """(25) for playing what j prefers, and for one's own action until j gives way."""
    return sides(1 / (1 - gamma), 2 * gamma ** mismatches(step_size) / (1 - gamma))


def counted_mismatches(arithmetic: Arithmetic, step_size: Numbers, count: Numbers) -> Any:
    """How many there are; and afterwards j is paid 1, which keeps its value at 10."""
    return sides(arithmetic.number(mismatches(step_size)), count)


def pure(arithmetic: Arithmetic, q: Numbers, beta: Numbers) -> Any:
    """The policy that maximises (14), and the pure one; action 0 the better of two."""
    best = tilt(q, None, beta, 0, arithmetic)
    return sides(best, arithmetic.array([1, 0]))


def most_in_ibs(arithmetic: Arithmetic, epsilon: Numbers, own: Numbers, greedy: Numbers) -> Any:
    """What any mixture pays in one step of IBS against a j who explores, and 2 − ε; ``own`` and
    ``greedy`` are the laws of agent i's action and of j's greedy one."""
    others = (1 - epsilon) * greedy + epsilon / 2
    return sides(2 - epsilon, 2 * own[0] * others[0] + own[1] * others[1])


def settling(arithmetic: Arithmetic, values: Numbers, step_size: Numbers) -> Numbers:
    """q = (10 + values[0], values[1]) of j in IBS while i plays 0, M = max q. After a play of 0,
    q(0) − 10; after one of 0 and one of 1, by what the value played is below 10 + (1 − α/10)(M −
    10); after one of 1, by what q(1) is below (1 − α/10) M."""
    first, second = 10 + values[0], values[1]
    most = (first + second + arithmetic.absolute(first - second)) / 2
    left = 1 - step_size / 10
    zero = first + step_size * (1 + most * 9 / 10 - first)
    one = second + step_size * (most * 9 / 10 - second)
    below = 10 + left * (most - 10)
    return np.stack([zero - 10, below - zero, below - one, left * most - one])


# -- limits ----------------------------------------------------------------------------------------


def any_behaviour(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, h: Numbers, policies: Numbers
) -> Numbers:
    """T max (r + P h − h) + sp(h) − Σ_{t<T} E r from state 0."""
    lift = reward + expectation(transition, h, 2) - h[:, None]
    most = arithmetic.maximum(arithmetic.maximum(lift, 1), 0)
    law, total = 0 * h, 0 * h[0]
    law[0] = law[0] + 1
    for policy in policies:
        joint = law[:, None] * policy
        total = total + (joint * reward).sum(axis=(0, 1))
        law = (joint[:, :, None] * transition).sum(axis=(0, 1))
    return len(policies) * most + span(arithmetic, h) - total


# -- proofs ----------------------------------------------------------------------------------------


def prove_most_in_ibs() -> list[Proof]:
    epsilon = 1 / (1 + positive("rest"))  # in (0, 1)
    other, most = epsilon / 2, 2 - epsilon
    return [
        prove_nonnegative(most - paid, f"{what}; a mixture pays a mean of the four")
        for what, paid in (
            ("i plays 0, so does a greedy j", 2 * (1 - other)),
            ("i plays 0, a greedy j 1", 2 * other),
            ("i plays 1, so does a greedy j", 1 - other),
            ("i plays 1, a greedy j 0", other),
        )
    ]


def prove_settling() -> list[Proof]:
    above, more, less = (positive(name) for name in ("above", "more", "less"))
    found = []
    for rest in (positive("rest"), 0):
        step = positive("step")
        alpha = step / (step + rest)  # in (0, 1), and 1
        first, most = 10 + above, 10 + above + more
        second = most - less
        zero = first + alpha * (1 + most * 9 / 10 - first)
        one = second + alpha * (most * 9 / 10 - second)
        below = 10 + (1 - alpha / 10) * (most - 10)
        found += [
            prove_nonnegative(zero - 10, "q(0) stays at least 10"),
            prove_nonnegative(below - zero, "M − 10 shrinks by 1 − α/10: a play of 0"),
            prove_nonnegative(below - one, "a play of 1"),
            prove_nonnegative((1 - alpha / 10) * most - one, "q(1) < 10 once (1 − α/10) M < 10"),
        ]
    return found


def prove_any_behaviour() -> list[Proof]:
    r, h, ahead, most, slack = symbols("r h Ph most slack")
    one, two, three = symbols("h0 h1 h2")
    return [
        prove_zero(
            (most + h - ahead - slack - r).subs(slack, most + h - ahead - r),
            "r = most + h − P h − slack, slack >= 0, whichever action is taken and whyever",
        ),
        prove_zero(
            (one - two) + (two - three) - (one - three), "E h(x_t) − E h(x_{t+1}) telescope"
        ),
    ]


# -- claims ----------------------------------------------------------------------------------------

G1 = "FURTHER G.1"

row(
    "further.H.pure.printed",
    "refuted",
    "FURTHER H; FURTHER (14)",
    r"\text{in IBS the agent's policy converges to a pure strategy}",
    "Not at a fixed point of (14) with an entropy weight above 0, which gives every action "
    "positive probability. Against a j who plays 0 for ever, payoffs 2 and 0, α = 2/5 as in Table "
    "2: e⁵/(1 + e⁵) = 0.993.",
    scope(beta="(0, inf)"),
    Counterexample(pure, {"q": [2, 0], "beta": "5/2"}, "== 0"),
)
row(
    "further.H.myopic.printed",
    "refuted",
    "FURTHER H; FURTHER G.3; FURTHER (25)",
    r"\text{a discounted objective with } \gamma = 0.99 \text{ is myopic: in IBS complying with "
    r"the } q\text{-learner is worth at least as much as committing}",
    "14 mismatches at step size 1/2 cost 14 steps of 1; then 2 for ever. 174 against 100. So what "
    "keeps the discounted baselines from it is not their horizon.",
    scope(step_size="(0, 1]", gamma="[0, 1)"),
    Counterexample(comply_or_commit, {"step_size": "1/2", "gamma": "99/100"}),
)
row(
    "further.H.myopic.corrected",
    "exhausted",
    "FURTHER H; FURTHER (25)",
    r"j \text{ gives way after } n = 14 \text{ mismatches at step size } \tfrac12,\ n = 7 \text{ "
    r"at } 1: \text{ committing is better for } \gamma > 2^{-1/n}",
    "2γⁿ > 1: above 0.952 and 0.906. For the greedy learner; exploration moves the thresholds "
    "little.",
    scope(step_size="{1/2, 1}", count="{7, 14}"),
    Enumeration(
        counted_mismatches,
        [{"step_size": "1/2", "count": 14}, {"step_size": 1, "count": 7}],
        "== 0",
    ),
)
row(
    "further.I.own-update.added",
    "proved",
    "FURTHER I; FURTHER (7)",
    r"\text{for every } h \text{ and every behaviour of } i: \quad \sum_{t<T} E\,\mathcal{R}^i \le "
    r"T \max_{x, a}(r + P_a h - h)(x) + \mathrm{sp}(h)",
    "Where the best average is one number, the maximum is it at the h of the optimality equation, "
    "and a stationary π(a|s, θ^{-i}) attains it. So an own update rule, non-stationary or "
    "learning, earns nothing more where (s, θ^{-i}) is seen; it can where π sees s alone "
    "(`007.memory`).",
    scope(states=">= 1", actions=">= 1", times=">= 1"),
    Symbolic(prove_any_behaviour),
    sample(
        any_behaviour,
        instances(
            {"states": (1, 3), "actions": (1, 3), "times": (1, 4)},
            reward=array("states", "actions"),
            transition=distribution("states", "actions", "states"),
            h=array("states"),
            policies=distribution("times", "states", "actions"),
        ),
        ">= 0",
    ),
    assumes=("U^{-i} depends on agent i through (s, θ^{-i}, a, s') alone",),
)
row(
    "further.G.1.question.added",
    "proved",
    f"{G1}; FURTHER H",
    r"\text{IBS against a } q\text{-learner who explores with } \epsilon: \text{ no behaviour "
    r"earns more than } 2 - \epsilon \text{ a step}",
    "1.95 for Question 1's 0.05. Committing earns it once the learner has given way; complying "
    "0.975 where it is greedy.",
    scope(epsilon="(0, 1)"),
    Symbolic(prove_most_in_ibs),
    sample(
        most_in_ibs,
        instances(
            {}, epsilon=number("1/100", "99/100"), own=distribution(2), greedy=distribution(2)
        ),
        ">= 0",
    ),
)
row(
    "further.G.1.settling.added",
    "proved",
    G1,
    r"q(0) \ge 10 \text{ stays, every play shrinks } \max q - 10 \text{ by } 1 - \alpha/10 \text{ "
    r"in its own value, and } q(1)' \le (1 - \alpha/10) \max q",
    "Question 1's learner, discount 9/10, while agent i plays 0.",
    scope(step_size="(0, 1]"),
    Symbolic(prove_settling),
    sample(
        settling,
        instances({}, values=array(2, low=0, high=16), step_size=number("1/16", 1)),
        ">= 0",
    ),
)
row(
    "further.G.1.commit.added",
    "proved",
    f"{G1}; FURTHER H",
    r"\text{committing earns } 2 - \epsilon \text{ on average against the } q\text{-learner of "
    r"Question 1, for every step size and } \epsilon",
    "So 1.95 is the best there is, for step size 1/2 as for 1, from values (10, 20).",
    scope(epsilon="(0, 1)", step_size="(0, 1]"),
    Deduction(
        ("further.G.1.settling.added", "further.G.1.question.added"),
        "monotone convergence",
        "an exploring j plays both actions again and again, so max q falls to 10; once it is below "
        "10/(1 − α/10) a play of 1 leaves q(1) below 10 for ever, and q(0) never is: j's greedy "
        "action is 0 from then on, played with probability 1 − ε/2",
    ),
)
