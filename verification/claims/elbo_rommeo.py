"""The bound (6) as a number: when it is tight, and what a discount does to it.

    J_γ(π, ρ) = E_q Σ_t γ^t (βR − log π/P_prior − log ρ/P_prior)                            (6)

log P(O=1) − J_1 = KL(q ‖ P(τ|O=1)) and J_1 <= log P(O=1) are rows of A.1.1; the survival graph, in
which J_γ is the bound, is ``report.006.survival``. Shapes as in ``_rommeo``.
"""

from __future__ import annotations

import numpy as np

from tabular_marl.verification import Counterexample, Deduction, scope, sides
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._elbo import cyclic, first_only
from tabular_marl.verification.claims._rommeo import (
    Game,
    divergence,
    every,
    model,
    policies,
)
from tabular_marl.verification.claims._rommeo_rows import (
    PLAYS,
    SMALL,
    UNDISCOUNTED,
    play_fields,
    policy_fields,
    sample,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.rommeo_discount import surviving
from tabular_marl.verification.relation import Sides
from tabular_marl.verification.strategies import array, beta, discount

TWO_TIMES = {**SMALL, "times": (1, 2)}


def least(game: Game, initial: Numbers, steps: int) -> Numbers:
    """The gap at the maximiser of J_1."""
    return divergence(game, initial, *game.tilts(game.optimise(steps)))[0]


def regret(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """Gap of any policies, and max J_1 − J_1: a sure start, deterministic transitions."""
    states, actions, others = reward.shape[:3]
    flat = reward.reshape(states, actions * others, *reward.shape[3:])
    moves = cyclic(arithmetic, flat).reshape(*reward.shape[:3], states, *reward.shape[3:])
    game = Game.of(arithmetic, reward, beta, moves, 1, agent_prior, opponent_prior)
    start, own = first_only(reward[:, 0, 0]), (policies(agent), list(opponent))
    best = game.objective(start, *game.tilts(game.optimise(len(agent))))
    return sides(divergence(game, start, *own)[0], best - game.objective(start, *own))


row(
    "report.006.elbo-tight.added",
    "proved",
    "report (5); report (6)",
    r"\max_{\pi,\rho} J_1 = \log P(O=1) \iff V^*_{t+1} \text{ is one number for all next states "
    r"of each } (s_t, a_t, b_t) \text{ that } q^* \text{ reaches, and } V^*_0 \text{ on the "
    r"support of } P(s_0)",
    "V* of (14). Deterministic transitions and a sure start are enough; so is a game whose states "
    "are worth the same. Then the gap of any policies is their regret: so is the sample.",
    UNDISCOUNTED,
    Deduction(
        ("elbo.tight.added", "report.014.corrected", "report.A.1.1.corrected"),
        "special case",
        "at (13) the choices are the tilts and the messages are V*; what is kept are P(s_0) and "
        "the transitions",
    ),
    sample(
        regret,
        {n: f for n, f in play_fields().items() if n not in ("initial", "transition", "gamma")},
        "== 0",
        TWO_TIMES,
    ),
)


def gap_at_optimum(
    arithmetic: Arithmetic, initial: Numbers, reward: Numbers, transition: Numbers, beta: Numbers
) -> Numbers:
    """The least gap of two steps; uniform priors."""
    return least(Game.of(arithmetic, reward, beta, transition, 1), initial, 2)


STAY = [[[[1, 0]]], [[[0, 1]]]]
COIN = [[[["1/2", "1/2"]]], [[["1/2", "1/2"]]]]
row(
    "report.006.elbo-initial.added",
    "refuted",
    "report (6)",
    r"\text{deterministic transitions} \Rightarrow \max_{\pi,\rho} J_1 = \log P(O=1)",
    "q also keeps P(s_0), the posterior prefers the better start. Two states for ever, worth 0 and "
    "2, each with probability 1/2: log((1+e²)/2) against 1.",
    UNDISCOUNTED,
    Counterexample(
        gap_at_optimum,
        {"initial": ["1/2", "1/2"], "reward": [[[0]], [[1]]], "transition": STAY, "beta": 1},
        "== 0",
    ),
)
row(
    "report.006.elbo-random.added",
    "refuted",
    "report (6)",
    r"\text{random transitions} \Rightarrow \max_{\pi,\rho} J_1 < \log P(O=1)",
    "Not if the states that may come are worth the same: a fair coin between two states of "
    "reward 0 leaves no gap.",
    UNDISCOUNTED,
    Counterexample(
        gap_at_optimum,
        {"initial": [1, 0], "reward": [[[0]], [[0]]], "transition": COIN, "beta": 1},
        "> 0",
    ),
)


# -- discount -------------------------------------------------------------------------------------


def discounted_bound(
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
) -> Numbers:
    """log P(O=1) − J_γ, both in the graph of (2)."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    evidence = arithmetic.log(model(game, initial, len(agent)).sum(axis=every(len(agent))))
    return evidence - game.objective(initial, policies(agent), list(opponent))


row(
    "report.006.elbo-discount.added",
    "refuted",
    "report (6)",
    r"J_\gamma(\pi, \rho) \le \log P(O=1),\ \gamma \in [0, 1]",
    "The discounted objective is no evidence lower bound of (2). One action each, βR = −1, two "
    "steps, γ = 1/2: −3/2 > −2. And βR <= 0 is where (3) is a probability.",
    PLAYS,
    Counterexample(
        discounted_bound,
        {
            "initial": [1],
            "reward": [[[-1]]],
            "transition": [[[[1]]]],
            "beta": 1,
            "gamma": "1/2",
            "agent_prior": [[[1]]],
            "opponent_prior": [[1]],
            "agent": [[[[1]]], [[[1]]]],
            "opponent": [[[1]], [[1]]],
        },
    ),
)

NOT_NEGATIVE = {
    **play_fields(),
    "reward": array("states", "actions", "opponent_actions", low=0),
    "beta": beta("+", high=4),
    "gamma": discount(high=1),
    **policy_fields(),
}
row(
    "report.006.elbo-discount-sign.added",
    "proved",
    "report (6)",
    r"\beta R \ge 0 \Rightarrow J_\gamma(\pi,\rho) \le \max J_\gamma \le \max J_1 \le \log P(O=1)",
    "Then the values are >= 0, and what is discounted shrinks. It is a bound, but a loose one, and "
    "its maximiser is not that of (5).",
    scope(
        states=">= 1",
        actions=">= 1",
        opponent_actions=">= 1",
        beta="(0, inf)",
        gamma="[0, 1]",
        times=">= 1",
    ),
    Deduction(
        ("free-energy.monotone", "report.014.corrected", "report.A.1.1.jensen.printed"),
        ("backward induction over time", "chain of inequalities"),
        "V_{T+1} = 0; V_{t+1} >= 0 gives Q_t >= βR >= 0 and V_t >= 0, as F is monotone and F(0) = "
        "0; and γ E V_{t+1} with the smaller V_{t+1} is the smaller",
    ),
    sample(discounted_bound, NOT_NEGATIVE, ">= 0", TWO_TIMES),
    assumes=("R >= 0",),
)


def surviving_gap(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
) -> Numbers:
    """The least gap in the graph that survives with probability γ, two steps; uniform priors."""
    game = surviving(Game.of(arithmetic, reward, beta, transition, gamma))
    return least(game, np.concatenate([initial, 0 * initial[:1]], axis=0), 2)


row(
    "report.006.elbo-survival-tight.added",
    "refuted",
    "report (6)",
    r"\text{deterministic transitions, a sure start, } 0<\gamma<1 \Rightarrow \max J_\gamma = "
    r"\log P_\gamma(O=1)",
    "Whether play survives is random and q keeps it, so the graph that makes (6) a bound is never "
    "tight unless the future is worth exactly 0. One action each, βR = 1, two steps, γ = 1/2: "
    "1 + log((1+e)/2) against 3/2.",
    PLAYS,
    Counterexample(
        surviving_gap,
        {"initial": [1], "reward": [[[1]]], "transition": [[[[1]]]], "beta": 1, "gamma": "1/2"},
        "== 0",
    ),
)
row(
    "report.006.elbo-survival-zero.added",
    "proved",
    "report (6)",
    r"0<\gamma<1,\ \max J_\gamma = \log P_\gamma(O=1) \iff V^*_{t+1} = 0 \text{ wherever play can "
    r"go on, and } V^*_0 \text{ one number on the support of } P(s_0)",
    "The message behind the survival factor is V*_{t+1} or 0, and must be one number.",
    PLAYS,
    Deduction(
        ("elbo.tight.added", "report.006.survival.corrected", "report.014.corrected"),
        "special case",
        "the end of play is one more next state, worth 0",
    ),
)
