"""The alternation with the reference prior kept: report 1.3 after (46).

    V_k = solution of (42) with ρ_k held fixed,   ρ_{k+1} ∝ P_prior exp(κ Q_k(s,b))

A fixed point has V = Σ_b ρ Q^i(s,b) with ρ the tilt of Q^i(s,b): the Boltzmann operator, which is
no contraction. Everything that can happen happens in the smallest game, "stay or leave": the
opponent alone chooses, in state 1, between reward r and staying, or reward 0 and a state where
nothing more happens. If ρ is the probability of staying,

    V = ρ r/(1 − γρ),   Q(stay) − Q(leave) = r/(1 − γρ),
    g(ρ)/(1 − g(ρ)) = P/(1 − P) · exp(β^-i r/(1 − γρ))

g rises if β^-i r > 0, where two limits can coexist, and falls if β^-i r < 0, where rounds can swap
for ever. Here in reward units; β^i has nothing to decide. Only |β^-i| small enough helps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    number,
    positive,
    prove_positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation, tilt
from tabular_marl.verification.claims._fictitious import (
    GAME,
    MINUS,
    PLUS,
    SHORT,
    SIGNED,
    SIZES,
    Play,
    betas,
    game_scope,
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
        f"{'−' if sign > 0 else ''}3/2, γ = 9/10, P = 19/20. A model that stays makes staying look "
        "terrible, one that leaves makes it look harmless: g(1/5) > 3/4 and g(3/4) < 1/5, g falls, "
        "so ρ_k alternates between [0, 1/5] and [3/4, 1] from ρ_0 = P on. The sign of β^i plays no "
        "part. (With a uniform prior: nineteen copies of staying.)",
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

# -- where it does settle --------------------------------------------------------------------------


def one_state(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """ρ_2 − ρ_1 in a game of one state."""
    path = Play.of(arithmetic, **given).rounds(3, kept=True)
    return path[2][0] - path[1][0]


row(
    "report.1.3.kept.one-state.added",
    "proved",
    "report 1.3; report (46)",
    r"\text{one state, or } \gamma = 0: \ \rho_2 = \rho_1",
    "There one round settles everything, so two states are the fewest in which it can fail.",
    scope(
        states="1",
        actions=">= 1",
        opponent_actions=">= 1",
        gamma="[0, 1)",
        beta_agent=SIGNED,
        beta_opponent=SIGNED,
    ),
    Deduction(
        ("free-energy.shift-equivariant",),
        "substitution of equals",
        "another V adds γ(V' − V) to Q^i(s, ·) as a whole, and a tilt does not see constants",
    ),
    sample(one_state, {**GAME, **betas(), **SHORT}, "== 0", sizes={**SIZES, "states": (1, 1)}),
)


def finite_horizon(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """ρ_{k+1} − ρ_k at t = T − k for k = 0, 1, 2 in a horizon of T = 2, a model for each time."""
    play = Play.of(arithmetic, **given)
    models, moved = [play.game.opponent_prior] * 3, []
    for k in range(4):
        q, after = play.game.u, []
        for model in models:  # from the last time backwards
            after.append(play.model(play.game.agent_soft(q)))
            q = play.game.backup(play.held(q, model))
        moved.append([new - old for new, old in zip(after, models, strict=True)][:k])
        models = after
    return np.stack([change for changes in moved for change in changes])


row(
    "report.1.3.kept.finite-horizon.added",
    "proved",
    "report 1.3; report (42); report (46)",
    r"T < \infty, \text{ a model for each } t: \ \rho_t \text{ settles after } T - t + 1 "
    r"\text{ rounds}",
    "In the horizon of (39), with tables by time, the rounds stop after T + 1: that is backward "
    "induction. Cycles and several limits belong to the stationary reading.",
    game_scope(),
    Deduction(
        ("report.042.corrected",),
        "backward induction over time",
        "Q^i_T = β^i R does not depend on ρ, so ρ_T is right after one round; Q^i_t depends on the "
        "models after t only",
    ),
    sample(finite_horizon, {**GAME, **betas(), **SHORT}, "== 0"),
)

# -- a sufficient condition ------------------------------------------------------------------------


def oscillation(arithmetic: Arithmetic, x: Numbers) -> Numbers:
    """max x − min x over all axes."""
    return arithmetic.maximum(x) - arithmetic.minimum(x)


def moved_mean(
    arithmetic: Arithmetic, x: Numbers, step: Numbers, y: Numbers, prior: Numbers, beta: Numbers
) -> Sides:
    """|β| osc(d) osc(y)/4, and |E_{tilt(x+d)} y − E_{tilt(x)} y|."""
    after = expectation(tilt(x + step, prior, beta, 0, arithmetic), y, 0)
    before = expectation(tilt(x, prior, beta, 0, arithmetic), y, 0)
    bound = oscillation(arithmetic, step) * oscillation(arithmetic, y) / 4
    return sides(arithmetic.absolute(beta) * bound, arithmetic.absolute(after - before))


def prove_covariance() -> list[Proof]:
    """d/dt of N/Z, N = Σ w y, w = p e^{β(x + t d)}; then Grüss' inequality in two groups."""
    import sympy

    time, b, x, d, y = sympy.symbols("t beta x d y", real=True)
    p, a, c = positive("p"), positive("a"), positive("c")
    up, down = sympy.symbols("up down", real=True)
    weight = p * sympy.exp(b * (x + time * d))
    N, Z, dN, dZ = sympy.symbols("N Z dN dZ")
    curve = sympy.Function("N")(time) / sympy.Function("Z")(time)
    slope = sympy.diff(curve, time).subs(
        {
            sympy.Function("N")(time).diff(time): dN,
            sympy.Function("Z")(time).diff(time): dZ,
            sympy.Function("N")(time): N,
            sympy.Function("Z")(time): Z,
        }
    )
    share = a / (a + c)
    mean = share * up + (1 - share) * down
    spread = share * (up - mean) + (1 - share) * (mean - down)
    plain = sympy.Symbol("w")
    term = (sympy.diff(weight * y, time) / weight).subs(time, 0) * plain
    return [
        prove_zero(slope - (dN / Z - N / Z * dZ / Z), "(N/Z)' = N'/Z − (N/Z)(Z'/Z)"),
        prove_zero(term - b * d * y * plain, "N' = β Σ w d y; Z' likewise: (N/Z)' = β Cov(d, y)"),
        prove_zero(spread - 2 * share * (1 - share) * (up - down), "E|y − Ey| in two groups"),
        prove_zero(
            sympy.Rational(1, 4) - share * (1 - share) - (share - sympy.Rational(1, 2)) ** 2,
            "so E|y − Ey| <= osc(y)/2, and |Cov| <= osc(d)/2 · E|y − Ey|",
        ),
    ]


