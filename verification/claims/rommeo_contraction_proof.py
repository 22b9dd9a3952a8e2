"""The proof that ROMMEO's operator contracts, line by line: report A.3.1.

    ‖T Q¹ − T Q²‖ = γ max |E[V¹ − V²]| <= γ max |V¹ − V²| <= γ ‖Q¹ − Q²‖ = γ ε

the last by V¹ <= log Σ Σ exp(Q² + ε) = ε + V², and with −ε. Shapes as in ``_rommeo``.
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, expected, inside
from tabular_marl.verification.claims._rommeo_rows import (
    GAMES,
    STAGE_SCOPE,
    STAGE_SIZES,
    game_fields,
    sample,
    stage_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

VALUES = {"value": array("states"), "other": array("states")}


def plugged_in(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    q: Numbers,
    other: Numbers,
) -> Sides:
    """‖T Q¹ − T Q²‖ with A.3.1's own T (no γ), and its first line, which has γ; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    values = [game.soft(x) for x in (q, other)]
    own = [game.u + expected(game, v) for v in values]
    line = [game.backup(v) for v in values]
    return sides(arithmetic.norm(own[0] - own[1]), arithmetic.norm(line[0] - line[1]))


row(
    "report.A.3.1.step1.printed",
    "refuted",
    "report A.3.1",
    r"\|\mathcal{T}Q^1 - \mathcal{T}Q^2\|_\infty = \|\beta R + \gamma E[V^1] - \beta R - \gamma "
    r"E[V^2]\| \text{ for } \mathcal{T}Q = \beta R + E[V]",
    "The mapping recalled one line above has no γ; γ appears when it is plugged in.",
    GAMES,
    Counterexample(
        plugged_in,
        {
            "reward": [[[0]]],
            "transition": [[[[1]]]],
            "beta": 1,
            "gamma": "1/2",
            "q": [[[0]]],
            "other": [[[1]]],
        },
        "== 0",
    ),
)


def pulled_out(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    value: Numbers,
    other: Numbers,
) -> Sides:
    """‖(u + γ E V¹) − (u + γ E V²)‖, and γ max |E[V¹ − V²]|."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    left = arithmetic.norm(game.backup(value) - game.backup(other))
    return sides(left, gamma * arithmetic.norm(expected(game, value - other)))


def prove_pulled_out() -> Proof:
    u, gamma, p, v, w, rest_v, rest_w = sympy.symbols("u gamma p v w rest_v rest_w")
    left = (u + gamma * (p * v + rest_v)) - (u + gamma * (p * w + rest_w))
    return prove_zero(
        left - gamma * (p * (v - w) + (rest_v - rest_w)), "linearity, at every (s, a, b)"
    )


PLAIN = {k: f for k, f in game_fields().items() if k not in ("agent_prior", "opponent_prior")}
row(
    "report.A.3.1.step2.printed",
    "proved",
    "report A.3.1",
    r"\|\beta R + \gamma E[V^1] - \beta R - \gamma E[V^2]\| = \gamma \max_{s, a, a^{-i}} "
    r"|E[V^1 - V^2]|",
    "Linearity, γ >= 0.",
    GAMES,
    Symbolic(prove_pulled_out),
    sample(pulled_out, {**PLAIN, **VALUES}, "== 0"),
)


def averaged(arithmetic: Arithmetic, transition: Numbers, value: Numbers, other: Numbers) -> Sides:
    """max_s |V¹ − V²|, and max_{s,a,b} |E[V¹ − V²]|."""
    left = arithmetic.norm(value - other)
    return sides(left, arithmetic.norm((transition * (value - other)).sum(axis=3)))


def prove_averaged() -> list[Proof]:
    """Two blocks of states, differences largest − one and largest − two; also for the negatives."""
    one, two, odds = positive("one"), positive("two"), positive("odds")
    p = odds / (1 + odds)
    return [
        prove_nonnegative(p * one + (1 - p) * two, "max − E[V¹ − V²] = Σ p (max − difference)"),
        prove_zero(p + (1 - p) - 1, "the weights sum to one, whatever the blocks are"),
    ]


row(
    "report.A.3.1.step3.printed",
    "proved",
    "report A.3.1",
    r"\gamma \max_{s, a, a^{-i}} |E[V^1 - V^2]| \le \gamma \max_s |V^1(s) - V^2(s)|",
    "An average of numbers in [−m, m] lies there. (The reason given, that the mean of a constant "
    "is the constant, is only its last step.)",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1"),
    Symbolic(prove_averaged),
    sample(averaged, {"transition": game_fields()["transition"], **VALUES}, ">= 0"),
)

# -- |V¹ − V²| <= ε --------------------------------------------------------------------------------

FIELDS = {name: stage_fields()[name] for name in ("q", "agent_prior", "opponent_prior")}
OTHER = array("actions", "opponent_actions")
EPSILON = number(0, 4)


def non_expansive(
    arithmetic: Arithmetic,
    q: Numbers,
    other: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
) -> Sides:
    """‖Q¹ − Q²‖, and |V¹ − V²|."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    moved = stage.soft(stage.u) - stage.soft(other[None])
    return sides(arithmetic.norm(q - other), arithmetic.norm(moved))


