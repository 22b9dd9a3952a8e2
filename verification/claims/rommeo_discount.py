"""Where the discount of (6) comes from: report (5), (6).

    J_γ(π, ρ) = E_q Σ_t γ^t (βR − log π/P_prior − log ρ/P_prior)                        (6)

A.1.1 proves KL = log P(O=1) − J_1. For γ < 1 the maximiser of J_γ is not the minimiser of (5). It
is in the graph that ends before every further step with probability 1 − γ: one more state, which
nobody leaves, where R = 0 and the policies are the priors.
"""

from __future__ import annotations

import numpy as np

from tabular_marl.verification import Counterexample, Deduction, Proof, Symbolic, prove_zero, sides
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, divergence, policies
from tabular_marl.verification.claims._rommeo_rows import (
    PLAYS,
    SMALL,
    UNDISCOUNTED,
    play_fields,
    policy_fields,
    sample,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

TWO_TIMES = {**SMALL, "times": (1, 2)}


def discounted_gain(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """J_γ at the minimiser of (5) minus J_γ at another pair of policies; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    undiscounted = Game.of(arithmetic, reward, beta, transition, 1)
    best = game.objective(initial, *game.tilts(undiscounted.optimise(len(agent))))
    return best - game.objective(initial, policies(agent), list(opponent))


HALF = [["1/2", "1/2"]]
row(
    "report.006.printed",
    "refuted",
    "report (6)",
    r"\arg\min_{\pi,\rho} D_{KL}(q \| P(\tau|O=1)) "
    r"= \arg\max_{\pi,\rho} E_q\Big[\sum_{t=0}^T \gamma^t "
    r"\Big(\beta R_t - \log\frac{\pi}{P_{\mathrm{prior}}} "
    r"- \log\frac{\rho}{P_{\mathrm{prior}}}\Big)\Big],\ \gamma \in [0, 1]",
    "The graph has no γ, A.1.1 derives the sum without it. At γ = 1/2 an agent who chooses today "
    "between reward 0 and 1 tomorrow takes the better with probability e/(1+e) under (5), "
    "√e/(1+√e) under (6).",
    PLAYS,
    Counterexample(
        discounted_gain,
        {
            "initial": [1, 0],
            "reward": [[[0], [0]], [[1], [1]]],
            "transition": [[[[1, 0]], [[0, 1]]], [[[0, 1]], [[0, 1]]]],
            "beta": 1,
            "gamma": "1/2",
            "agent": [[[["3/8", "5/8"]], HALF], [HALF, HALF]],
            "opponent": [[[1], [1]], [[1], [1]]],
        },
    ),
)


def same_order(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
    other_agent: Numbers,
    other_opponent: Numbers,
) -> Sides:
    """KL of one pair minus KL of another, and J_1 of the other minus J_1 of the one."""
    game = Game.of(arithmetic, reward, beta, transition, 1, agent_prior, opponent_prior)
    one = (policies(agent), list(opponent))
    other = (policies(other_agent), list(other_opponent))
    left = divergence(game, initial, *one)[0] - divergence(game, initial, *other)[0]
    return sides(left, game.objective(initial, *other) - game.objective(initial, *one))


UNDISCOUNTED_PLAY = {name: f for name, f in play_fields().items() if name != "gamma"}
row(
    "report.006.corrected",
    "proved",
    "report (6)",
    r"\arg\min_{\pi,\rho} D_{KL}(q \| P(\tau|O=1)) = \arg\max_{\pi,\rho} E_q\Big[\sum_{t=0}^T "
    r"\Big(\beta R_t - \log\frac{\pi}{P_{\mathrm{prior}}} "
    r"- \log\frac{\rho}{P_{\mathrm{prior}}}\Big)\Big]",
    "γ = 1: the two objectives differ by the constant log P(O=1), over any set of policies.",
    UNDISCOUNTED,
    Deduction(
        ("report.A.1.1.corrected",),
        "substitution of equals",
        "log P(O=1) does not depend on (π, ρ), so KL orders policies as −J_1 does",
    ),
    sample(
        same_order,
        {**UNDISCOUNTED_PLAY, **policy_fields("other_agent", "other_opponent")},
        "== 0",
        TWO_TIMES,
    ),
)
row(
    "report.A.1.1.step4.some-constant.printed",
    "proved",
    "report A.1.1",
    r"D_{KL} = -E_q\Big[\sum_t \cdots\Big] - \mathrm{const.} \text{ for a constant without } "
    r"\pi, \rho",
    "The last line of A.1.1 with its constant read as any constant: it is −log P(O=1|O^-i=1).",
    UNDISCOUNTED,
    Deduction(
        ("report.A.1.1.corrected",),
        "special case",
        "const. = −log P(O=1|O^-i=1), in which no policy appears",
    ),
    sample(
        same_order,
        {**UNDISCOUNTED_PLAY, **policy_fields("other_agent", "other_opponent")},
        "== 0",
        TWO_TIMES,
    ),
)


def surviving(game: Game) -> Game:
    """The game with one more, absorbing state, entered with probability 1 − γ; undiscounted."""
    one = 0 * game.transition[:, :, :, :1] + 1
    alive = np.concatenate([game.gamma * game.transition, (1 - game.gamma) * one], axis=3)
    ended = np.concatenate([0 * game.transition[:1], one[:1]], axis=3)
    return Game(
        game.arithmetic,
        np.concatenate([game.u, 0 * game.u[:1]], axis=0),
        np.concatenate([alive, ended], axis=0),
        game.arithmetic.number(1),
        np.concatenate([game.agent_prior, game.agent_prior[:1]], axis=0),
        np.concatenate([game.opponent_prior, game.opponent_prior[:1]], axis=0),
    )


def survival(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """KL in the graph that survives with probability γ, and log P(O=1) there minus J_γ."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    longer = surviving(game)
    prior = longer.agent_prior, longer.opponent_prior
    agents = [np.concatenate([pi, prior[0][-1:]], axis=0) for pi in policies(agent)]
    models = [np.concatenate([rho, prior[1][-1:]], axis=0) for rho in opponent]
    start = np.concatenate([initial, 0 * initial[:1]], axis=0)
    left, evidence = divergence(longer, start, agents, models)
    return sides(left, evidence - game.objective(initial, policies(agent), list(opponent)))


def prove_survival() -> list[Proof]:
    """One step of J_1 in the longer game is one step of J_γ."""
    import sympy

    now, later, gamma = sympy.symbols("now later gamma")
    ended = sympy.Integer(0)
    return [
        prove_zero(
            now + (gamma * later + (1 - gamma) * ended) - (now + gamma * later),
            "V_t = c_t + γ E V_{t+1} + (1 − γ)·0: in the last state R = 0 and log-ratios vanish",
        )
    ]


row(
    "report.006.survival.added",
    "proved",
    "report (6)",
    r"J_1 \text{ of the game that ends with probability } 1-\gamma \text{ before each step} = "
    r"J_\gamma",
    "Play is alive at t with probability γ^t whatever the policies do.",
    PLAYS,
    Symbolic(prove_survival),
)
row(
    "report.006.survival.corrected",
    "proved",
    "report (5); report (6)",
    r"D_{KL}(q_\gamma \| P_\gamma(\tau|O=1)) = \log P_\gamma(O=1) - E_q\Big[\sum_{t=0}^T \gamma^t "
    r"\Big(\beta R_t - \log\frac{\pi}{P_{\mathrm{prior}}} "
    r"- \log\frac{\rho}{P_{\mathrm{prior}}}\Big)\Big]",
    "(6) with γ < 1 follows from (5) in the graph where play survives each step with "
    "probability γ, q having the same survival; the two argument sets then agree.",
    PLAYS,
    Deduction(
        ("report.A.1.1.corrected", "report.006.survival.added"),
        "substitution of equals",
        "A.1.1 for the longer game, whose J_1 is J_γ",
    ),
    sample(survival, play_fields(), "== 0", TWO_TIMES),
)


def attained(
    arithmetic: Arithmetic, initial: Numbers, reward: Numbers, transition: Numbers, beta: Numbers
) -> Numbers:
    """KL at the minimiser of (5), two steps; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, 1)
    return divergence(game, initial, *game.tilts(game.optimise(2)))[0]


row(
    "report.005.attained.added",
    "refuted",
    "report (5)",
    r"\min_{\pi,\rho} D_{KL}(q \| P(\tau|O=1)) = 0",
    "Not said in the report. q keeps the true transitions and P(s_0), the posterior prefers lucky "
    "ones: with random transitions the posterior is out of reach. One action each, then reward 0 "
    "or 1 by a fair coin: log((1+e)/2) − 1/2 > 0.",
    UNDISCOUNTED,
    Counterexample(
        attained,
        {
            "initial": [1, 0],
            "reward": [[[0]], [[1]]],
            "transition": [[[["1/2", "1/2"]]], [[["1/2", "1/2"]]]],
            "beta": 1,
        },
        "== 0",
    ),
)
