"""ROMMEO's graphical model: report (1)-(4).

    P(τ, O=1 | O^-i=1) =                                                            (2), (3)
        P(s_0) Π_t P_prior(a_t|s_t,b_t) P_prior(b_t|s_t) P(s_{t+1}|s_t,a_t,b_t) exp(βR_t)
    q(τ) = P(s_0) Π_t π(a_t|s_t,b_t) ρ(b_t|s_t) P(s_{t+1}|s_t,a_t,b_t)              (4)

a is the agent's action a^i, b the opponent's a^-i; τ = (s_0, a_0, b_0, …, s_{T+1}). Trajectories
are enumerated: one axis for each variable of τ. Shapes as in ``_rommeo``; integrals are sums.
"""

from __future__ import annotations

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    array,
    distribution,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import (
    Game,
    every,
    model,
    paths,
    policies,
    variational,
)
from tabular_marl.verification.claims._rommeo_rows import (
    ANY_BETA,
    SMALL,
    STAGE_SIZES,
    UNDISCOUNTED,
    game_fields,
    policy_fields,
    sample,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- (1) ----------------------------------------------------------------------------------------


def chain_rule(arithmetic: Arithmetic, joint: Numbers) -> Numbers:
    """π(a, b) − π(a|b) ρ(b), and the same with the roles exchanged; joint [A, B]."""
    rho, pi = joint.sum(axis=0), joint.sum(axis=1)
    return np.stack([joint - joint / rho * rho, joint - joint / pi[:, None] * pi[:, None]])


def prove_chain_rule() -> Proof:
    joint, total = positive("joint"), positive("total")
    what = "π(a,b) = [π(a,b)/ρ(b)] ρ(b); the sum ρ(b) is one symbol, so for any number of actions"
    return prove_zero(joint - joint / total * total, what)


row(
    "report.001.printed",
    "proved",
    "report (1)",
    r"\pi(a, a^{-i}|s) = \pi(a|a^{-i}, s)\,\rho(a^{-i}|s) \text{ for every joint policy } \pi",
    "The chain rule, no assumption at all; where ρ(b|s) = 0 the conditional is arbitrary.",
    scope(actions=">= 1", opponent_actions=">= 1"),
    Symbolic(prove_chain_rule),
    sample(chain_rule, {"joint": distribution("actions", "opponent_actions")}, "== 0", STAGE_SIZES),
)


def order_of_factors(arithmetic: Arithmetic, joint_prior: Numbers, u: Numbers) -> Sides:
    """V with a inside b (ROMMEO) and with b inside a (PR2): one joint prior [A, B], one β."""
    nu, mu = joint_prior.sum(axis=0), joint_prior.sum(axis=1)
    rommeo = arithmetic.log((joint_prior / nu * arithmetic.exp(u)).sum(axis=0))
    pr2 = arithmetic.log((joint_prior / mu[:, None] * arithmetic.exp(u)).sum(axis=1))
    inside = arithmetic.log((nu * arithmetic.exp(rommeo)).sum(axis=0))
    return sides(inside, arithmetic.log((mu * arithmetic.exp(pr2)).sum(axis=0)))


def prove_order_of_factors() -> Proof:
    joint, t, nu, mu = positive("joint"), positive("t"), positive("nu"), positive("mu")
    what = "term by term both exp V are the double sum of P_prior(a,b) e^u"
    return prove_zero(nu * (joint / nu * t) - mu * (joint / mu * t), what)


row(
    "report.001.order.added",
    "proved",
    "report (1)",
    r"\text{one } \beta \text{ and one joint prior: } \pi(a|b)\rho(b) \text{ and } \pi(a)\rho(b|a) "
    r"\text{ have the same optimal value}",
    "Factorizing the other way (PR2) changes nothing by itself: both soft values are the log of "
    "one double sum. PR2 differs from ROMMEO by its priors and by what it trains.",
    scope(actions=">= 1", opponent_actions=">= 1"),
    Symbolic(prove_order_of_factors),
    sample(
        order_of_factors,
        {
            "joint_prior": distribution("actions", "opponent_actions"),
            "u": array("actions", "opponent_actions"),
        },
        "== 0",
        STAGE_SIZES,
    ),
)

# -- (2) and (4) --------------------------------------------------------------------------------

ONE_STEP_TWICE = {
    "initial": [1],
    "reward": [[[0], [0]]],
    "transition": [[[[1]], [[1]]]],
    "beta": 1,
}


def model_from_one(
    arithmetic: Arithmetic, initial: Numbers, reward: Numbers, transition: Numbers, beta: Numbers
) -> Sides:
    """(2) read literally, T = 1: the law of (s_1, a_1, b_1, O_1) against the whole product."""
    game = Game.of(arithmetic, reward, beta, transition)
    first = (game.agent_prior * game.opponent_prior[:, None])[:, :, :, None] * transition
    second = first * arithmetic.exp(game.u)[:, :, :, None]
    marginal = paths(initial, [first, second]).sum(axis=(0, 1, 2, 6))
    return sides(marginal[None, None, None, :, :, :, None], model(game, initial, 2))


row(
    "report.002.index.printed",
    "refuted",
    "report (2)",
    r"P(s_{1:T}, a_{1:T}, a^{-i}_{1:T}, O_{1:T}=1 | \cdot) = P(s_0)\prod_{t=0}^{T} \cdots "
    r"P(s_{t+1}|s_t, a_t, a^{-i}_t)\cdots",
    "The left side has no s_0, a_0, O_0, s_{T+1}: it is a marginal of the right side, not equal to "
    "it. Two agent actions, uniform prior, R = 0: 1/2 against 1/4.",
    UNDISCOUNTED,
    Counterexample(model_from_one, ONE_STEP_TWICE, "== 0"),
)


def total_mass(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
) -> Numbers:
    """Σ over trajectories of two steps and over O_t ∈ {0, 1} of the product (2), minus 1."""
    game = Game.of(arithmetic, reward, beta, transition, None, agent_prior, opponent_prior)
    yes = arithmetic.exp(game.u)
    step = game.agent_prior * game.opponent_prior[:, None] * (yes + (1 - yes))
    mass = paths(initial, [step[:, :, :, None] * transition] * 2)
    return mass.sum(axis=every(2)) - 1


def prove_total_mass() -> list[Proof]:
    p, q, r, t, before = (positive(n) for n in ("p", "q", "r", "t", "before"))
    observed = before * (t + (1 - t))
    moved = observed * r + observed * (1 - r)
    acted = moved * p + moved * (1 - p)
    answered = acted * q + acted * (1 - q)
    return [
        prove_zero(
            answered - before,
            "summing out the last O, s', a, b in turn (each outcome against all others) leaves the "
            "shorter product",
        )
    ]


row(
    "report.002.corrected",
    "proved",
    "report (2)",
    r"P(s_{0:T+1}, a_{0:T}, a^{-i}_{0:T}, O^i_{0:T}=1 | O^{-i}_{0:T}=1) = P(s_0)\prod_t\cdots "
    r"\text{ is the part } O^i=1 \text{ of a law of total mass } 1",
    "With all variables named on the left, (2) is the chain rule of the graph; over both values of "
    "every O_t it sums to one, so Σ_τ (2) is the evidence P(O=1).",
    ANY_BETA,
    Symbolic(prove_total_mass),
    sample(
        total_mass,
        {"initial": distribution("states"), **game_fields(discounted=False)},
        "== 0",
        SMALL,
    ),
    assumes=("βR ≤ 0", "priors and transitions are those given O^-i = 1"),
)


def optimal_opponent(arithmetic: Arithmetic, prior: Numbers, optimality: Numbers) -> Sides:
    """P_prior(b) against P(b | O^-i = 1), where O^-i depends on b; one state, one time."""
    joint = prior * optimality
    return sides(prior, joint / joint.sum(axis=0))


row(
    "report.002.conditioning.printed",
    "refuted",
    "report (2)",
    r"P_{\mathrm{prior}}(a^{-i}|s) = P(a^{-i}|s, O^{-i}=1)",
    "If the opponent's optimality depends on its action, conditioning on O^-i = 1 changes the law "
    "of a^-i (and, through later O^-i, of the states). (2) needs priors and transitions that are "
    "already conditional, or an O^-i that carries no information.",
    scope(opponent_actions=">= 1"),
    Counterexample(optimal_opponent, {"prior": ["1/2", "1/2"], "optimality": [1, "1/2"]}, "== 0"),
)


def q_from_one(
    arithmetic: Arithmetic, initial: Numbers, reward: Numbers, transition: Numbers, beta: Numbers
) -> Sides:
    """(4) read literally at T = 1, at the uniform policies."""
    game = Game.of(arithmetic, 0 * reward, beta, transition)
    full = model(game, initial, 2)
    return sides(full.sum(axis=(0, 1, 2, 6))[None, None, None, :, :, :, None], full)


row(
    "report.004.index.printed",
    "refuted",
    "report (4)",
    r"q(s_{1:T}, a_{1:T}, a^{-i}_{1:T}) = P(s_0)\prod_{t=0}^{T} \pi\,\rho\,P(s_{t+1}|\cdot)",
    "As in (2): s_0, a_0, a^-i_0 and s_{T+1} are missing on the left.",
    UNDISCOUNTED,
    Counterexample(q_from_one, ONE_STEP_TWICE, "== 0"),
)


def q_mass(
    arithmetic: Arithmetic,
    initial: Numbers,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """Σ_τ q(τ) − 1."""
    game = Game.of(arithmetic, transition[:, :, :, 0], 0, transition)
    table = variational(game, initial, policies(agent), list(opponent))
    return table.sum(axis=every(len(agent))) - 1


row(
    "report.004.corrected",
    "proved",
    "report (4)",
    r"q(s_{0:T+1}, a_{0:T}, a^{-i}_{0:T}) = P(s_0)\prod_{t=0}^{T} \pi_t\,\rho_t\,P(s_{t+1}|\cdot) "
    r"\text{ sums to } 1",
    "Policies may depend on t; the optimal ones of a finite horizon do.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", times=">= 1"),
    Symbolic(prove_total_mass),
    sample(
        q_mass,
        {
            "initial": distribution("states"),
            "transition": distribution(
                "states", "actions", "opponent_actions", "states", degenerate=True
            ),
            **policy_fields(),
        },
        "== 0",
        {**SMALL, "times": (1, 2)},
    ),
)

# -- (3) ----------------------------------------------------------------------------------------


def at_most_one(arithmetic: Arithmetic, reward: Numbers, beta: Numbers) -> Numbers:
    """1 − exp(βR)."""
    return 1 - arithmetic.exp(beta * reward)


row(
    "report.003.printed",
    "refuted",
    "report (3)",
    r"P(O^i_t=1|s_t, a_t, a^{-i}_t, O^{-i}_t=1) = \exp(\beta R(s_t, a_t, a^{-i}_t)) \in [0, 1]",
    "It exceeds 1 wherever βR > 0.",
    scope(beta="(-inf, inf)"),
    Counterexample(at_most_one, {"reward": [1], "beta": 1}),
)


def shifted_at_most_one(arithmetic: Arithmetic, reward: Numbers, beta: Numbers) -> Numbers:
    """1 − exp(βR − max βR)."""
    u = beta * reward
    return 1 - arithmetic.exp(u - arithmetic.maximum(u))


def prove_shifted_at_most_one() -> Proof:
    t, excess = positive("t"), positive("excess")
    what = "with t = e^u and max e^u = t + excess, 1 − e^(u − max u) >= 0"
    return prove_nonnegative(1 - t / (t + excess), what)


row(
    "report.003.corrected",
    "proved",
    "report (3)",
    r"P(O^i_t=1|\cdot) = \exp(\beta R - \max \beta R) \text{ is a probability}",
    "Shift by the largest βR (for bounded R).",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)"),
    Symbolic(prove_shifted_at_most_one),
    sample(
        shifted_at_most_one,
        {
            "reward": array("states", "actions", "opponent_actions"),
            "beta": game_fields()["beta"],
        },
    ),
)


