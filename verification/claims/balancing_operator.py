"""The Balancing-Q operator and its contraction: report (33), (34), (157).

    T Q(s, a, b) = R(s, a, b) + E_{s'}[V*(s')],   V* = log Σ exp((β^i/β^-i) log Σ exp(β^-i Q) P) p
    ‖T Q¹ − T Q²‖ <= γ ‖Q¹ − Q²‖                                                     report (34)

As printed the operator has no γ, and V* is V^i, not the V^i/β^i of (25). Shapes: Q, reward
[S, A, B], transition [S, A, B, S], priors [S, A] and [S, B]; ‖·‖ is the sup norm. The reward drops
out of T Q¹ − T Q².
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
    array,
    beta,
    discount,
    distribution,
    instances,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import (
    MATRIX,
    PRIORS,
    SHIFT,
    Stage,
    identity,
    inequality,
    reals,
    stage_family,
    stage_scope,
    successor,
)
from tabular_marl.verification.claims._rows import row


def values(
    arithmetic: Arithmetic, one: Numbers, two: Numbers, view: str = "agent_value", **game: Numbers
) -> tuple[Numbers, Numbers]:
    """V^i/β^i (or V^-i/β^-i) of Q¹ and of Q², [S]."""
    stage = Stage.of(arithmetic, one, axis=1, **game)
    return getattr(stage, view)(), getattr(stage.at(two), view)()


def moved(
    arithmetic: Arithmetic,
    one: Numbers,
    two: Numbers,
    transition: Numbers,
    scale: Numbers,
    **game: Any,
) -> Numbers:
    """‖scale E[V¹ − V²]‖ with V = V^i/β^i."""
    first, second = values(arithmetic, one, two, **game)
    return arithmetic.norm(scale * successor(transition, first - second))


def literal(
    arithmetic: Arithmetic,
    one: Numbers,
    two: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """(34) for (33) to the letter: no γ in the operator, V* = V^i."""
    reach = moved(arithmetic, one, two, transition, game["beta_agent"], **game)
    return sides(gamma * arithmetic.norm(one - two), reach)


def discounted(
    arithmetic: Arithmetic,
    one: Numbers,
    two: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """(34) with γ put in, V* = V^i as printed."""
    reach = moved(arithmetic, one, two, transition, gamma * game["beta_agent"], **game)
    return sides(gamma * arithmetic.norm(one - two), reach)


def undiscounted(
    arithmetic: Arithmetic,
    one: Numbers,
    two: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """(34) with V* = V^i/β^i, no γ, as printed."""
    reach = moved(arithmetic, one, two, transition, gamma * 0 + 1, **game)
    return sides(gamma * arithmetic.norm(one - two), reach)


def contraction(
    arithmetic: Arithmetic,
    one: Numbers,
    two: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """(34) with γ and V* = V^i/β^i."""
    reach = moved(arithmetic, one, two, transition, gamma, **game)
    return sides(gamma * arithmetic.norm(one - two), reach)


def contraction_opponent(
    arithmetic: Arithmetic,
    one: Numbers,
    two: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """The same for the opponent's view, V* = V^-i/β^-i."""
    reach = moved(arithmetic, one, two, transition, gamma, view="opponent_value", **game)
    return sides(gamma * arithmetic.norm(one - two), reach)


