"""Is the conditional agent's evaluation a contraction? Report (158), A.5.3.

    (TQ)(s,a,b) = β^i R + γ E_{s', b'~ρ(·|s')}[log Σ_a' P_prior(a'|b',s') exp Q(s',a',b')]   (158)

with the indices that (158) prints at t put to t + 1. The inner map is a free energy, the outer one
an expectation; both are monotone and shift-equivariant. Units are the report's, so that no factor
β^i is lost (compare (34)). Shapes: Q [S, A, B], π [S, A, B], ρ [S, B].
"""

from __future__ import annotations

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    discount,
    distribution,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy
from tabular_marl.verification.claims._fictitious import GAME, sample
from tabular_marl.verification.claims._rommeo import Game, laid
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

Q = array("states", "actions", "opponent_actions")
SYSTEM = {**GAME, "beta": beta("both", zero=True, high=4), "gamma": discount()}
PAIRS = {**SYSTEM, "one": Q, "two": Q}
_SIZES = {"states": ">= 1", "actions": ">= 1", "opponent_actions": ">= 1", "beta": "(-inf, inf)"}
GAMES = scope(**_SIZES, gamma="[0, 1)")
CLOSED = scope(**_SIZES, gamma="[0, 1]")


def operator(game: Game, q: Numbers) -> Numbers:
    """(158), indices corrected; ρ is the game's opponent_prior."""
    return game.backup((game.opponent_prior * game.agent_soft(q)).sum(axis=1))


def as_printed(game: Game, q: Numbers) -> Numbers:
    """(158) to the letter: Q and ρ at s_t."""
    value = (game.opponent_prior * game.agent_soft(q)).sum(axis=1)
    return game.u + game.gamma * value[:, None, None]


def evaluation(game: Game, q: Numbers, agent: Numbers) -> Numbers:
    """T_π: E_π[Q − log π/P_prior] in place of the soft maximum."""
    return game.backup((game.opponent_prior * game.agent_value(q, agent)).sum(axis=1))


def apart(game: Game, moved: Numbers, one: Numbers, two: Numbers) -> Sides:
    return sides(game.gamma * game.arithmetic.norm(one - two), game.arithmetic.norm(moved))


def contraction(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    one: Numbers,
    two: Numbers,
) -> Sides:
    """γ ‖Q − Q'‖ and ‖TQ − TQ'‖."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    return apart(game, operator(game, one) - operator(game, two), one, two)


def contraction_printed(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    one: Numbers,
    two: Numbers,
) -> Sides:
    """The same, (158) to the letter."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    return apart(game, as_printed(game, one) - as_printed(game, two), one, two)


def evaluation_contraction(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    one: Numbers,
    two: Numbers,
) -> Sides:
    """γ ‖Q − Q'‖ and ‖T_π Q − T_π Q'‖."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    pi = laid(agent)
    return apart(game, evaluation(game, one, pi) - evaluation(game, two, pi), one, two)


def printed_index(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    one: Numbers,
) -> Sides:
    """T Q with the successor's table and with the present one; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    return sides(as_printed(game, one), operator(game, one))


def evaluated(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, beta: Numbers, agent: Numbers
) -> Sides:
    """One step of (158) and one step of T_π from Q = β^i R, γ = 1/2, uniform priors."""
    half = arithmetic.number("1/2")
    game = Game.of(arithmetic, reward, beta, transition, half)
    return sides(operator(game, game.u), evaluation(game, game.u, laid(agent)))