row(
    "free-energy.tilt-moves.added",
    "proved",
    "report (46)",
    r"|E_{\mathrm{tilt}(x + d)}[y] - E_{\mathrm{tilt}(x)}[y]| \le \tfrac{|\beta|}{4} "
    r"\mathrm{osc}(d)\,\mathrm{osc}(y)",
    "How far a mean moves with the tilt: the derivative along d is β Cov(d, y), and |Cov(d, y)| = "
    "|E (d − mid d)(y − Ey)| <= osc(d) osc(y)/4 (Grüss).",
    scope(outcomes=">= 1", beta=SIGNED),
    Symbolic(prove_covariance),
    sample(
        moved_mean,
        {
            "x": array("outcomes"),
            "step": array("outcomes"),
            "y": array("outcomes"),
            "prior": distribution("outcomes"),
            "beta": beta(high=8),
        },
        sizes={"outcomes": (1, 4)},
    ),
)


def one_round(play: Play, value: Numbers) -> Numbers:
    """Φ(V): the value of (42) at the model (46) of the table of V."""
    return play.solve(play.model(play.game.agent_soft(play.game.backup(value))))


def rounds_apart(arithmetic: Arithmetic, one: Numbers, two: Numbers, **given: Numbers) -> Sides:
    """c ‖V − W‖ and ‖Φ(V) − Φ(W)‖, c = |κ| γ osc(β^i R)/(2 (1 − γ)²)."""
    play = Play.of(arithmetic, **given)
    gamma = play.game.gamma
    rate = arithmetic.absolute(play.ratio) * gamma * oscillation(arithmetic, play.game.u)
    rate = rate / (2 * (1 - gamma) ** 2)
    moved = arithmetic.norm(one_round(play, one) - one_round(play, two))
    return sides(rate * arithmetic.norm(one - two), moved)


VALUES = {"one": array("states"), "two": array("states")}
row(
    "report.1.3.kept.lipschitz.added",
    "proved",
    "report 1.3; report (42); report (46)",
    r"\|\Phi(V) - \Phi(W)\|_\infty \le \frac{\gamma |\beta^{-i}|\,\mathrm{osc}(R)}{2(1-\gamma)^2} "
    r"\|V - W\|_\infty, \quad V_{k+1} = \Phi(V_k)",
    "One round of the kept alternation, as a map of the value; osc(R) = max R − min R.",
    game_scope(),
    Deduction(
        ("free-energy.tilt-moves.added", "free-energy.non-expansive", "report.158.corrected"),
        "chain of inequalities",
        "with V' = Φ(V): ‖Φ(V) − Φ(W)‖ <= ‖(E_ρ − E_ρ') Q'‖/(1−γ) <= |κ| osc(Q_V − Q_W) "
        "osc(Q')/4/(1−γ); osc(Q_V − Q_W) <= 2γ‖V − W‖, and Q' = Q^i(s,b) of V' lies between "
        "min and max of β^i R over 1 − γ",
    ),
    sample(rounds_apart, {**GAME, **betas(), **SHORT, **VALUES}),
)
row(
    "report.1.3.kept.small.added",
    "proved",
    "report 1.3; report (42); report (46)",
    r"\gamma |\beta^{-i}|\,\mathrm{osc}(R) < 2(1-\gamma)^2, \ P_{\mathrm{prior}} \text{ of (46) "
    r"kept: the rounds converge to one limit from every first model}",
    "Where the report's alternation is safe in the kept reading: little discounting of the tilt, "
    "weak tilts or small rewards.",
    game_scope(),
    Deduction(("report.1.3.kept.lipschitz.added",), "banach fixed point", "Φ is a contraction"),
    assumes=("γ |β^-i| osc(R) < 2 (1 − γ)²",),
)
row(
    "report.1.3.kept.regularised.added",
    "proved",
    "report (46); report (50)",
    r"\text{(50) with } P_{\mathrm{prior}} \text{ kept: the first round is the fixed point}",
    "Nothing is left to alternate: V^-i contains its own model. One solve, any signs.",
    game_scope(),
    Deduction(
        ("report.050.printed", "report.050.identity.added"),
        "substitution of equals",
        "the solution of (50) does not contain ρ; (46) of it is its model",
    ),
)
