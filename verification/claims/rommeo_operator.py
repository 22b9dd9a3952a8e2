"""ROMMEO's operator and its contraction: report (26), (27), (155).

    T Q(s,a,b) = βR(s,a,b) + γ E[V(s')]
    V(s) = log Σ_b P_prior(b|s) Σ_a P_prior(a|s,b) exp Q(s,a,b)

(26) prints no γ, puts the agent's prior inside the exponential, and takes V(s_{t+1}) from Q at
s_t. Each is a reading of its own here; (27) and (155) are one statement. A.3.1 line by line is in
``rommeo_contraction_proof``. Shapes as in ``_rommeo``; q, other [S, A, B].
"""

from __future__ import annotations

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    array,
    number,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, expected, inside
from tabular_marl.verification.claims._rommeo_rows import ANY_BETA, GAMES, game_fields, sample
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides


def distance(game: Game, one: Numbers, two: Numbers) -> Numbers:
    """‖one − two‖_∞."""
    return game.arithmetic.norm(one - two)


PAIR = {
    "q": array("states", "actions", "opponent_actions"),
    "other": array("states", "actions", "opponent_actions"),
}
ALONE = {"reward": [[[0]]], "transition": [[[[1]]]], "beta": 1}

# -- (27) as printed -------------------------------------------------------------------------------


def printed(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    q: Numbers,
    other: Numbers,
) -> Sides:
    """γ‖Q¹ − Q²‖ against ‖T Q¹ − T Q²‖, T exactly as (26) prints it; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    moved = [game.u + expected(game, inside(game, x)) for x in (q, other)]
    return sides(gamma * distance(game, q, other), distance(game, *moved))


row(
    "report.027.printed",
    "refuted",
    "report (26); report (27); report (155)",
    r"\|\mathcal{T}Q^1 - \mathcal{T}Q^2\|_\infty \le \gamma \|Q^1 - Q^2\|_\infty,\quad "
    r"\mathcal{T}Q = \beta R + E[V(s_{t+1})]",
    "(26) lost the γ of (14). One state, one action each: T Q = βR + Q moves every difference by "
    "the factor 1.",
    GAMES,
    Counterexample(printed, {**ALONE, "gamma": "1/2", "q": [[[0]]], "other": [[[1]]]}),
)


def without_discount(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    q: Numbers,
    other: Numbers,
) -> Sides:
    """‖Q¹ − Q²‖ against ‖T Q¹ − T Q²‖ without γ, the priors outside the exponentials."""
    game = Game.of(arithmetic, reward, beta, transition, 1, agent_prior, opponent_prior)
    moved = [game.backup(game.soft(x)) for x in (q, other)]
    return sides(distance(game, q, other), distance(game, *moved))


row(
    "report.026.undiscounted.added",
    "proved",
    "report (26)",
    r"\|\mathcal{T}Q^1 - \mathcal{T}Q^2\|_\infty \le \|Q^1 - Q^2\|_\infty \text{ for (26) without "
    r"} \gamma",
    "All that the printed operator has (priors outside): non-expansive, and no better, by the "
    "witness above.",
    ANY_BETA,
    Deduction(
        ("recipe.non-expansive",),
        "special case",
        "an average over s' of differences of V, each at most ‖Q¹ − Q²‖",
    ),
    sample(without_discount, {**game_fields(discounted=False), **PAIR}, ">= 0"),
)

# -- (27) corrected --------------------------------------------------------------------------------


def contraction(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    q: Numbers,
    other: Numbers,
) -> Sides:
    """γ‖Q¹ − Q²‖ against ‖T Q¹ − T Q²‖."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    moved = [game.backup(game.soft(x)) for x in (q, other)]
    return sides(gamma * distance(game, q, other), distance(game, *moved))


row(
    "report.027.corrected",
    "proved",
    "report (26); report (27); report (155)",
    r"\|\mathcal{T}Q^1 - \mathcal{T}Q^2\|_\infty \le \gamma \|Q^1 - Q^2\|_\infty,\ \mathcal{T}Q "
    r"= \beta R + \gamma E\big[\log \textstyle\sum_b P_{\mathrm{prior}} \sum_a P_{\mathrm{prior}} "
    r"e^{Q(s', a, b)}\big]",
    "With γ, both priors outside the exponential, Q at s_{t+1}, and R at a_t. True at γ = 1 too, "
    "but there it is no contraction.",
    GAMES,
    Deduction(
        ("recipe.non-expansive",),
        "non-expansive after a discounted expectation",
        "V is a recipe of two levels with β = 1 in the report's units",
    ),
    sample(contraction, {**game_fields(), **PAIR}, ">= 0"),
)