def shifted(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    one: Numbers,
    shift: Numbers,
) -> Sides:
    """‖T(Q + c) − TQ‖ and γ |c|."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    moved = operator(game, one + shift) - operator(game, one)
    return sides(arithmetic.absolute(moved), 0 * moved + gamma * arithmetic.absolute(shift))


def undiscounted(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, beta: Numbers
) -> Sides:
    """TQ and Q at γ = 1 for one state and one action each: TQ = Q + β^i R."""
    game = Game.of(arithmetic, reward, beta, transition, 1)
    return sides(operator(game, game.u), game.u)


def augmented(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    one: Numbers,
) -> Sides:
    """(158), and one sweep of soft Q-learning on states (s,b) with P(s'|s,a,b) ρ(b'|s')."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    states, actions, others = reward.shape[:3]
    size, batch = states * others, reward.shape[3:]

    def pairs(table: Numbers) -> Numbers:
        """[S, A, B] as [(s, b), a]."""
        return np.swapaxes(table, 1, 2).reshape(size, actions, *batch)

    value = free_energy(pairs(one), pairs(game.agent_prior), 1, 1, arithmetic)
    rows = transition[:, :, :, :, None] * game.opponent_prior
    kernel = np.swapaxes(rows, 1, 2).reshape(size, actions, size, *batch)
    swept = pairs(game.u) + gamma * (kernel * value).sum(axis=2)
    return sides(pairs(operator(game, one)), swept)


def prove_augmented() -> Proof:
    import sympy

    u, gamma, move, rho, soft, before = sympy.symbols("u gamma move rho soft before")
    left = u + gamma * (before + move * (rho * soft))
    return prove_zero(left - (u + gamma * (before + (move * rho) * soft)), "successor by successor")


# -- rows ------------------------------------------------------------------------------------------

row(
    "report.158.printed",
    "refuted",
    "report (158)",
    r"TQ^i = \beta^i R + \gamma E_{s_{t+1}, a^{-i}_t}[\log \int \exp(Q^i(s_t, a_t, a^{-i}_t)) "
    r"P_{\mathrm{prior}}(a_t|a^{-i}_t, s_t)] \text{ is the right side of (42)}",
    "All the inner indices are t where (42) has t + 1; read so, the expectation over s_t+1 is over "
    "nothing, a^-i_t is free and bound at once, and T forgets the transitions.",
    GAMES,
    Counterexample(
        printed_index,
        {
            "reward": [[[0]], [[0]]],
            "transition": [[[[0, 1]]], [[[0, 1]]]],
            "beta": 1,
            "gamma": "1/2",
            "one": [[[0]], [[1]]],
        },
        "== 0",
    ),
)
row(
    "report.158.literal.printed",
    "proved",
    "report (158); report A.5.3",
    r"\|TQ - TQ'\|_\infty \le \gamma\|Q - Q'\|_\infty, \ T \text{ of (158) to the letter}",
    "A γ-contraction even so, towards the solution of another problem.",
    GAMES,
    Deduction(
        ("free-energy.monotone", "free-energy.shift-equivariant", "free-energy.non-expansive"),
        (
            "composition of monotone shift-equivariant maps",
            "non-expansive after a discounted expectation",
        ),
        "the value of s_t is a free energy under an expectation",
    ),
    sample(contraction_printed, PAIRS),
)
row(
    "report.158.corrected",
    "proved",
    "report (158); report A.5.3",
    r"\|TQ - TQ'\|_\infty \le \gamma\|Q - Q'\|_\infty, \quad TQ = \beta^i R + \gamma "
    r"E_{s_{t+1}, a^{-i}_{t+1} \sim \rho}[\log \int \exp(Q(s_{t+1}, a, a^{-i}_{t+1})) "
    r"P_{\mathrm{prior}}(a|a^{-i}_{t+1}, s_{t+1})\, da]",
    "A.5.3 stops before its proof. With t + 1 inside T is a γ-contraction, for every finite size, "
    "every prior and ρ, and β^i of either sign: the log-integral has weight one.",
    GAMES,
    Deduction(
        ("free-energy.monotone", "free-energy.shift-equivariant", "free-energy.non-expansive"),
        (
            "composition of monotone shift-equivariant maps",
            "monotone and shift-equivariant implies non-expansive",
            "non-expansive after a discounted expectation",
        ),
        "a given b: a free energy; b: an expectation; then γ P",
    ),
    sample(contraction, PAIRS, examples=10_000),
)
row(
    "report.158.every-beta.added",
    "proved",
    "report (158)",
    r"\beta^i \in [-\infty, \infty]: \ \|TV - TW\|_\infty \le \gamma\|V - W\|_\infty, \quad TV = "
    r"E_\rho F_{\beta^i}[P_{\mathrm{prior}}](R + \gamma E[V(s')])",
    "In reward units the limits are included: an agent that takes its best or worst answer, or "
    "acts by its prior.",
    scope(
        states=">= 1",
        actions=">= 1",
        opponent_actions=">= 1",
        beta_agent="any",
        gamma="[0, 1)",
    ),
    Deduction(
        ("recipe.contraction",),
        "special case",
        "a recipe of two levels, of which the outer has β = 0: an expectation",
    ),
)
row(
    "report.158.tight.added",
    "proved",
    "report (158)",
    r"|T(Q + c) - TQ| = \gamma |c| \text{ everywhere}",
    "γ is the best constant, in every game.",
    GAMES,
    Deduction(("free-energy.shift-equivariant",), "substitution of equals", "c comes out as γ c"),
    sample(shifted, {**SYSTEM, "one": Q, "shift": number()}, "== 0"),
)
row(
    "report.158.undiscounted.added",
    "refuted",
    "report (158)",
    r"\gamma = 1: \ T \text{ has a fixed point in every game}",
    "A.5.3 does not say that γ < 1. At γ = 1, one state and one action each, TQ = Q + β^i R.",
    CLOSED,
    Counterexample(undiscounted, {"reward": [[[1]]], "transition": [[[[1]]]], "beta": 1}, "== 0"),
)
row(
    "report.158.soft-q.printed",
    "proved",
    "report (158); report A.5.3; report (58)",
    r"T \text{ is the soft Q-operator on the states } (s, a^{-i}) \text{ with } "
    r"P(s', b'|s, b, a) = P(s'|s, a, b)\,\rho(b'|s')",
    "“Equivalent to soft-Q learning, augment the transition probability with the opponent's "
    "policy”: exactly, with t + 1 inside; Q^i(s, a^-i) is the soft value of the state (s, a^-i).",
    GAMES,
    Symbolic(prove_augmented),
    sample(augmented, {**SYSTEM, "one": Q}, "== 0"),
)
row(
    "report.A.5.3.evaluation.printed",
    "refuted",
    "report A.5.3; report (158)",
    r"\text{(158) evaluates } \pi: \ TQ = \beta^i R + \gamma E_\rho E_\pi[Q - "
    r"\log\tfrac{\pi}{P_{\mathrm{prior}}}]",
    "The heading says evaluation, the operator takes the soft maximum: it finds the best π "
    "against ρ, and evaluates only that one.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)"),
    Counterexample(
        evaluated,
        {
            "reward": [[[0], [0]]],
            "transition": [[[[1]], [[1]]]],
            "beta": 1,
            "agent": [[["1/4", "3/4"]]],
        },
        "== 0",
    ),
)
row(
    "report.A.5.3.evaluation.corrected",
    "proved",
    "report A.5.3; report A.5.4",
    r"\|T_\pi Q - T_\pi Q'\|_\infty \le \gamma\|Q - Q'\|_\infty, \quad T_\pi Q = \beta^i R + "
    r"\gamma E_\rho E_\pi[Q - \log\tfrac{\pi}{P_{\mathrm{prior}}}]",
    "The evaluation that A.5.4 uses, of any fixed π, is a γ-contraction as well: an expectation.",
    GAMES,
    Deduction(
        ("report.A.4.1.expectation.added",),
        "non-expansive after a discounted expectation",
        "the log-ratio of π is a constant of Q",
    ),
    sample(
        evaluation_contraction,
        {**PAIRS, "agent": distribution("states", "opponent_actions", "actions")},
    ),
    assumes=("π ≪ P_prior",),
)
