"""How the report relates its algorithms, and what it says β does: report 1.6.1, (57).

    PR2         V = F_β[p](a ↦ F_β[P(·|a)](Q[a, ·])),     joint policy π(a) ρ(b|a)
    ROMMEO      V = F_β[P](b ↦ F_β[p(·|b)](Q[·, b])),     joint policy ρ(b) π(a|b)
    Balancing-Q the same with two temperatures and priors p(a), P(b); both players' views

One state; reward Q [A, B], priors p [A], P [B]. Units: reward.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    beta,
    distribution,
    instances,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation, free_energy, tilt
from tabular_marl.verification.claims._balancing import (
    MATRIX,
    PLUS,
    PRIORS,
    SIGNED,
    Stage,
    identity,
    inequality,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row

SIZES = {"actions": (1, 3), "opponent_actions": (1, 3)}
EVERY = {"actions": ">= 1", "opponent_actions": ">= 1"}
ONE = scope(**EVERY, beta=SIGNED)
POSITIVE = scope(**EVERY, beta=PLUS)
GAME = instances(SIZES, reward=MATRIX, **PRIORS, beta=beta(high=8))
PENNIES = {"reward": [[1, -1], [-1, 1]], "beta": 1}

# -- formulas --------------------------------------------------------------------------------------


def one_beta(arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **priors: Numbers) -> Stage:
    """A stage with a single temperature: PR2 is its agent's view, ROMMEO its opponent's."""
    return Stage.of(arithmetic, reward, beta, beta, **priors)


def printed_mass(arithmetic: Arithmetic, agent: Numbers, conditional: Numbers) -> Any:
    """Σ_{a,b} π(a) ρ(a|b) against 1: (57) to the letter; conditional[b, a]."""
    return sides((agent * conditional).sum(axis=(0, 1)), arithmetic.number(1))


def chain(arithmetic: Arithmetic, joint: Numbers) -> Any:
    """P(a, b) against π(a) ρ(b|a)."""
    agent = joint.sum(axis=1)
    return sides(joint, agent[:, None] * (joint / agent[:, None]))


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


def reply(
    arithmetic: Arithmetic, reward: Numbers, beta: Numbers, opponent_policy: Numbers, **p: Numbers
) -> Any:
    """E_ρ[Q(b)] − KL(ρ‖P)/β, the agent's own objective: the model of ROMMEO against another."""
    stage = one_beta(arithmetic, reward, beta, **p)

    def value(rho: Numbers) -> Numbers:
        return expectation(rho, stage.opponent_q(), 0) - stage.kl(rho, stage.P) / stage.y

    return sides(value(stage.opponent_policy()), value(opponent_policy))


def together(arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **priors: Numbers) -> Numbers:
    """β (V − E_{p,P} Q) with one temperature."""
    stage = one_beta(arithmetic, reward, beta, **priors)
    return stage.x * (stage.opponent_value() - stage.mean(stage.p, stage.P))


def two_betas(arithmetic: Arithmetic, reward: Numbers, beta: Numbers, other: Numbers) -> Any:
    """ρ of ROMMEO at two temperatures."""
    return sides(*(one_beta(arithmetic, reward, b).opponent_policy() for b in (beta, other)))


def promised(arithmetic: Arithmetic, reward: Numbers, beta: Numbers) -> Any:
    """What PR2's π gets where the opponent lowers the reward, max over a of min over b, against
    PR2's V."""
    stage = one_beta(arithmetic, reward, beta)
    worst = arithmetic.maximum(arithmetic.minimum(stage.q, 1), 0)
    return sides(worst, stage.agent_value())


def perceived(arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **priors: Numbers) -> Any:
    """The reply at −β to Q against the reply at β to −Q."""
    stage = one_beta(arithmetic, reward, beta, **priors)
    other = Stage.of(arithmetic, reward, -stage.x, -stage.y, **priors)
    return sides(other.conditional_opponent(), stage.at(-stage.q).conditional_opponent())


def reflects(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_policy: Numbers,
    opponent_policy: Numbers,
    beta: Numbers,
    **priors: Numbers,
) -> Any:
    """D(π ‖ E_ρ π(·|b)) against D(π ‖ E_ρ̃ π(·|b)), ρ̃ of (36) in the log-normaliser reading."""
    stage = one_beta(arithmetic, reward, beta, **priors)
    given = stage.conditional_agent()

    def away(rho: Numbers) -> Numbers:
        return stage.kl(agent_policy, expectation(stage.opponents(rho), given, 1))

    return sides(away(opponent_policy), away(stage.opponent_policy()))


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


def prove_perceived() -> Proof:
    import sympy

    x, q = sympy.symbols("beta Q", real=True)
    return prove_zero((-x) * q - x * (-q), "the exponents agree")


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

