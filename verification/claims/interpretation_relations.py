"""How the report relates its algorithms: report 1.6.1, (57).

    PR2         V = F_β[p](a ↦ F_β[P](Q[a, ·])),     joint policy π(a) ρ(b|a)
    ROMMEO      V = F_β[P](b ↦ F_β[p](Q[·, b])),     joint policy ρ(b) π(a|b)
    Balancing-Q the same with two temperatures; both players' views

One state; reward Q [A, B], priors p [A], P [B]. Units: reward.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation, free_energy, tilt
from tabular_marl.verification.claims._balancing import (
    PLUS,
    Stage,
    identity,
    stage_scope,
)
from tabular_marl.verification.claims._interpretation import (
    EVERY,
    GAME,
    ONE,
    POSITIVE,
    one_beta,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def printed_mass(arithmetic: Arithmetic, agent: Numbers, conditional: Numbers) -> Any:
    """Σ_{a,b} π(a) ρ(a|b) against 1: (57) to the letter; conditional[b, a]."""
    return sides((agent * conditional).sum(axis=(0, 1)), arithmetic.number(1))


def roles(
    arithmetic: Arithmetic, reward: Numbers, beta: Numbers, agent_prior: Any, opponent_prior: Any
) -> Any:
    """ROMMEO's model ρ(b) against PR2's policy in the game with the players exchanged."""
    stage = one_beta(
        arithmetic, reward, beta, agent_prior=agent_prior, opponent_prior=opponent_prior
    )
    swapped = one_beta(
        arithmetic,
        reward.swapaxes(0, 1),
        beta,
        agent_prior=opponent_prior,
        opponent_prior=agent_prior,
    )
    return sides(stage.opponent_policy(), swapped.agent_policy())


def balancing_is_model(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
    **priors: Numbers,
) -> Any:
    """π of (20) against the model of the agent in the opponent's ROMMEO with β^-i."""
    stage = Stage.of(arithmetic, reward, beta_agent, beta_opponent, **priors)
    inner = free_energy(stage.q, stage.opponents(stage.P), stage.y, 1, arithmetic)
    return sides(stage.agent_policy(), tilt(inner, stage.p, stage.y, 0, arithmetic))


def balancing_is_model_equal(
    arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **priors: Numbers
) -> Any:
    """The same with β^i = β^-i."""
    return balancing_is_model(arithmetic, reward, beta, beta, **priors)


def marginal_play(arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **priors: Numbers) -> Any:
    """ROMMEO's V against what E_ρ[π(·|b)] and ρ get when drawn independently."""
    stage = one_beta(arithmetic, reward, beta, **priors)
    rho, given = stage.opponent_policy(), stage.conditional_agent()
    played = expectation(stage.opponents(rho), given, 1)
    return sides(stage.objective(played, rho), stage.opponent_value())


# -- proofs ----------------------------------------------------------------------------------------


def prove_roles() -> list[Proof]:
    """ρ(b) = P(b) N_b/Z with N_b = Σ_a p t: every factor is that of the exchanged game."""
    mass, p, t, rest, others = (positive(name) for name in ("P", "p", "t", "rest", "others"))
    inner = p * t + rest
    model = mass * inner / (mass * inner + others)
    policy = inner * mass / (others + inner * mass)
    return [
        prove_zero(model - policy, "P(b) Σ_a p(a) e^{βQ(a,b)} / Z, one a and one b singled out")
    ]


def prove_chain() -> Proof:
    joint, rest = positive("j"), positive("rest")
    return prove_zero(joint - (joint + rest) * (joint / (joint + rest)), "P = π · P/π")


def prove_model() -> Proof:
    """π of (20) at β^i = β^-i: the exponent (β^i/β^-i) log N_a is log N_a."""
    import sympy

    x, count = positive("beta"), positive("N")
    return prove_zero(x / x * sympy.log(count) - sympy.log(count), "log N_a, N_a = Σ_b P e^{βQ}")