row(
    "report.A.3.1.step4.printed",
    "proved",
    "report A.3.1",
    r"\max_s |V^1(s) - V^2(s)| \le \|Q^1 - Q^2\|_\infty = \varepsilon",
    "With the priors outside the exponentials, as A.3.1 intends.",
    STAGE_SCOPE,
    Deduction(("recipe.non-expansive",), "special case", "two levels, both with β = 1"),
    sample(non_expansive, {**FIELDS, "other": OTHER}, ">= 0", STAGE_SIZES),
)


def ordered(
    arithmetic: Arithmetic,
    q: Numbers,
    rise: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
) -> Numbers:
    """V(Q + rise) − V(Q), rise >= 0: with Q = Q¹, Q + rise = Q² + ε, and with Q = Q² − ε."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    return stage.soft(stage.u + rise[None]) - stage.soft(stage.u)


row(
    "report.A.3.1.step5.printed",
    "proved",
    "report A.3.1",
    r"V^1 \le \log\sum_b P_{\mathrm{prior}} \sum_a P_{\mathrm{prior}}\, e^{Q^2 + \varepsilon},\ "
    r"V^1 \ge \log\sum_b P_{\mathrm{prior}} \sum_a P_{\mathrm{prior}}\, e^{Q^2 - \varepsilon}",
    "The two inequalities of A.3.1: V is monotone and Q² − ε <= Q¹ <= Q² + ε.",
    STAGE_SCOPE,
    Deduction(("recipe.monotone",), "special case", "Q¹ against Q² ± ε"),
    sample(
        ordered,
        {**FIELDS, "rise": array("actions", "opponent_actions", low=0)},
        ">= 0",
        STAGE_SIZES,
    ),
)


def shift_inside(
    arithmetic: Arithmetic,
    q: Numbers,
    epsilon: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
) -> Sides:
    """ε + V(Q), and V(Q + ε), the agent's prior inside exp."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    return sides(epsilon + inside(stage, stage.u), inside(stage, stage.u + epsilon))


ONE_OF_TWO = {
    "q": [[0], [0]],
    "epsilon": 1,
    "agent_prior": [["1/2", "1/2"]],
    "opponent_prior": [1],
}
row(
    "report.A.3.1.step6.printed",
    "refuted",
    "report A.3.1",
    r"\log\int\Big(\int \exp((Q^2 + \varepsilon) P_{\mathrm{prior}}\,da)\Big) P_{\mathrm{prior}} = "
    r"\varepsilon + \log\int\Big(\int \exp(Q^2\,P_{\mathrm{prior}}\,da)\Big) P_{\mathrm{prior}}",
    "With the prior inside exp, as the last line of each case prints it, ε is multiplied by the "
    "prior and does not come out: two actions, uniform prior, ε = 1: 1/2 instead of 1.",
    STAGE_SCOPE,
    Counterexample(shift_inside, ONE_OF_TWO, "== 0"),
)


