"""Where the alternation with the reference prior kept does settle: report 1.3 after (46), (50).

One state, a finite horizon with a model for each time, the message of (50); and, as a round is a
map Φ of the value,

    ‖Φ(V) − Φ(W)‖ <= c ‖V − W‖,   c = γ |β^-i| osc(R)/(2 (1 − γ)²)

because a tilt by β moves a mean of y by at most |β| osc(d) osc(y)/4 when its table moves by d.
Units are the report's, u = β^i R. Shapes as in ``_fictitious``.
"""

from __future__ import annotations

import numpy as np

from tabular_marl.verification import (
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation, tilt
from tabular_marl.verification.claims._fictitious import (
    GAME,
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


def one_state(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """ρ_2 − ρ_1 in a game of one state."""
    path = Play.of(arithmetic, **given).rounds(3, kept=True)
    return path[2][0] - path[1][0]


row(
    "report.1.3.kept.one-state.added",
    "proved",
    "report 1.3; report (46)",
    r"\text{one state: } \rho_2 = \rho_1",
    "There one round settles everything (as it does for γ = 0), so two states are the fewest in "
    "which it can fail.",
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
    "Where the report's alternation is safe in the kept reading: a small γ, weak tilts "
    "or small rewards.",
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