# -- (57) and the connections ----------------------------------------------------------------------

row(
    "report.057.printed",
    "refuted",
    "report (57)",
    r"P(a, b|s) = \pi(a|s)\, \rho(a|s, b)",
    "The opponent's factor is printed as a law of the agent's action: with one b and two a the "
    "product sums to 1/2.",
    scope(**EVERY),
    Counterexample(
        printed_mass, {"agent": ["1/2", "1/2"], "conditional": [["1/2", "1/2"]]}, "== 0"
    ),
)
row(
    "report.057.corrected",
    "proved",
    "report (57)",
    r"P(a, b|s) = \pi(a|s)\, \rho(b|s, a)",
    "The chain rule in the other order than (1).",
    scope(**EVERY),
    Symbolic(prove_chain),
)
row(
    "report.1.6.1.pr2-balancing.printed",
    "proved",
    "report 1.6.1; report (57); report (20)",
    r"\beta^i = \beta^{-i} = \beta > 0: \ \text{PR2's } V, \pi(a), \rho(b|a) \text{ are "
    r"Balancing-Q's of the agent's view and A.2.1}",
    '"Very similar" is equal in the cooperative case with one temperature and priors that do not '
    "see the other's action: one recipe.",
    POSITIVE,
    Deduction(
        ("report.020.joint.added", "report.020.optimum.corrected"),
        "special case",
        "PR2 is b:β given a, then a:β, which is (20) with β^i = β^-i",
    ),
)
row(
    "report.1.6.1.roles.printed",
    "proved",
    "report 1.6.1",
    r"\text{ROMMEO's } \rho(b) \text{ is PR2's } \pi \text{ of the game with the players "
    r"exchanged}",
    '"ROMMEO is PR2 on the case of opponent models".',
    ONE,
    Symbolic(prove_roles),
    identity(roles, GAME),
)
row(
    "report.1.6.1.balancing-rommeo.printed",
    "refuted",
    "report 1.6.1; report (20)",
    r"\beta^i, \beta^{-i} > 0: \ \pi_{(20)} \text{ is the agent's model in the opponent's ROMMEO}",
    '"Balancing-Q (cooperative case) is simply ROMMEO where its opponent models are used": ROMMEO '
    "has one temperature, Balancing-Q two.",
    stage_scope(PLUS, PLUS),
    Counterexample(
        balancing_is_model,
        {"reward": [[0], [1]], "beta_agent": 1, "beta_opponent": 2},
        "== 0",
    ),
)
row(
    "report.1.6.1.balancing-rommeo.corrected",
    "proved",
    "report 1.6.1; report (20)",
    r"\beta^i = \beta^{-i}: \ \pi_{(20)} \text{ is that model}",
    "With one temperature, of either sign.",
    ONE,
    Symbolic(prove_model),
    identity(balancing_is_model_equal, GAME),
)
row(
    "report.1.6.1.acting.added",
    "refuted",
    "report 1.6.1",
    r"\text{who cannot see } b \text{ gets ROMMEO's } V^* \text{ by playing } E_\rho[\pi(a|b)]",
    "The report prefers ROMMEO because its acting policy conditions on the other's action; with "
    "simultaneous moves there is nothing to condition on. Coordination on the diagonal: V* counts "
    "a match that independent draws miss.",
    POSITIVE,
    Counterexample(marginal_play, {"reward": [[1, 0], [0, 1]], "beta": 1}),
)
row(
    "report.1.6.1.acting-bound.added",
    "proved",
    "report 1.6.1",
    r"\text{it never gets more: } J(E_\rho[\pi(\cdot|b)], \rho) \le V^*, \quad \beta > 0",
    "Independent policies are among the joint ones over which V* is the maximum.",
    POSITIVE,
    Deduction(
        ("report.021.identity.added", "kl.nonnegative"),
        "special case",
        "π(a|b) = E_ρ π for every b: V − J is a sum of divergences over β > 0",
    ),
)
