"""The domains: what of FURTHER G.1 counting and signs settle.

    −exp(−d)    pays for pushing the opponent outwards; exp(−d), as printed, for the reverse
    μ(∅) = 0    where s_t = a_{t−1} and nothing leads back to ∅

RoboSumo's and Battle's own numbers are those of their published code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Enumeration,
    Proof,
    Symbolic,
    distribution,
    instances,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import sample, stationary, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_experiments import G1

# -- formulas --------------------------------------------------------------------------------------


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


# -- proofs ----------------------------------------------------------------------------------------


def prove_pushed_out() -> Proof:
    near, more = positive("near"), positive("more")
    return prove_nonnegative(near - near / (1 + more), "e^{−d} = near, e^{push} = 1 + more")


def prove_moved_closer() -> Proof:
    d, step = positive("d"), positive("step")
    return prove_nonnegative((step - d) + d, "−(d − step) + d = step")


def prove_start() -> Proof:
    mu, p = symbols("mu p")
    return prove_zero((mu * p).subs(p, 0), "μ(∅) = Σ_x μ(x) p(∅|x), and p(∅|x) = 0 for every x")


# -- claims ----------------------------------------------------------------------------------------

PUSH = scope(distance="[0, inf)", push="(0, inf)")


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