def shifted_posterior(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    shift: Numbers,
) -> Numbers:
    """P(τ | O=1) with βR and with βR + shift, trajectories of two steps."""
    args = (transition, None, agent_prior, opponent_prior)
    one = model(Game.of(arithmetic, reward, beta, *args), initial, 2)
    two = model(Game.of(arithmetic, beta * reward + shift, 1, *args), initial, 2)
    return one / one.sum(axis=every(2)) - two / two.sum(axis=every(2))


def prove_shifted_posterior() -> Proof:
    weight, total, factor = positive("weight"), positive("total"), positive("factor")
    what = "every trajectory and the evidence carry the same factor e^{(T+1) shift}"
    return prove_zero(weight * factor / (total * factor) - weight / total, what)


row(
    "report.003.posterior.corrected",
    "proved",
    "report (3); report (5)",
    r"P(\tau|O=1) \text{ is the same for } \beta R \text{ and } \beta R + c",
    "The shift that makes (3) a probability changes neither the posterior of (5) nor any policy; "
    "log P(O=1) moves by (T+1)c.",
    ANY_BETA,
    Symbolic(prove_shifted_posterior),
    sample(
        shifted_posterior,
        {
            "initial": distribution("states"),
            **game_fields(discounted=False),
            "shift": number(-4, 4),
        },
        "== 0",
        SMALL,
    ),
)