def lipschitz(
    arithmetic: Arithmetic,
    one: Numbers,
    two: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """γ |β^i| ‖Q¹ − Q²‖ against ‖T Q¹ − T Q²‖, γ put in, V* = V^i."""
    x = game["beta_agent"]
    reach = moved(arithmetic, one, two, transition, gamma * x, **game)
    return sides(gamma * arithmetic.absolute(x) * arithmetic.norm(one - two), reach)


def lipschitz_attained(
    arithmetic: Arithmetic,
    one: Numbers,
    shift: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """The same at Q² = Q¹ + a constant."""
    return lipschitz(arithmetic, one, one + shift, transition, gamma, **game)


def gamma_attained(
    arithmetic: Arithmetic,
    one: Numbers,
    shift: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **game: Numbers,
) -> Any:
    """:func:`contraction` at Q² = Q¹ + a constant."""
    return contraction(arithmetic, one, one + shift, transition, gamma, **game)


def value_gap(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """‖Q¹ − Q²‖ against max_s |V^i/β^i (Q¹) − V^i/β^i (Q²)|."""
    first, second = values(arithmetic, one, two, **game)
    return sides(arithmetic.norm(one - two), arithmetic.norm(first - second))


def value_gap_opponent(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """The same for V^-i/β^-i."""
    first, second = values(arithmetic, one, two, view="opponent_value", **game)
    return sides(arithmetic.norm(one - two), arithmetic.norm(first - second))


# -- (33) against (25) -----------------------------------------------------------------------------


def printed_value(stage: Stage) -> Numbers:
    """log Σ_a exp((β^i/β^-i) log Σ_b exp(β^-i Q) P) p, symbol by symbol."""
    log, exp = stage.arithmetic.log, stage.arithmetic.exp
    inner = log((stage.P * exp(stage.y * stage.q)).sum(axis=1))
    return log((stage.p * exp(stage.x / stage.y * inner)).sum(axis=0))


def scale(arithmetic: Arithmetic, q: Numbers, **game: Numbers) -> Any:
    """V* of (33) against V* of (25)."""
    stage = Stage.of(arithmetic, q, **game)
    return sides(printed_value(stage), stage.agent_value())


def scale_divided(arithmetic: Arithmetic, q: Numbers, **game: Numbers) -> Any:
    """V* of (33) over β^i against V* of (25)."""
    stage = Stage.of(arithmetic, q, **game)
    return sides(printed_value(stage) / stage.x, stage.agent_value())


def missing_discount(
    arithmetic: Arithmetic, reward: Numbers, next_value: Numbers, gamma: Numbers
) -> Any:
    """T Q of (33), without γ, against Q of (23): one successor."""
    return sides(reward + next_value, reward + gamma * next_value)


def state_index(arithmetic: Arithmetic, q: Numbers, transition: Numbers, **game: Numbers) -> Any:
    """E[V*(s_{t+1})] with Q(s_t, ·) under the logarithm, as printed, against Q(s_{t+1}, ·)."""
    value = Stage.of(arithmetic, q, axis=1, **game).agent_value()
    here = np.expand_dims(np.expand_dims(value, 1), 2)
    expected = successor(transition, value)
    return sides(here + 0 * expected, expected)


def prove_scale() -> Proof:
    x, y, free = reals("x y F")
    what = "(β^i/β^-i)(β^-i F_{β^-i}) = β^i F_{β^-i}, so the outer logarithm is β^i F_{β^i}"
    return prove_zero(x / y * (y * free) - x * free, what)


# -- claims ----------------------------------------------------------------------------------------

GAMES = stage_scope(states=">= 1", gamma="[0, 1)")
SIZES = {"states": (1, 3), "actions": (1, 3), "opponent_actions": (1, 3)}
Q = array("states", "actions", "opponent_actions")
DYNAMICS = {
    "transition": distribution("states", "actions", "opponent_actions", "states", degenerate=True),
    "gamma": discount(),
}
STATE_PRIORS = {
    "agent_prior": distribution("states", "actions"),
    "opponent_prior": distribution("states", "opponent_actions"),
}
SIGNS = {"beta_agent": beta(high=8), "beta_opponent": beta(high=8)}
PAIRS = instances(SIZES, one=Q, two=Q, **DYNAMICS, **STATE_PRIORS, **SIGNS)
VALUES = instances(SIZES, one=Q, two=Q, **STATE_PRIORS, **SIGNS)
SHIFTS = instances(SIZES, one=Q, shift=number(), **DYNAMICS, **STATE_PRIORS, **SIGNS)
ONE_STATE = {"one": [[[0]]], "two": [[[1]]], "transition": [[[[1]]]], "gamma": "9/10"}

row(
    "report.033.temperature.printed",
    "refuted",
    "report (33); report (157)",
    r"V^* \text{ of (33), } \log\int\exp(\tfrac{\beta^i}{\beta^{-i}}\log\int\exp(\beta^{-i}Q)P)P, "
    r"\text{ is } V^* \text{ of (25)}",
    "(33) is V^i; (25) has V* = V^i/β^i. The factor 1/β^i is missing.",
    stage_scope(),
    Counterexample(scale, {"q": [[1]], "beta_agent": 2, "beta_opponent": 1}, "== 0"),
)
row(
    "report.033.temperature.corrected",
    "proved",
    "report (33); report (157)",
    r"\tfrac{1}{\beta^i}\log\int\exp(\tfrac{\beta^i}{\beta^{-i}}\log\int\exp(\beta^{-i}Q)P)P = V^* "
    r"\text{ of (25), agent's view}",
    "With the factor it is the agent's view of (25).",
    stage_scope(),
    Symbolic(prove_scale),
    identity(scale_divided, stage_family(q=MATRIX, **PRIORS)),
)
row(
    "report.033.discount.printed",
    "refuted",
    "report (33); report (157)",
    r"R + E[V^*] = R + \gamma E[V^*]",
    "The γ of (23) is missing.",
    scope(gamma="[0, 1)"),
    Counterexample(missing_discount, {"reward": 0, "next_value": 1, "gamma": "9/10"}, "== 0"),
)
row(
    "report.033.state.printed",
    "refuted",
    "report (33); report (157)",
    r"V^*(s_{t+1}) = \log\int\exp(\cdots Q(s_t, a_t, a_t^{-i})\cdots) \text{ is the value of } "
    r"s_{t+1}",
    "The right side has Q at s_t; read so, the operator would forget the transitions.",
    stage_scope(states=">= 1"),
    Counterexample(
        state_index,
        {
            "q": [[[0]], [[1]]],
            "transition": [[[[0, 1]]], [[[0, 1]]]],
            "beta_agent": 1,
            "beta_opponent": 1,
        },
        "== 0",
    ),
)
row(
    "report.034.literal.printed",
    "refuted",
    "report (33); report (34)",
    r"\|TQ^1 - TQ^2\|_\infty \le \gamma\|Q^1 - Q^2\|_\infty, \ T \text{ of (33) to the letter}",
    "No γ in the operator and V^i for V^i/β^i: 2 > 9/10.",
    GAMES,
    Counterexample(literal, {**ONE_STATE, "beta_agent": 2, "beta_opponent": 1}),
)
row(
    "report.034.printed",
    "refuted",
    "report (34); report (33); report (157)",
    r"\|TQ^1 - TQ^2\|_\infty \le \gamma\|Q^1 - Q^2\|_\infty, \ T \text{ of (33) with } \gamma "
    r"\text{ put in}",
    "V* is still V^i, which grows β^i times as fast as Q: one state, one action each, Q = 0 "
    "against Q = 1 gives 9/5 > 9/10.",
    GAMES,
    Counterexample(discounted, {**ONE_STATE, "beta_agent": 2, "beta_opponent": 1}),
)
row(
    "report.034.undiscounted.printed",
    "refuted",
    "report (34); report (33)",
    r"\|TQ^1 - TQ^2\|_\infty \le \gamma\|Q^1 - Q^2\|_\infty, \ T \text{ of (33) with } "
    r"V^* = V^i/\beta^i \text{ and no } \gamma",
    "Without γ the operator is only non-expansive: 1 > 9/10.",
    GAMES,
    Counterexample(undiscounted, {**ONE_STATE, "beta_agent": 1, "beta_opponent": 1}),
)
row(
    "report.034.values.corrected",
    "proved",
    "report (34); report A.4.1",
    r"\max_s |\tfrac{V^{i,1}}{\beta^i} - \tfrac{V^{i,2}}{\beta^i}| \le \|Q^1 - Q^2\|_\infty",
    "A composition of two free energies, for every finite size and every sign.",
    stage_scope(states=">= 1"),
    Deduction(
        ("free-energy.monotone", "free-energy.shift-equivariant", "free-energy.non-expansive"),
        "composition of monotone shift-equivariant maps",
        "b given a, then a: each is monotone and shift-equivariant, so is the composition, which "
        "is then non-expansive",
    ),
    inequality(value_gap, VALUES),
)
row(
    "report.034.values-opponent.corrected",
    "proved",
    "report (34); report A.4.1",
    r"\max_s |\tfrac{V^{-i,1}}{\beta^{-i}} - \tfrac{V^{-i,2}}{\beta^{-i}}| \le \|Q^1 - "
    r"Q^2\|_\infty",
    "The opponent's view: a given b, then b.",
    stage_scope(states=">= 1"),
    Deduction(
        ("free-energy.monotone", "free-energy.shift-equivariant", "free-energy.non-expansive"),
        "composition of monotone shift-equivariant maps",
    ),
    inequality(value_gap_opponent, VALUES),
)
row(
    "report.034.corrected",
    "proved",
    "report (34); report (33); report (157)",
    r"\|TQ^1 - TQ^2\|_\infty \le \gamma\|Q^1 - Q^2\|_\infty, \quad TQ = R + \gamma "
    r"E[\tfrac{1}{\beta^i} V^i]",
    "With γ and 1/β^i put in: a γ-contraction for every finite size and both signs of each β.",
    GAMES,
    Deduction(("report.034.values.corrected",), "non-expansive after a discounted expectation"),
    Sampling(contraction, PAIRS, ">= 0", examples=20_000, batched=True, search=False),
)
row(
    "report.034.every-beta.added",
    "proved",
    "report (34)",
    r"\beta^i, \beta^{-i} \in [-\infty, \infty]: \ \|TQ^1 - TQ^2\|_\infty \le "
    r"\gamma\|Q^1 - Q^2\|_\infty, \quad TQ = R + \gamma E[F_{\beta^i} F_{\beta^{-i}} Q]",
    "Written with free energies the limits are included: expectations at 0, maxima and minima at "
    "±inf, so minimax value iteration is the case β^i = inf, β^-i = −inf.",
    stage_scope("any", "any", states=">= 1", gamma="[0, 1)"),
    Deduction(
        ("free-energy.monotone", "free-energy.shift-equivariant", "free-energy.non-expansive"),
        (
            "composition of monotone shift-equivariant maps",
            "monotone and shift-equivariant implies non-expansive",
            "non-expansive after a discounted expectation",
        ),
        "as for finite β; the lemmas hold at every β, and an expectation times γ contracts",
    ),
    inequality(
        contraction,
        instances(
            SIZES,
            one=Q,
            two=Q,
            **DYNAMICS,
            **STATE_PRIORS,
            beta_agent=beta(zero=True, limits=True),
            beta_opponent=beta(zero=True, limits=True),
        ),
    ),
)
row(
    "report.034.opponent.corrected",
    "proved",
    "report (34); report (25)",
    r"\|TQ^1 - TQ^2\|_\infty \le \gamma\|Q^1 - Q^2\|_\infty, \quad TQ = R + \gamma "
    r"E[\tfrac{1}{\beta^{-i}} V^{-i}]",
    "The report takes the agent's point of view; the opponent's is a contraction too.",
    GAMES,
    Deduction(
        ("report.034.values-opponent.corrected",), "non-expansive after a discounted expectation"
    ),
    inequality(contraction_opponent, PAIRS),
)
row(
    "report.034.tight.added",
    "proved",
    "report (34)",
    r"\|T(Q + c) - TQ\|_\infty = \gamma |c|, \quad TQ = R + \gamma E[\tfrac{1}{\beta^i} V^i]",
    "γ is the best constant of the corrected operator.",
    GAMES,
    Deduction((SHIFT,), "substitution of equals", "V^i/β^i of Q + c is that of Q plus c"),
    identity(gamma_attained, SHIFTS),
)
row(
    "report.034.lipschitz.added",
    "proved",
    "report (34); report (33)",
    r"\|TQ^1 - TQ^2\|_\infty \le \gamma|\beta^i|\,\|Q^1 - Q^2\|_\infty, \quad TQ = R + \gamma "
    r"E[V^i]",
    "The printed operator, with γ put in. Without it: |β^i|.",
    GAMES,
    Deduction(
        ("report.034.values.corrected",),
        "non-expansive after a discounted expectation",
        "V^i is β^i times a non-expansive map",
    ),
    inequality(lipschitz, PAIRS),
)
row(
    "report.034.lipschitz-exact.added",
    "proved",
    "report (34); report (33)",
    r"\|T(Q + c) - TQ\|_\infty = \gamma|\beta^i|\,|c|, \quad TQ = R + \gamma E[V^i]",
    "So the printed operator's Lipschitz constant is exactly γ|β^i|: it is a contraction if and "
    "only if γ|β^i| < 1.",
    GAMES,
    Deduction((SHIFT,), "substitution of equals", "V^i of Q + c is that of Q plus β^i c"),
    identity(lipschitz_attained, SHIFTS),
)
