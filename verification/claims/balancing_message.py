"""The message that Balancing-Q passes back, line by line: report A.2.2.

    J(π, ρ) with π of (20) and the conditional ρ(b|a) = exp(β^-i R) P / exp(Q^-i(a)) of A.2.1
    = E[R − Q^i(a)/β^i + V^i/β^i − R + Q^-i(a)/β^-i] = V^i/β^i,    Q^i(a) = (β^i/β^-i) Q^-i(a)

One state: reward [A, B]. The message is V^i/β^i for the conditional opponent; for the independent
one of (18) and (21) it is not. Which of the two messages (22) is about is in ``balancing_views``.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    instances,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation, free_energy
from tabular_marl.verification.claims._balancing import (
    AGENT,
    GIBBS,
    MATRIX,
    OPPONENT,
    PRIORS,
    SIGNED,
    Stage,
    identity,
    inequality,
    reals,
    stage_family,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row


def substitution(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """J as (18), (19) define it, at (20), (21), against J with the conditional opponent."""
    stage = Stage.of(arithmetic, reward, **game)
    pi = stage.agent_policy()
    right = stage.conditional_objective(pi, stage.conditional_opponent())
    return sides(stage.objective(pi, stage.opponent_policy()), right)


def exponential_kept(
    arithmetic: Arithmetic, agent_q: Numbers, prior: Numbers, policy: Numbers, beta_agent: Numbers
) -> Any:
    """E[−(1/β^i) log(exp(Q^i) P/(exp(V^i) P))] against E[−exp(Q^i)/β^i + V^i/β^i]; Q^i [A]."""
    value = arithmetic.log((prior * arithmetic.exp(agent_q)).sum(axis=0))
    left = -(policy * (agent_q - value)).sum(axis=0) / beta_agent
    return sides(left, (value - (policy * arithmetic.exp(agent_q)).sum(axis=0)) / beta_agent)


def exponential_dropped(
    arithmetic: Arithmetic, agent_q: Numbers, prior: Numbers, policy: Numbers, beta_agent: Numbers
) -> Any:
    """The same with Q^i in place of exp Q^i."""
    value = arithmetic.log((prior * arithmetic.exp(agent_q)).sum(axis=0))
    ratio = arithmetic.exp(agent_q) * prior / (arithmetic.exp(value) * prior)
    left = -(policy * arithmetic.log(ratio)).sum(axis=0) / beta_agent
    return sides(left, (value - (policy * agent_q).sum(axis=0)) / beta_agent)


def opponent_term(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta_opponent: Numbers
) -> Any:
    """−(1/β^-i) log(exp(β^-i R) P/(P exp Q^-i)) against −R + Q^-i/β^-i, at one a and every b."""
    weights = arithmetic.exp(beta_opponent * reward) * prior
    total = weights.sum(axis=0)
    left = -arithmetic.log(weights / (prior * total)) / beta_opponent
    return sides(left, arithmetic.log(total) / beta_opponent - reward)


def last_line(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    exponential: int,
    **game: Numbers,
) -> Any:
    """E_π[−(exp) Q^i/β^i + V^i/β^i + Q^-i(a)/β^-i] against V^i/β^i; exponential 1 or 0."""
    stage = Stage.of(arithmetic, reward, **game)
    answer = stage.agent_q()  # Q^-i(a)/β^-i
    agent_q = stage.x / stage.y * (stage.y * answer)
    shown = arithmetic.exp(agent_q) if exponential else agent_q
    value = stage.agent_value()
    left = expectation(agent_policy, answer - shown / stage.x, 0) + value
    return sides(left, value)


def conditional_message(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """J at (20) and the conditional opponent, against V^i/β^i."""
    stage = Stage.of(arithmetic, reward, **game)
    value = stage.conditional_objective(stage.agent_policy(), stage.conditional_opponent())
    return sides(value, stage.agent_value())


def independent_message(arithmetic: Arithmetic, reward: Numbers, **game: Numbers) -> Any:
    """J at the independent pair (20), (21), against V^i/β^i."""
    stage = Stage.of(arithmetic, reward, **game)
    value = stage.objective(stage.agent_policy(), stage.opponent_policy())
    return sides(value, stage.agent_value())


def independent_bound(
    arithmetic: Arithmetic, reward: Numbers, opponent_policy: Numbers, **game: Numbers
) -> Numbers:
    """β^-i (V^i/β^i − J((20), ρ)) for an independent ρ."""
    stage = Stage.of(arithmetic, reward, **game)
    value = stage.objective(stage.agent_policy(), opponent_policy)
    return (stage.agent_value() - value) * stage.y


def response_message(
    arithmetic: Arithmetic, reward: Numbers, opponent_policy: Numbers, **game: Numbers
) -> Any:
    """J(response to ρ, ρ) against F_{β^i}[p](E_ρ R) − KL(ρ‖P)/β^-i: the message under (18)."""
    stage = Stage.of(arithmetic, reward, **game)
    value = stage.objective(stage.agent_response(opponent_policy), opponent_policy)
    mean = expectation(opponent_policy, reward, 1)
    right = free_energy(mean, stage.p, stage.x, 0, arithmetic)
    return sides(value, right - stage.kl(opponent_policy, stage.P) / stage.y)


def prove_exponential_dropped() -> Proof:
    x, q, v, lp = reals("x Q V logp")
    return prove_zero(-(q + lp - v - lp) / x - (v - q) / x, "integrand by integrand")


def prove_opponent_term() -> Proof:
    y, reward, lp, normaliser = reals("y R logP N")
    left = -(y * reward + lp - lp - normaliser) / y
    return prove_zero(left - (normaliser / y - reward), "the logarithm of the fraction")


def prove_last_line() -> Proof:
    x, y, normaliser = reals("x y N")
    agent_q = x / y * normaliser
    return prove_zero(normaliser / y - agent_q / x, "Q^-i(a)/β^-i = Q^i(a)/β^i at every a")


CORNER = {"reward": [[1, 0], [0, 0]], "beta_agent": 1, "beta_opponent": 1}
ONE_AGENT = scope(actions=">= 1", beta_agent=SIGNED)

row(
    "report.A.2.2.substitution.printed",
    "refuted",
    "report A.2.2; report (18); report (21); report (22)",
    r"J(\pi_{(20)}, \rho_{(21)}) = J(\pi_{(20)}, \rho(\cdot|a)_{A.2.1})",
    "“Plugging back the optimal opponent's policy” plugs in the conditional ρ(b|a) of A.2.1, not "
    "the ρ(b) of (21) that (18) and (19) are about.",
    stage_scope(),
    Counterexample(substitution, CORNER, "== 0"),
)
row(
    "report.A.2.2.exponential.printed",
    "refuted",
    "report A.2.2",
    r"E[-\tfrac{1}{\beta^i}\log\tfrac{e^{Q^i}P}{e^{V^i}P}] = "
    r"E[-\tfrac{1}{\beta^i}\exp Q^i + \tfrac{1}{\beta^i}V^i]",
    "The logarithm of exp(Q^i) is Q^i: an exp is left over.",
    ONE_AGENT,
    Counterexample(
        exponential_kept, {"agent_q": [0], "prior": [1], "policy": [1], "beta_agent": 1}, "== 0"
    ),
)
row(
    "report.A.2.2.exponential.corrected",
    "proved",
    "report A.2.2",
    r"E[-\tfrac{1}{\beta^i}\log\tfrac{e^{Q^i}P}{e^{V^i}P}] = "
    r"E[-\tfrac{1}{\beta^i}Q^i + \tfrac{1}{\beta^i}V^i]",
    "Without it.",
    ONE_AGENT,
    Symbolic(prove_exponential_dropped),
    identity(
        exponential_dropped,
        instances(
            {"actions": (1, 3)},
            agent_q=array("actions"),
            prior=AGENT,
            policy=AGENT,
            beta_agent=beta(),
        ),
    ),
)
row(
    "report.A.2.2.opponent-term.printed",
    "proved",
    "report A.2.2",
    r"-\tfrac{1}{\beta^{-i}}\log\frac{e^{\beta^{-i}R}P}{P\,e^{Q^{-i}(a)}} = -R + "
    r"\tfrac{1}{\beta^{-i}}Q^{-i}(a)",
    "The opponent's term of the same line is right as printed.",
    scope(opponent_actions=">= 1", beta_opponent=SIGNED),
    Symbolic(prove_opponent_term),
    identity(
        opponent_term,
        instances(
            {"opponent_actions": (1, 3)},
            reward=array("opponent_actions"),
            prior=OPPONENT,
            beta_opponent=beta(high=8),
        ),
    ),
)
row(
    "report.A.2.2.last-line.printed",
    "refuted",
    "report A.2.2",
    r"E[R - \tfrac{1}{\beta^i}\exp Q^i + \tfrac{1}{\beta^i}V^i - R + "
    r"\tfrac{1}{\beta^{-i}}Q^{-i}(a)] "
    r"= \tfrac{1}{\beta^i}V^i",
    "With the exp left over the terms do not cancel.",
    stage_scope(),
    Counterexample(
        last_line,
        {
            "reward": [[0]],
            "agent_policy": [1],
            "exponential": 1,
            "beta_agent": 1,
            "beta_opponent": 1,
        },
        "== 0",
    ),
)
row(
    "report.A.2.2.last-line.corrected",
    "proved",
    "report A.2.2",
    r"E[R - \tfrac{1}{\beta^i}Q^i + \tfrac{1}{\beta^i}V^i - R + \tfrac{1}{\beta^{-i}}Q^{-i}(a)] = "
    r"\tfrac{1}{\beta^i}V^i",
    "Q^i(a)/β^i = Q^-i(a)/β^-i by (20).",
    stage_scope(),
    Symbolic(prove_last_line),
)
row(
    "report.A.2.2.message.printed",
    "refuted",
    "report A.2.2; report (22)",
    r"J(\pi_{(20)}, \rho_{(21)}) = \tfrac{1}{\beta^i} V^i",
    "The result read with the independent pair of (20), (21): false, as that pair does not attain "
    "the value that the conditional opponent does.",
    stage_scope(),
    Counterexample(independent_message, CORNER, "== 0"),
)
row(
    "report.A.2.2.message.corrected",
    "proved",
    "report A.2.2; report (22)",
    r"J(\pi_{(20)}, \rho(\cdot|a)_{A.2.1}) = \tfrac{1}{\beta^i} V^i",
    "With the conditional opponent the left equation of (22) holds, for every sign, though two "
    "lines of its proof do not.",
    stage_scope(),
    Deduction(
        ("report.020.identity.added",),
        "special case",
        "at (20) and the conditional opponent both divergences are 0",
    ),
    identity(conditional_message, stage_family(reward=MATRIX, **PRIORS)),
)
row(
    "report.A.2.2.independent-bound.added",
    "proved",
    "report A.2.2; report (22)",
    r"\beta^{-i}\left(\tfrac{1}{\beta^i}V^i - J(\pi_{(20)}, \rho)\right) \ge 0 "
    r"\text{ for every independent } \rho",
    "The message is too optimistic about an independent opponent if β^-i > 0 and too pessimistic "
    "if β^-i < 0.",
    stage_scope(),
    Deduction(
        ("report.020.identity.added", GIBBS),
        "special case",
        "π = (20), ρ(b|a) = ρ(b): the difference is E_π KL(ρ‖ρ(·|a))/β^-i",
    ),
    inequality(independent_bound, stage_family(reward=MATRIX, **PRIORS, opponent_policy=OPPONENT)),
)
row(
    "report.A.2.2.independent-message.added",
    "proved",
    "report A.2.2; report (18); report (22)",
    r"J(\pi^*, \rho) = F_{\beta^i}[P](E_\rho R) - \tfrac{1}{\beta^{-i}} D_{KL}(\rho\|P), \quad "
    r"\pi^* \propto P\,e^{\beta^i E_\rho R}",
    "The message under (18): one number for both players, but each player's log-normaliser must "
    "be reduced by the other's divergence from its prior.",
    stage_scope(),
    Deduction(
        ("free-energy.duality",),
        "special case",
        "E_π* x − KL(π*‖p)/β^i = F at the tilt, x(a) = E_ρ R(a, ·)",
    ),
    identity(response_message, stage_family(reward=MATRIX, **PRIORS, opponent_policy=OPPONENT)),
)
