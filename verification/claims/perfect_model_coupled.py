"""The coupled perfect model: the opponent expects the agent's policy, report 1.5 with (42), (99).

    ρ_{k+1} by (52)-(54) with π_k for P_prior(a|s,b),   π_{k+1} by (55) against ρ_{k+1}

The report leaves open whether this has a solution, one or several, and whether the alternation
finds it. A solution exists (Brouwer). It need not be unique, need not be stable, and the rounds can
cycle, already with two states and two actions: ``_perfect`` is that game, Φ its round, a decreasing
or increasing function of one probability. With a last time there is one solution, and it is found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    instances,
    number,
    prove_positive,
    prove_zero,
    scope,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._perfect import Relay
from tabular_marl.verification.claims._rows import row

SIZES = {"states": ">= 1", "actions": ">= 1", "opponent_actions": ">= 1"}
BETAS = {"beta_agent": "(-inf, inf)", "beta_opponent": "(-inf, inf)"}
COUPLED = scope(**SIZES, **BETAS, gamma="[0, 1)")

# -- the rounds of two turn-based games ------------------------------------------------------------

#: stay or pass the move on; the opponent may keep it or give it back
RELAY = [[[1, 0], [0, 1]], [[0, 1], [1, 0]]]
CHASE = {
    "reward": [[0, 2], [-2, 2]],
    "opponent_reward": [[0, -2], [0, -2]],
    "transition": RELAY,
    "beta": 1,
    "gamma": "9/10",
}
CALM = {
    "reward": [[0, 1], [-1, 1]],
    "opponent_reward": [[-1, 0], [0, 0]],
    "transition": RELAY,
    "beta": 3,
    "gamma": "9/10",
}


def crossed(low: Numbers, high: Numbers, at_low: Numbers, at_high: Numbers) -> list[Numbers]:
    """>= 0 where a continuous f with these values has a fixed point in [low, high]."""
    return [at_low - low, high - at_high]


def fixed_inside(
    arithmetic: Arithmetic, low: Numbers, high: Numbers, slope: Numbers, **game: Numbers
) -> Any:
    """Φ has a fixed point in [low, high]."""
    relay = Relay.of(arithmetic, **game)
    return np.stack(crossed(low, high, relay.round(low)[0], relay.round(high)[0]))


def slope_above(
    arithmetic: Arithmetic, low: Numbers, high: Numbers, slope: Numbers, **game: Numbers
) -> Numbers:
    """Φ' − slope on [low, high]."""
    relay = Relay.of(arithmetic, **game)
    return relay.round(arithmetic.hull(low, high))[1] - slope


def both_inside(
    arithmetic: Arithmetic, first: Numbers, second: Numbers, **game: Numbers
) -> Numbers:
    """Φ has a fixed point in each of two brackets."""
    relay = Relay.of(arithmetic, **game)
    found = []
    for low, high in (first, second):
        found += crossed(low, high, relay.round(low)[0], relay.round(high)[0])
    return np.stack(found)


def apart(arithmetic: Arithmetic, first: Numbers, second: Numbers, **game: Numbers) -> Numbers:
    """The first bracket's end minus the second's beginning: < 0 where they are disjoint."""
    return first[1] - second[0]


def twice_inside(arithmetic: Arithmetic, low: Numbers, high: Numbers, **game: Numbers) -> Numbers:
    """Φ∘Φ has a fixed point in [low, high]."""
    relay = Relay.of(arithmetic, **game)
    ends = [relay.round(relay.round(x)[0])[0] for x in (low, high)]
    return np.stack(crossed(low, high, *ends))


def moved(arithmetic: Arithmetic, low: Numbers, high: Numbers, **game: Numbers) -> Numbers:
    """Φ(x) − x on [low, high]: 0 if what Φ∘Φ fixes, Φ fixes."""
    x = arithmetic.hull(low, high)
    return Relay.of(arithmetic, **game).round(x)[0] - x