# -- why they fail in minimax games ----------------------------------------------------------------

row(
    "report.1.6.1.objective.printed",
    "proved",
    "report 1.6.1",
    r"\beta > 0: \ \rho_{ROMMEO} = \arg\max_\rho E_\rho[Q(s,b)] - \tfrac1\beta "
    r"D_{KL}(\rho \| P), \text{ the agent's own objective}",
    '"The opponent model will be updated according to the main objective of the agent".',
    POSITIVE,
    Deduction(("free-energy.variational.maximum",), "special case", "x = Q(s, ·)"),
    inequality(
        reply,
        instances(
            SIZES,
            reward=MATRIX,
            **PRIORS,
            beta=beta("+", high=8),
            opponent_policy=distribution("opponent_actions"),
        ),
    ),
)
row(
    "report.1.6.1.temperature.printed",
    "refuted",
    "report 1.6.1; report (9)",
    r"\text{the temperature does not contribute to ROMMEO's opponent model } \rho",
    "Q(s,b) holds β, so ρ depends on it. What ROMMEO lacks is a temperature of the opponent's own, "
    "with a sign of its own (next row).",
    scope(**EVERY, beta=SIGNED, other=SIGNED),
    Counterexample(two_betas, {"reward": [[0, 1]], "beta": 1, "other": 2}, "== 0"),
)
row(
    "report.1.6.1.one-beta.added",
    "proved",
    "report 1.6.1",
    r"\beta (V^*(s) - E_{p,P}[Q]) \ge 0",
    "With one temperature the players always pull the same way, up for β > 0, down for β < 0: no "
    "choice of ROMMEO's or PR2's β is a minimax game.",
    ONE,
    Deduction(
        ("free-energy.monotone-in-beta", "free-energy.limits", "free-energy.monotone"),
        "chain of inequalities",
        "each F_β is at least (β > 0) or at most (β < 0) its mean F_0, the outer one is monotone",
    ),
    inequality(together, GAME),
)
row(
    "report.1.6.1.pr2-cooperative.printed",
    "proved",
    "report 1.6.1; report (57)",
    r"R^{-i} = R^i: \ \text{PR2's } \rho(b|a) \text{ is the opponent's own soft best reply to } a",
    '"PR2 only works on cooperative cases": there its model is what the opponent does.',
    POSITIVE,
    Deduction(("free-energy.variational.maximum",), "special case", "x = Q(a, ·) for each a"),
)
row(
    "report.1.6.1.pr2-zero-sum.added",
    "refuted",
    "report 1.6.1; report (57)",
    r"R^{-i} = -R^i: \ \text{PR2's } V \le \max_a \min_b Q(a, b)",
    "Disastrous indeed: matching pennies promise log cosh 1 = 0.43 at β = 1, and the opponent who "
    "sees the move leaves −1.",
    POSITIVE,
    Counterexample(promised, PENNIES),
)

# -- what β^-i is said to do -----------------------------------------------------------------------

row(
    "report.1.6.1.perception.printed",
    "proved",
    "report 1.6.1",
    r"\mathrm{reply}_{-\beta}(Q) = \mathrm{reply}_\beta(-Q)",
    '"β^-i reflects how opponent perceives its reward": its sign is the sign of the reward, its '
    "size an inverse temperature (not a temperature, as the text says).",
    ONE,
    Symbolic(prove_perceived),
    identity(perceived, GAME),
)
row(
    "report.1.6.1.reflects.printed",
    "refuted",
    "report 1.6.1; report (36); report (38)",
    r"\beta^{-i} > 0: \ \tilde\rho \text{ is updated so that } E_{\tilde\rho}[\pi(a|b)] \text{ "
    r"comes closer to } \pi",
    "The text reads (38) as what the update does. (38) is an assumption, and (36) need not satisfy "
    "it: ρ̃ goes where the reward is, here to b = 0, where π(a|b) is far from a uniform π.",
    POSITIVE,
    Counterexample(
        reflects,
        {
            "reward": [[1, 0], [0, 0]],
            "agent_policy": ["1/2", "1/2"],
            "opponent_policy": ["1/2", "1/2"],
            "beta": 1,
        },
    ),
)
row(
    "report.1.6.1.reflects.corrected",
    "proved",
    "report 1.6.1; report (37); report (38)",
    r"\text{it is enough that } \beta^i\beta^{-i} E_\rho D(\pi \| \pi(\cdot|b)) \ge "
    r"\beta^i\beta^{-i} E_{\tilde\rho} D(\pi \| \pi(\cdot|b))",
    "The mean divergence, not that of the mean; and the case is chosen by the sign of β^i β^-i, "
    "not by that of β^-i alone.",
    stage_scope(states=">= 1", gamma="[0, 1)"),
    Deduction(("report.037.corrected",), "special case", "the assumption of (37) as corrected"),
)