def shift_mixed(
    arithmetic: Arithmetic,
    q: Numbers,
    epsilon: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
) -> Sides:
    """V(Q + ε) with the prior outside exp, and ε + V(Q) with it inside."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    return sides(stage.soft(stage.u + epsilon), epsilon + inside(stage, stage.u))


row(
    "report.A.3.1.step6.mixed.printed",
    "refuted",
    "report A.3.1",
    r"\log\int\Big(\int \exp(Q^2 + \varepsilon) P_{\mathrm{prior}}\,da\Big) P_{\mathrm{prior}} = "
    r"\varepsilon + \log\int\Big(\int \exp(Q^2\,P_{\mathrm{prior}}\,da)\Big) P_{\mathrm{prior}}",
    "The lines of the first case as their brackets stand: the prior is outside in the second line "
    "and inside in the third.",
    STAGE_SCOPE,
    Counterexample(shift_mixed, ONE_OF_TWO, "== 0"),
)


def shift_outside(
    arithmetic: Arithmetic,
    q: Numbers,
    epsilon: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
) -> Sides:
    """V(Q + ε), and ε + V(Q)."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    return sides(stage.soft(stage.u + epsilon), epsilon + stage.soft(stage.u))


row(
    "report.A.3.1.step6.corrected",
    "proved",
    "report A.3.1",
    r"\log\sum_b P_{\mathrm{prior}}\sum_a P_{\mathrm{prior}}\, e^{Q^2 \pm \varepsilon} = "
    r"\pm\varepsilon + \log\sum_b P_{\mathrm{prior}}\sum_a P_{\mathrm{prior}}\, e^{Q^2}",
    "With both priors outside, e^ε is a common factor of all terms.",
    STAGE_SCOPE,
    Deduction(("recipe.shift-equivariant",), "special case", "c = ±ε"),
    sample(shift_outside, {**FIELDS, "epsilon": number()}, "== 0", STAGE_SIZES),
)


def prove_shift_inside() -> list[Proof]:
    epsilon, others = positive("epsilon"), positive("others")
    total, factor = positive("total"), positive("factor")
    mu = 1 / (1 + others)
    log = sympy.log
    return [
        prove_nonnegative(
            epsilon - epsilon * mu, "term by term e^{(Q + ε) μ} <= e^ε e^{Q μ}, as μ <= 1, ε >= 0"
        ),
        prove_nonnegative(epsilon * mu, "term by term e^{Q μ} <= e^{(Q + ε) μ}: V is monotone"),
        prove_zero(log(factor * total) - log(factor) - log(total), "log of e^ε times the sum"),
    ]


row(
    "report.A.3.1.inside.added",
    "proved",
    "report A.3.1",
    r"\log\sum_b P_{\mathrm{prior}}\sum_a e^{(Q + \varepsilon) P_{\mathrm{prior}}} \le \varepsilon "
    r"+ \log\sum_b P_{\mathrm{prior}}\sum_a e^{Q\,P_{\mathrm{prior}}},\ \varepsilon \ge 0; "
    r"\text{ and the left side is monotone in } Q",
    "What is left of the step with the prior inside exp, for probabilities; the two together give "
    "|V¹ − V²| <= ε again.",
    STAGE_SCOPE,
    Symbolic(prove_shift_inside),
    sample(shift_inside, {**FIELDS, "epsilon": EPSILON}, ">= 0", STAGE_SIZES),
    assumes=("P_prior <= 1: finitely many actions",),
)