def chase_slope(arithmetic: Arithmetic, x: Numbers) -> Numbers:
    """Φ'(x) of the game CHASE."""
    made = {
        name: arithmetic.array(value) if isinstance(value, list) else arithmetic.number(value)
        for name, value in CHASE.items()
    }
    return Relay.of(arithmetic, **made).round(x)[1]


def prove_falling() -> list[Proof]:
    """Φ' < 0 for the rewards of CHASE at β = 1 and every γ in (0, 1): y falls with x, x' rises with
    y. P_w is (1 − a, a), (b, 1 − b) in both systems."""
    import sympy

    g, a, c, b, d, size, other = sympy.symbols("g a c b d size other", positive=True)
    gamma = 1 / (1 + g)

    def apart(direct: tuple[Any, Any], pass_on: Any) -> Any:
        """dV(1) − dV(0) = ((I − γ P_w)^-1 ∂T)(1) − (…)(0)."""
        back = 1 / (1 + b)
        system = sympy.Matrix(
            [
                [1 - gamma * (1 - pass_on), -gamma * pass_on],
                [-gamma * back, 1 - gamma * (1 - back)],
            ]
        )
        moved = system.inv() * sympy.Matrix(direct)
        return sympy.cancel(moved[1] - moved[0])

    cases = (a / (a + c), sympy.Integer(0), sympy.Integer(1))  # x inside and at the ends of [0, 1]
    return [
        prove_positive(
            2 + gamma * size,
            "opponent, V <= 0: q(0,1) >= q(0,0) = γV(0) gives V(0) >= γV(0), so V(0) = 0, though "
            "V(0) <= q(0,1) = −2 − γ|V(1)|; hence q(0,1) < q(0,0) and ∂_x T(0) < 0",
        ),
        *(
            prove_positive(apart((-d, 0), case), "so V(0) − V(1) falls with x, and y with it")
            for case in cases
        ),
        prove_positive(
            4 + gamma * (2 - 1) / (1 - gamma),
            "agent: q(1,1) <= q(1,0) gives V(1) <= −2/(1−γ), though V(0) >= −log 2/(1−γ) with "
            "log 2 <= 1, so 4 <= γ(V(1) − V(0)) < 0; hence q(1,1) > q(1,0) and ∂_y T(1) > 0",
        ),
        prove_positive(apart((0, other), cases[0]), "so V(1) − V(0) rises with y, and x' with it"),
    ]


def prove_damping() -> list[Proof]:
    """Φ_d = d·id + (1 − d)Φ where Φ' = −(1 + e) is too steep, at d = e/(2 + e) + more."""
    import sympy

    e, d = sympy.symbols("e d", positive=True)
    steep = d - (1 - d) * (1 + e)
    return [
        prove_zero(steep + 1 - (d * (2 + e) - e), "slope + 1 = d(2 + e) − e"),
        prove_positive((d * (2 + e) - e).subs(d, (e + 1) / (2 + e)), "> 0 at d = (1 + e)/(2 + e)"),
    ]


# -- claims ----------------------------------------------------------------------------------------

