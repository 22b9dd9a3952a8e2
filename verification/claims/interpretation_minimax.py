"""Why ROMMEO and PR2 fail in minimax games, and what β^-i is said to do: report 1.6.1.

With one temperature both players pull the same way; β^-i gives the opponent a sign of its own.
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
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._balancing import (
    MATRIX,
    PRIORS,
    SIGNED,
    Stage,
    identity,
    inequality,
    stage_scope,
)
from tabular_marl.verification.claims._interpretation import (
    EVERY,
    GAME,
    ONE,
    POSITIVE,
    SIZES,
    one_beta,
)
from tabular_marl.verification.claims._rows import row

PENNIES = {"reward": [[1, -1], [-1, 1]], "beta": 1}

# -- formulas --------------------------------------------------------------------------------------


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


def prove_perceived() -> Proof:
    import sympy

    x, q = sympy.symbols("beta Q", real=True)
    return prove_zero((-x) * q - x * (-q), "the exponents agree")


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