def shift(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    q: Numbers,
    constant: Numbers,
) -> Sides:
    """T(Q + c), and T Q + γ c."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    left = game.backup(game.soft(q + constant))
    return sides(left, game.backup(game.soft(q)) + gamma * constant)


row(
    "report.027.tight.added",
    "proved",
    "report (27)",
    r"\mathcal{T}(Q + c) = \mathcal{T}Q + \gamma c",
    "So γ is the best constant in every game. At γ = 1 a fixed point plus any constant is again a "
    "fixed point.",
    GAMES,
    Deduction(
        ("recipe.shift-equivariant",),
        "substitution of equals",
        "V(Q + c) = V(Q) + c inside βR + γ E[V]",
    ),
    sample(shift, {**game_fields(), "q": PAIR["q"], "constant": number()}, "== 0"),
)
row(
    "report.027.banach.corrected",
    "proved",
    "report (27)",
    r"\gamma \in [0, 1):\ \mathcal{T} \text{ has one fixed point and } \mathcal{T}^n Q \to Q^* "
    r"\text{ from every } Q",
    "Banach's theorem needs γ < 1; the report allows γ = 1. Q* is the limit T → ∞ of the tables "
    "that maximise (6).",
    scope(
        states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)", gamma="[0, 1)"
    ),
    Deduction(("report.027.corrected",), "banach fixed point"),
)


# -- γ = 1 -----------------------------------------------------------------------------------------


def never_rises(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, beta: Numbers, q: Numbers
) -> Numbers:
    """−min (T Q − Q) at γ = 1: a fixed point exists only if this is >= 0 at every Q."""
    game = Game.of(arithmetic, reward, beta, transition, 1)
    return -arithmetic.minimum(game.backup(game.soft(q)) - q)


row(
    "report.027.unit.printed",
    "refuted",
    "report (27)",
    r"\gamma = 1:\ \mathcal{T} \text{ has a fixed point (so } \min(\mathcal{T}Q - Q) \le 0 "
    r"\text{ for every } Q\text{)}",
    "'For γ in [0, 1]' includes 1, where Banach's theorem says nothing. With R = 1, one state and "
    "one action, T Q = Q + β: no fixed point, and the iterates grow without bound; with R = 0 "
    "every constant is one.",
    ANY_BETA,
    Counterexample(never_rises, {**ALONE, "reward": [[[1]]], "q": [[[0]]]}),
    rests_on=("report.027.unit.added",),
)


def drift(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    q: Numbers,
) -> Numbers:
    """min (T³ Q − Q) − 3 min (T Q − Q) at γ = 1."""
    game = Game.of(arithmetic, reward, beta, transition, 1, agent_prior, opponent_prior)
    once = game.backup(game.soft(q))
    thrice = game.backup(game.soft(game.backup(game.soft(once))))
    return arithmetic.minimum(thrice - q) - 3 * arithmetic.minimum(once - q)


row(
    "report.027.unit.added",
    "proved",
    "report (27)",
    r"\gamma = 1:\ \mathcal{T}^n Q - Q \ge n \min(\mathcal{T}Q - Q)",
    "So min(T Q − Q) > 0 at one Q excludes a fixed point: the iterates diverge, while T is "
    "non-expansive and would keep them within reach of it.",
    ANY_BETA,
    Deduction(
        ("recipe.monotone", "recipe.shift-equivariant"),
        "backward induction over time",
        "T Q >= Q + c gives T(T Q) >= T(Q + c) = T Q + c >= Q + 2c",
    ),
    sample(drift, {**game_fields(discounted=False), "q": PAIR["q"]}, ">= 0"),
)

# -- other readings of (26) ------------------------------------------------------------------------


def inside_contraction(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    q: Numbers,
    other: Numbers,
) -> Sides:
    """γ‖Q¹ − Q²‖ against ‖T Q¹ − T Q²‖ with γ put in and the prior inside exp, as printed."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    moved = [game.backup(inside(game, x)) for x in (q, other)]
    return sides(gamma * distance(game, q, other), distance(game, *moved))