row(
    "report.1.5.coupled.exists.added",
    "proved",
    "report 1.5; report (99)",
    r"\exists (\pi, \rho): \ \rho \text{ is (54) expecting } \pi, \ \pi \text{ is (42) against } "
    r"\rho \text{ by (55)}",
    "For finite β the round is a continuous map of policies, a product of simplices, into itself.",
    COUPLED,
    Deduction(
        ("recipe.fixed-point", "recipe.contraction", "free-energy.tilt-normalised"),
        "brouwer fixed point",
        "each V is the fixed point of a contraction that depends continuously on the policy held "
        "fixed, so V does, and the tilts of Q are policies and depend continuously on Q",
    ),
)
row(
    "report.1.5.coupled.unique.added",
    "refuted",
    "report 1.5; report (99)",
    r"\text{the coupled perfect model has one solution}",
    "Two states, deterministic moves, rewards in {−1, 0, 1}, β = 3, γ = 9/10: three fixed points, "
    "π(1|0) near 0, 0.084 and 0.772.",
    COUPLED,
    Counterexample(
        apart,
        {**CALM, "first": ["0", "1/1000"], "second": ["3/4", "4/5"]},
        ">= 0",
        where=both_inside,
    ),
)
row(
    "report.1.5.coupled.stable.added",
    "refuted",
    "report 1.5; report (99)",
    r"\text{every fixed point of the rounds is stable: } |\Phi'(x^*)| \le 1",
    "At x* = 0.337 of this game Φ' = −1.44: rounds that start beside it move away. Φ falls on all "
    "of [0, 1] (next row), so it is the only fixed point, and the game has no stable one.",
    COUPLED,
    Counterexample(
        slope_above,
        {**CHASE, "low": "336999693/1000000000", "high": "336999694/1000000000", "slope": -1},
        ">= 0",
        where=fixed_inside,
    ),
)
row(
    "report.1.5.coupled.stable-one.added",
    "proved",
    "report 1.5; report (99)",
    r"\Phi'(x) < 0 \text{ on } [0, 1] \text{ in that game, so its only fixed point is } x^*",
    "The opponent's V falls with x, as to be handed the move may cost it 2; so it gives the move "
    "back less often, and to be handed it is worth less to the agent.",
    scope(x="[0, 1]"),
    Symbolic(prove_falling),
    Sampling(chase_slope, instances(x=number(0, 1)), "< 0", examples=60, search=False),
    rests_on=("log.below-tangent",),
)
row(
    "report.1.5.coupled.settles.added",
    "refuted",
    "report 1.5; report (99)",
    r"\text{the rounds settle: } \Phi(\Phi(x)) = x \Rightarrow \Phi(x) = x",
    "The same game has a cycle of two rounds, π(1|0) = 0.628 and 0.029: each time the agent comes "
    "the opponent holds on, and the other way round. Φ'Φ' = 0.15 along it, so it attracts, and "
    "rounds from the uniform prior end in it.",
    COUPLED,
    Counterexample(
        moved,
        {**CHASE, "low": "6277057966/10000000000", "high": "6277057968/10000000000"},
        "== 0",
        where=twice_inside,
    ),
)
row(
    "report.1.5.coupled.damping.added",
    "proved",
    "report 1.5",
    r"\Phi'(x^*) = -(1+e): \ d > \tfrac{e}{2+e} \text{ gives } d + (1-d)\Phi'(x^*) \in (-1, 1)",
    "Keeping the share d of the old policy stabilises a fixed point that overshoots. In the game "
    "above d > 0.18 is enough. It cannot help where Φ' > 1.",
    scope(),
    Symbolic(prove_damping),
)
row(
    "report.1.5.coupled.horizon.added",
    "proved",
    "report 1.5; report (53); report (55)",
    r"T < \infty, \text{ policies by time}: \ \text{one coupled solution; from any start } \pi "
    r"\text{ is there after } T + 1 \text{ rounds}, \rho \text{ after one more}",
    "π_t is the tilt of β^i R^i + γE[V^i_{t+1}] and does not see ρ_t; ρ_t sees π_t and V^-i_{t+1}. "
    "So cycles come from policies that must serve at all times.",
    scope(**SIZES, **BETAS, gamma="[0, 1]", times=">= 1"),
    Deduction(
        ("free-energy.tilt-normalised",),
        "backward induction over time",
        "π_T depends on rewards alone, so round 1 settles it and round 2 ρ_T and V_T; what settles "
        "V_{t+1} in one round settles π_t in the same and ρ_t, V_t in the next",
    ),
)
row(
    "report.1.5.coupled.one-shot.added",
    "proved",
    "report 1.5",
    r"\gamma = 0: \ \pi(a|s,b) \propto P_{prior}(a|s,b) e^{\beta^i R^i} \text{ does not depend "
    r"on } \rho, \text{ two rounds settle both}",
    "The coupling needs a future that returns.",
    scope(**SIZES, **BETAS, gamma="0"),
    Deduction(("report.1.5.coupled.horizon.added",), "special case", "γ = 0 is T = 0"),
)
