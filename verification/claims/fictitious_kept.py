"""The alternation with the reference prior kept: report 1.3 after (46).

    V_k = solution of (42) with ρ_k held fixed,   ρ_{k+1} ∝ P_prior exp(κ Q_k(s,b))

A fixed point has V = Σ_b ρ Q^i(s,b) with ρ the tilt of Q^i(s,b): the Boltzmann operator, which is
no contraction. Everything that can happen happens in the smallest game, "stay or leave": the
opponent alone chooses, in state 1, between reward r and staying, or reward 0 and a state where
nothing more happens. If ρ is the probability of staying,

    V = ρ r/(1 − γρ),   Q(stay) − Q(leave) = r/(1 − γρ),
    g(ρ)/(1 − g(ρ)) = P/(1 − P) · exp(β^-i r/(1 − γρ))

g rises if β^-i r > 0, where two limits can coexist, and falls if β^-i r < 0, where rounds can swap
for ever. Here in reward units; β^i has nothing to decide. Where rounds do settle:
``fictitious_settling``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    beta,
    number,
    positive,
    prove_positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._fictitious import (
    MINUS,
    PLUS,
    SHORT,
    SIGNED,
    Play,
    sample,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- stay or leave ---------------------------------------------------------------------------------


def respond(
    arithmetic: Arithmetic,
    stay: Numbers,
    reward: Numbers,
    gamma: Numbers,
    prior: Numbers,
    beta_opponent: Numbers,
) -> Numbers:
    """g(ρ): the next probability of staying."""
    gain = arithmetic.exp(beta_opponent * reward / (1 - gamma * stay))
    return prior * gain / (prior * gain + 1 - prior)


def as_game(
    arithmetic: Arithmetic,
    stay: Numbers,
    reward: Numbers,
    gamma: Numbers,
    prior: Numbers,
    beta_opponent: Numbers,
) -> Sides:
    """g(ρ), and the same round played in the game of two states."""
    zero = 0 * stay
    one = zero + 1
    table = np.stack([np.stack([reward + zero, zero])[None], np.stack([zero, zero])[None]])
    go, end = np.stack([one, zero]), np.stack([zero, one])
    transition = np.stack([np.stack([go, end])[None], np.stack([end, end])[None]])
    law = np.stack([np.stack([prior, 1 - prior]), np.stack([one, one]) / 2])
    start = np.stack([np.stack([stay, 1 - stay]), np.stack([one, one]) / 2])
    game = (table, one, beta_opponent, transition, gamma, None, law)
    path = Play.of(arithmetic, *game).rounds(2, kept=True, start=start)
    given = {"reward": reward, "gamma": gamma, "prior": prior, "beta_opponent": beta_opponent}
    return sides(respond(arithmetic, stay, **given), path[1][0][0, 0])


def swapped(arithmetic: Arithmetic, low: Numbers, high: Numbers, **given: Numbers) -> Numbers:
    """> 0 where g(low) > high and g(high) < low: then g, falling, swaps [0, low] and [high, 1]."""
    up = respond(arithmetic, low, **given) - high
    return arithmetic.minimum(np.stack([up, low - respond(arithmetic, high, **given)]))


def both_kept(arithmetic: Arithmetic, low: Numbers, high: Numbers, **given: Numbers) -> Numbers:
    """> 0 where g(low) < low and g(high) > high: then g, rising, keeps [0, low] and [high, 1]."""
    down = low - respond(arithmetic, low, **given)
    return arithmetic.minimum(np.stack([down, respond(arithmetic, high, **given) - high]))


def rising(
    arithmetic: Arithmetic,
    reward: Numbers,
    gamma: Numbers,
    prior: Numbers,
    beta_opponent: Numbers,
) -> Numbers:
    """β^-i (V_2 − V_1) at state 1, ρ_0 = P."""
    given = {"reward": reward, "gamma": gamma, "prior": prior, "beta_opponent": beta_opponent}
    first = respond(arithmetic, prior, **given)
    second = respond(arithmetic, first, **given)

    def value(stay: Numbers) -> Numbers:
        return stay * reward / (1 - gamma * stay)

    return beta_opponent * (value(second) - value(first))


def prove_stay_or_leave() -> list[Proof]:
    """V and the gap solve the system; 1/(1 − γρ) rises with ρ."""
    import sympy

    r = sympy.Symbol("r", real=True)
    rho, gamma = sympy.symbols("rho gamma", positive=True)
    p, q, g, h = (positive(n) for n in ("p", "q", "g", "h"))
    value, gap = rho * r / (1 - gamma * rho), r / (1 - gamma * rho)
    slope = sympy.diff(1 / (1 - gamma * rho), rho)
    inside = {rho: p / (p + q), gamma: g / (g + h)}
    return [
        prove_zero(value - (rho * (r + gamma * value) + (1 - rho) * 0), "V = ρ(r + γV) + (1−ρ)0"),
        prove_zero(gap - (r + gamma * value), "Q(stay) − Q(leave) = r + γV"),
        prove_positive(slope.subs(inside), "d/dρ 1/(1 − γρ) > 0 for ρ, γ in (0, 1)"),
    ]


GAMES = scope(gamma="[0, 1)", prior="(0, 1)", beta_opponent=SIGNED)
SCALARS: dict[str, Any] = {
    "stay": number("1/8", "7/8"),
    "reward": number(-2, 2),
    "gamma": SHORT["gamma"],
    "prior": number("1/8", "7/8"),
    "beta_opponent": beta(low="1/4", high=4),
}
row(
    "report.1.3.kept.stay-or-leave.added",
    "proved",
    "report (42); report (46)",
    r"\text{stay or leave: } \tfrac{g(\rho)}{1 - g(\rho)} = \tfrac{P}{1 - P} "
    r"\exp\tfrac{\beta^{-i} r}{1 - \gamma\rho}, \ g \text{ rises in } \rho \text{ if } "
    r"\beta^{-i} r > 0 \text{ and falls if } < 0",
    "One round of (42), (46) in the game of the module: two states, one action of the agent, two "
    "of the opponent.",
    GAMES,
    Symbolic(prove_stay_or_leave),
    sample(as_game, SCALARS, "== 0", sizes={}),
)

CYCLE = {"gamma": "9/10", "prior": "19/20", "low": "1/5", "high": "3/4"}
for sign, of in ((1, PLUS), (-1, MINUS)):
    name = "cooperative" if sign > 0 else "competitive"
    row(
        f"report.1.3.kept.{name}.printed",
        "refuted",
        "report 1.3; report (42); report (46)",
        rf"\beta^{{-i}} {'>' if sign > 0 else '<'} 0, \ P_{{\mathrm{{prior}}}} \text{{ of (46) "
        r"kept: training agent and model in turns settles}",
        "With the reference prior of (44) kept the rounds can swap for ever: stay or leave, r = "
        f"{'−' if sign > 0 else ''}3/2, γ = 9/10, P = 19/20. While the model stays, staying counts "
        "r many times over and the tilt avoids it; once it leaves, staying counts r hardly more "
        "than once, and the prior prevails: g(1/5) > 3/4 and g(3/4) < 1/5, g falls, so ρ_k "
        "alternates between [0, 1/5] and [3/4, 1] from ρ_0 = P on. The sign of β^i plays no part. "
        "(With a uniform prior: nineteen copies of staying.)",
        scope(gamma="[0, 1)", prior="(0, 1)", beta_opponent=of),
        Counterexample(
            swapped, {**CYCLE, "reward": f"{-3 * sign}/2", "beta_opponent": sign}, "<= 0"
        ),
        rests_on=("report.1.3.kept.stay-or-leave.added",),
    )
row(
    "report.1.3.kept.one-limit.added",
    "refuted",
    "report 1.3; report (42); report (46)",
    r"P_{\mathrm{prior}} \text{ of (46) kept: where the rounds settle, they settle in one limit, "
    r"whatever the first model}",
    "Stay or leave, r = 1/4, γ = 99/100, uniform prior: g(7/10) < 7/10 and g(9/10) > 9/10, g "
    "rises, so ρ_k rises or falls to a limit below 7/10 from below, above 9/10 from above. Two "
    "self-fulfilling models; the report's start, P_prior, leads to the smaller value.",
    scope(gamma="[0, 1)", prior="(0, 1)", beta_opponent=PLUS),
    Counterexample(
        both_kept,
        {
            "gamma": "99/100",
            "prior": "1/2",
            "low": "7/10",
            "high": "9/10",
            "reward": "1/4",
            "beta_opponent": 1,
        },
        "<= 0",
    ),
    rests_on=("report.1.3.kept.stay-or-leave.added",),
)
row(
    "report.1.3.kept.monotone.added",
    "refuted",
    "report 1.3; report (42); report (46)",
    r"\beta^{-i} > 0, \ P_{\mathrm{prior}} \text{ of (46) kept: } V_k \text{ rises in every round}",
    "The first round rises, as with replaced priors; the second need not, even for two positive "
    "temperatures: ρ_2 tilts P_prior again, not ρ_1.",
    scope(gamma="[0, 1)", prior="(0, 1)", beta_opponent=PLUS),
    Counterexample(rising, {"reward": -1, "gamma": "1/2", "prior": "1/2", "beta_opponent": 1}),
)
