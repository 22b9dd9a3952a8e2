"""Domains, results and limits: what FURTHER G.1, G.3, H and I say that finite instances settle.

    −exp(−d)           pays for pushing the opponent outwards; exp(−d), as printed, for the reverse
    2 γ^n / (1 − γ)    for committing in IBS to a learner who gives way after n mismatches, and
    1 / (1 − γ)        for complying
    Σ_{t<T} E r <= T max (r + P h − h) + sp(h)     for every behaviour, learning ones included

Shapes: transition [n, A, n], reward [n, A], h [n]; ``policies`` [T, n, A] is how agent i happens to
play at each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
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
from tabular_marl.verification.claims._further import sample, span, stationary, symbols
from tabular_marl.verification.claims._rows import row

# -- domains ---------------------------------------------------------------------------------------


def pushed_out(arithmetic: Arithmetic, distance: Numbers, push: Numbers) -> Any:
    """exp(−d) of an opponent pushed further out, and before."""
    return sides(arithmetic.exp(-distance - push), arithmetic.exp(-distance))


def pushed_out_signed(arithmetic: Arithmetic, distance: Numbers, push: Numbers) -> Any:
    """−exp(−d), likewise."""
    return sides(-arithmetic.exp(-distance - push), -arithmetic.exp(-distance))


def moved_closer(arithmetic: Arithmetic, distance: Numbers, step: Numbers) -> Any:
    """−d after a step towards the opponent, and before."""
    return sides(step - distance, -distance)


def parts_of(arithmetic: Arithmetic, parts: Numbers, total: Numbers) -> Any:
    """What is listed, and how much there is."""
    return sides(parts.sum(axis=0), total)


def battle_actions(arithmetic: Arithmetic, radius: int, total: Numbers) -> Any:
    """Moves with dx² + dy² <= radius², staying among them, and attacks on the eight neighbours."""
    near = range(-radius, radius + 1)
    moves = sum(dx * dx + dy * dy <= radius * radius for dx in near for dy in near)
    return sides(arithmetic.number(moves + 8), total)


def hit_reward(arithmetic: Arithmetic, printed: Numbers, environment: Numbers) -> Any:
    """The printed reward of a hit, and MAgent's."""
    return sides(printed, environment)


def hits_before_a_kill(arithmetic: Arithmetic, hit: Numbers, hits: Numbers) -> Any:
    """The reward of a kill, and of the hits that come before it."""
    return sides(arithmetic.number(5), hit * hits)


def weight_of_the_start(arithmetic: Arithmetic, rows: Numbers) -> Numbers:
    """μ(∅) where no joint action leads back to ∅; rows [n, n − 1]."""
    nothing = 0 * rows[:, :1]
    return stationary(arithmetic, np.concatenate([nothing, rows], axis=1))[0]


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


def prove_pushed_out() -> Proof:
    near, more = positive("near"), positive("more")
    return prove_nonnegative(near - near / (1 + more), "e^{−d} = near, e^{push} = 1 + more")


def prove_moved_closer() -> Proof:
    d, step = positive("d"), positive("step")
    return prove_nonnegative((step - d) + d, "−(d − step) + d = step")


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


def prove_start() -> Proof:
    mu, p = symbols("mu p")
    return prove_zero((mu * p).subs(p, 0), "μ(∅) = Σ_x μ(x) p(∅|x), and p(∅|x) = 0 for every x")


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

PUSH = scope(distance="[0, inf)", push="(0, inf)")
G1 = "FURTHER G.1"
NEAR = {"distance": number(0, 4), "push": number("1/8", 4)}