row(
    "report.027.inside.printed",
    "proved",
    "report (26); report (27)",
    r"\|\mathcal{T}Q^1 - \mathcal{T}Q^2\|_\infty \le \gamma \|Q^1 - Q^2\|_\infty,\quad V = "
    r"\log\sum_b P_{\mathrm{prior}} \sum_a \exp(Q\,P_{\mathrm{prior}})",
    "With γ but the agent's prior inside exp as printed: true for probabilities, by another proof. "
    "A.3.1 fails here (ε does not come out of the integral), but it comes out as 'at most ε' "
    "because P_prior <= 1.",
    GAMES,
    Deduction(
        ("report.A.3.1.inside.added",),
        "non-expansive after a discounted expectation",
    ),
    sample(inside_contraction, {**game_fields(), **PAIR}, ">= 0"),
    assumes=("γ put back", "finitely many actions: P_prior <= 1"),
)


def density(
    arithmetic: Arithmetic, width: Numbers, gamma: Numbers, q: Numbers, other: Numbers
) -> Sides:
    """The same with the uniform density 1/width on [0, width], for constants Q¹ and Q²."""
    log, exp = arithmetic.log, arithmetic.exp
    moved = [gamma * log(width * exp(x / width)) for x in (q, other)]
    left, right = arithmetic.absolute(q - other), arithmetic.absolute(moved[0] - moved[1])
    return sides(gamma * left, right)


row(
    "report.027.density.printed",
    "refuted",
    "report (26); report (27)",
    r"\|\mathcal{T}Q^1 - \mathcal{T}Q^2\|_\infty \le \gamma \|Q^1 - Q^2\|_\infty,\quad V = "
    r"\log\int \exp(Q\,p_{\mathrm{prior}})\,da,\ p_{\mathrm{prior}} \text{ a density}",
    "With integrals, as the report writes, the prior is a density and may exceed 1: uniform on "
    "[0, 1/2] it doubles differences, 9/5 > 9/10.",
    scope(width="(0, inf)", gamma="[0, 1]"),
    Counterexample(density, {"width": "1/2", "gamma": "9/10", "q": 0, "other": 1}),
)


def inside_solution(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    q: Numbers,
) -> Sides:
    """T Q with the prior inside exp, and Q; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    return sides(game.backup(inside(game, q)), q)


def solves(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    q: Numbers,
) -> Numbers:
    """−|T Q − Q| for the corrected T: q is the optimal table."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    return -arithmetic.absolute(game.backup(game.soft(q)) - q)


row(
    "report.026.solution.printed",
    "refuted",
    "report (26); report (27)",
    r"Q^* = \beta R + \gamma E\Big[\log\sum_b P_{\mathrm{prior}} \sum_a "
    r"\exp(Q^*\,P_{\mathrm{prior}})\Big] \text{ at the optimal } Q^*",
    "'Will lead to optimal action value function': with the prior inside exp the operator "
    "converges, but elsewhere. Two actions, R = 0: Q* = 0, but T 0 = γ log 2.",
    GAMES,
    Counterexample(
        inside_solution,
        {
            "reward": [[[0], [0]]],
            "transition": [[[[1]], [[1]]]],
            "beta": 1,
            "gamma": "1/2",
            "q": [[[0], [0]]],
        },
        "== 0",
        where=solves,
    ),
)


def here(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    q: Numbers,
) -> Sides:
    """βR + γ V(s_t), V from Q at s_t as the index says, and βR + γ E[V(s_{t+1})]."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    value = game.soft(q)
    return sides(game.u + gamma * value[:, None, None], game.backup(value))


row(
    "report.026.index.printed",
    "refuted",
    "report (26)",
    r"V(s_{t+1}) = \log\sum_b P_{\mathrm{prior}}(b|s_t)\sum_a P_{\mathrm{prior}}(a|s_t, b)\, "
    r"e^{Q(s_t, a, b)}",
    "V(s_{t+1}) is defined by Q and priors at s_t. Read literally, transitions would not matter.",
    GAMES,
    Counterexample(
        here,
        {
            "reward": [[[0]], [[0]]],
            "transition": [[[[0, 1]]], [[[0, 1]]]],
            "beta": 1,
            "gamma": "1/2",
            "q": [[[0]], [[1]]],
        },
        "== 0",
    ),
)