row(
    "further.G.1.center.printed",
    "refuted",
    G1,
    r"\text{a reward} \propto \exp(-d_{center}) \text{ pays for pushing the opponent further from "
    r"the centre}",
    "It falls with the distance: as printed the agent is paid for keeping the opponent in the "
    "middle. A minus is missing; RoboSumo's own reward is −10 exp(−d).",
    PUSH,
    Counterexample(pushed_out, {"distance": 1, "push": 1}),
)
row(
    "further.G.1.center.corrected",
    "proved",
    G1,
    r"-\exp(-d_{center}) \text{ rises with } d_{center}",
    "",
    PUSH,
    Symbolic(prove_pushed_out),
    sample(pushed_out_signed, instances({}, **NEAR), ">= 0"),
)
row(
    "further.G.1.opponent.printed",
    "proved",
    G1,
    r"-d_{opp} \text{ rises where the agent moves towards the opponent}",
    "The sign is right. It pays for being near at every step, though, not for moving: standing "
    "still at a distance goes on costing.",
    scope(distance="[0, inf)", step="(0, inf)"),
    Symbolic(prove_moved_closer),
    sample(moved_closer, instances({}, distance=number(0, 4), step=number("1/8", 4)), ">= 0"),
)
row(
    "further.G.1.observation.printed",
    "refuted",
    G1,
    r"\text{positions, joint angles, velocities, forces on one's body, the opponent's position and "
    r"torso force: } 128",
    "15 positions, 14 velocities, 6 forces on each of 13 bodies, 7 coordinates of the opponent's "
    "torso and 6 forces on it are 120. The other 8 may be the last action, which is not listed.",
    scope(total="128"),
    Counterexample(parts_of, {"parts": [15, 14, 78, 7, 6], "total": 128}, "== 0"),
)
row(
    "further.G.1.channels.printed",
    "refuted",
    G1,
    r"\text{presence, health and minimap of both teams, and the position: } 9 \text{ channels}",
    "Two each are 8. The ninth, left out of the list, is the wall.",
    scope(total="9"),
    Counterexample(parts_of, {"parts": [2, 2, 2, 2], "total": 9}, "== 0"),
)
row(
    "further.G.1.channels.corrected",
    "exhausted",
    G1,
    r"\text{with the wall: } 9",
    "",
    scope(total="9"),
    Enumeration(parts_of, [{"parts": [1, 2, 2, 2, 2], "total": 9}], "== 0"),
)
row(
    "further.G.1.actions.printed",
    "exhausted",
    G1,
    r"21 \text{ actions, to move around and to attack}",
    "13 moves within distance 2, staying among them, and 8 neighbours to attack.",
    scope(radius="2", total="21"),
    Enumeration(battle_actions, [{"radius": 2, "total": 21}], "== 0"),
)
row(
    "further.G.1.hit.printed",
    "refuted",
    G1,
    r"\text{the reward of a hit is “0, 2”, a list or a } 2",
    "0.2, with a comma for the point (by the document or by the scanner). Left out of the list: "
    "−0.1 for every attack, hit or not; and a death sets the reward to −0.1 instead of adding it.",
    scope(printed="{0, 2}"),
    Counterexample(hit_reward, {"printed": 2, "environment": "1/5"}, "== 0"),
)
row(
    "further.G.1.hit.corrected",
    "exhausted",
    G1,
    r"0.2 \text{ a hit: a kill, } 5, \text{ pays more than the five hits before it}",
    "With 2 a hit it would pay half as much as they, and it would be best never to finish.",
    scope(hit="1/5", hits="5"),
    Enumeration(hits_before_a_kill, [{"hit": "1/5", "hits": 5}], "> 0"),
)
row(
    "further.G.1.start.added",
    "proved",
    f"{G1}; FURTHER Prop. 3",
    r"s_0 = \emptyset,\ s_t = \mathbf{a}_{t-1}: \quad \mu(\emptyset, \theta^{-i}) = 0",
    "No action leads back to ∅. So neither ρ nor the gradient of Prop. 3 sees π(·|∅): without "
    "resets the first action is never trained, and with resets the objective is another one.",
    scope(states=">= 2"),
    Symbolic(prove_start),
    sample(
        weight_of_the_start,
        instances({"states": (3, 3)}, rows=distribution("states", 2)),
    ),
)
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
