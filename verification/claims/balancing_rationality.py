"""Bounded rationality, the objective that Balancing-Q extends: report (15), (16).

    max E Σ_t γ^t R(s_t, a_t)   subject to   KL(π(·|s_t) ‖ P_prior(·|s_t)) <= C               (15)
    max E Σ_t γ^t (R(s_t, a_t) − β KL(π(·|s_t) ‖ P_prior(·|s_t)))                             (16)

β is a temperature here, an inverse temperature in (17). One decision in each of S states, drawn
uniformly: reward, prior, policies [S, A]; then (16) is maximised by π ∝ P_prior exp(R/β), state by
state. Everything about (15) and (16) that is decided here needs no more time than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    instances,
    positive,
    prove_positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl, tilt
from tabular_marl.verification.claims._balancing import (
    GIBBS,
    PLUS,
    identity,
    inequality,
    reals,
)
from tabular_marl.verification.claims._rows import row

# -- formulas ------------------------------------------------------------------------------------


def penalised(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, temperature: Numbers
) -> Numbers:
    """The maximiser of (16): the prior tilted by R/β, [S, A]; one β, or [S, 1]."""
    return tilt(reward, prior, 1 / temperature, 1, arithmetic)


def distance(arithmetic: Arithmetic, policy: Numbers, prior: Numbers) -> Numbers:
    """KL(π(·|s) ‖ P_prior(·|s)), [S]."""
    return kl(policy, prior, 1, arithmetic)


def return_gain(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta: Numbers, competitor: Numbers
) -> Numbers:
    """S times the mean return of the maximiser of (16) minus the competitor's."""
    policy = penalised(arithmetic, reward, prior, beta)
    return ((policy - competitor) * reward).sum(axis=(0, 1))


def feasible(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta: Numbers, competitor: Numbers
) -> Numbers:
    """The competitor meets (15), C being the least that admits the maximiser of (16)."""
    policy = penalised(arithmetic, reward, prior, beta)
    limit = arithmetic.maximum(distance(arithmetic, policy, prior), axis=0)
    return limit - distance(arithmetic, competitor, prior)


def feasible_on_average(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta: Numbers, competitor: Numbers
) -> Numbers:
    """On average over states the competitor is no farther from the prior."""
    policy = penalised(arithmetic, reward, prior, beta)
    slack = distance(arithmetic, policy, prior) - distance(arithmetic, competitor, prior)
    return slack.sum(axis=0)


def return_gain_by_state(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, betas: Numbers, competitor: Numbers
) -> Numbers:
    """:func:`return_gain` with a multiplier for each state, betas [S]."""
    return return_gain(arithmetic, reward, prior, np.expand_dims(betas, 1), competitor)


def feasible_by_state(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, betas: Numbers, competitor: Numbers
) -> Numbers:
    """In every state the competitor is no farther from the prior."""
    policy = penalised(arithmetic, reward, prior, np.expand_dims(betas, 1))
    return distance(arithmetic, policy, prior) - distance(arithmetic, competitor, prior)


def multiplier_identity(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, betas: Numbers, competitor: Numbers
) -> Numbers:
    """E_π R − E_π' R − β [KL(π‖P) − KL(π'‖P) + KL(π'‖π)] in every state, π the maximiser."""
    policy = penalised(arithmetic, reward, prior, np.expand_dims(betas, 1))
    gain = ((policy - competitor) * reward).sum(axis=1)
    apart = distance(arithmetic, policy, prior) - distance(arithmetic, competitor, prior)
    return gain - betas * (apart + distance(arithmetic, competitor, policy))


def penalised_loss(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, betas: Numbers, competitor: Numbers
) -> Any:
    """(16) at π ∝ P exp(R/β) minus (16) at another policy, against β KL(π' ‖ π), state by state."""
    policy = penalised(arithmetic, reward, prior, np.expand_dims(betas, 1))
    here = (policy * reward).sum(axis=1) - betas * distance(arithmetic, policy, prior)
    there = (competitor * reward).sum(axis=1) - betas * distance(arithmetic, competitor, prior)
    return sides(here - there, betas * distance(arithmetic, competitor, policy))


def evidence_bound(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, betas: Numbers, competitor: Numbers
) -> Any:
    """(16) against β [log P(O=1) − KL(π ‖ P(a|O=1))] with P(O=1|a) ∝ exp(R/β), state by state."""
    weights = prior * arithmetic.exp(reward / np.expand_dims(betas, 1))
    evidence = weights.sum(axis=1)
    posterior = weights / np.expand_dims(evidence, 1)
    left = (competitor * reward).sum(axis=1) - betas * distance(arithmetic, competitor, prior)
    bound = arithmetic.log(evidence) - distance(arithmetic, competitor, posterior)
    return sides(left, betas * bound)


def distance_at(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, inverse: Numbers
) -> Numbers:
    """KL(tilt ‖ prior) at an inverse temperature, one state: reward, prior [A]."""
    return kl(tilt(reward, prior, inverse, 0, arithmetic), prior, 0, arithmetic)


def closer_when_hotter(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta: Numbers, step: Numbers
) -> Numbers:
    """(16): the distance at temperature β minus that at β + step."""
    cold = distance_at(arithmetic, reward, prior, 1 / beta)
    return cold - distance_at(arithmetic, reward, prior, 1 / (beta + step))


def closer_when_larger(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta: Numbers, step: Numbers
) -> Numbers:
    """(17): the distance at inverse temperature β minus that at β + step."""
    near = distance_at(arithmetic, reward, prior, beta)
    return near - distance_at(arithmetic, reward, prior, beta + step)


def farther_when_larger(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta: Numbers, step: Numbers
) -> Numbers:
    """The opposite of :func:`closer_when_larger`."""
    return -closer_when_larger(arithmetic, reward, prior, beta, step)


# -- proofs --------------------------------------------------------------------------------------


def prove_multiplier_identity() -> list[Proof]:
    # log π = log P + R/β − N; the integrands under π and under π' differ by the constant β N
    beta, reward, lp, lq, n = reals("beta R logP logq N")
    lpi = lp + reward / beta - n
    own = reward - beta * (lpi - lp)
    other = reward - beta * (lq - lp) + beta * (lq - lpi)
    return [
        prove_zero(own - beta * n, "E_π[R − β log π/P] = β N, integrand by integrand"),
        prove_zero(other - beta * n, "E_π'[R − β log π'/P] + β KL(π'‖π) = β N"),
    ]


def prove_evidence_bound() -> Proof:
    beta, reward, lp, lq, log_z = reals("beta R logP logpi logZ")
    bound = log_z - (lq - (lp + reward / beta - log_z))
    return prove_zero(reward - beta * (lq - lp) - beta * bound, "integrand by integrand")


def prove_no_multiplier() -> list[Proof]:
    u = positive("u")  # u = e^{1/β} − 1 > 0, so e^{1/β} = 1 + u
    small, large = 1 + u, (1 + u) ** 2
    gap = large / (1 + large) - small / (1 + small)
    first, second = reals("R1 R2")  # the returns of two policies in the state of reward (0, 1)
    return [
        prove_positive(gap, "P(better action): state with reward 2 minus state with reward 1"),
        prove_zero(
            (2 * first - 2 * second) - 2 * (first - second),
            "(15): the other state's differences are twice these, so the policies have one order "
            "and, under one constraint, the same solutions",
        ),
    ]


def prove_exchange() -> list[Proof]:
    # (T₂ − T₁)(KL₁ − KL₂) − T₁ KL(π₂‖π₁) − T₂ KL(π₁‖π₂): weights of π₁ and of π₂ are constants
    cold, hot, reward, n, m = reals("T1 T2 R N M")
    one, two = reward / cold - n, reward / hot - m  # log π_k/P
    first = (hot - cold) * one - hot * (one - two)
    second = -(hot - cold) * two - cold * (two - one)
    constant = cold * n - hot * m
    return [
        prove_zero(first - constant, "the integrand under π₁ is a constant"),
        prove_zero(second + constant, "the integrand under π₂ is minus that constant"),
    ]


# -- claims ----------------------------------------------------------------------------------------

STATES = scope(states=">= 1", actions=">= 1", beta=PLUS)
BY_STATE = scope(states=">= 1", actions=">= 1")
ONE = scope(actions=">= 1", beta=PLUS, step="[0, inf)")

_TABLES = {
    "reward": array("states", "actions"),
    "prior": distribution("states", "actions"),
    "competitor": distribution("states", "actions"),
}
_SIZES = {"states": (1, 3), "actions": (1, 3)}
GAMES = instances(_SIZES, **_TABLES, beta=beta("+"))
GAMES_BY_STATE = instances(_SIZES, **_TABLES, betas=array("states", low="1/16", high=16))
TILTS = instances(
    {"actions": (1, 3)},
    reward=array("actions"),
    prior=distribution("actions"),
    beta=beta("+", high=8),
    step=beta("+", high=8),
)

row(
    "report.015.multiplier.printed",
    "refuted",
    "report (15); report (16)",
    r"\text{the maximiser of (16) with one constant } \beta > 0 \text{ solves (15) for the least "
    r"} C "
    r"\text{ that admits it}",
    "(15) binds in every state, and each state has its own multiplier; one β lets states with "
    "larger stakes go farther from the prior. Two states with rewards (0, 1) and (0, 2) separate "
    "them.",
    STATES,
    Counterexample(
        return_gain,
        {
            "reward": [[0, 1], [0, 2]],
            "prior": [["1/2", "1/2"], ["1/2", "1/2"]],
            "beta": 1,
            "competitor": [["1/6", "5/6"], ["1/6", "5/6"]],
        },
        where=feasible,
    ),
)
row(
    "report.015.no-multiplier.added",
    "proved",
    "report (15); report (16)",
    r"\text{rewards } (0,1), (0,2): \ \pi_\beta(2|s_2) > \pi_\beta(2|s_1) \ \forall \beta > 0, "
    r"\text{ while (15) has the same solution in both states}",
    "No β whatever makes (16) solve (15) in the two-state witness: the maximisers of (16) differ "
    "between the states, those of (15) depend on the order of the rewards alone.",
    scope(beta=PLUS),
    Symbolic(prove_no_multiplier),
)
row(
    "report.015.identity.added",
    "proved",
    "report (15); report (16)",
    r"E_{\pi_\beta} R - E_{\pi'} R = \beta(s)\,[D(\pi_\beta\|P) - D(\pi'\|P) + D(\pi'\|\pi_\beta)]",
    "π_β ∝ P exp(R/β(s)) in each state; linear in π and π', so for every number of actions.",
    BY_STATE,
    Symbolic(prove_multiplier_identity),
    identity(multiplier_identity, GAMES_BY_STATE),
)
row(
    "report.015.state-multipliers.corrected",
    "proved",
    "report (15); report (16)",
    r"\text{with a multiplier } \beta(s) > 0 \text{ for each state, } \pi_\beta \text{ maximises } "
    r"E R \text{ subject to } D(\pi(\cdot|s)\|P) \le D(\pi_\beta(\cdot|s)\|P) \ \forall s",
    "The equivalence that holds: multipliers by state (and, over time, by time). Then β(s) is the "
    "price at which the constraint of s binds.",
    BY_STATE,
    Deduction(
        ("report.015.identity.added", GIBBS),
        "chain of inequalities",
        "E_π R − E_π' R = β [slack of the constraint + KL(π'‖π)], both >= 0",
    ),
    inequality(return_gain_by_state, GAMES_BY_STATE, where=feasible_by_state),
)
row(
    "report.015.expected-constraint.corrected",
    "proved",
    "report (15); report (16)",
    r"\text{with one } \beta > 0,\ \pi_\beta \text{ maximises } E R \text{ subject to } "
    r"E_s D(\pi(\cdot|s)\|P) \le E_s D(\pi_\beta(\cdot|s)\|P)",
    "The other way out: keep the single β of (16) and constrain the expected (over time: "
    "discounted) divergence instead of that of each state.",
    STATES,
    Deduction(
        ("report.015.identity.added", GIBBS),
        "chain of inequalities",
        "sum the identity over states with the same β: β times [slack of the sum + Σ KL(π'‖π)]",
    ),
    inequality(return_gain, GAMES, where=feasible_on_average),
)
row(
    "report.016.optimum.printed",
    "proved",
    "report (16)",
    r"J(\pi_\beta) - J(\pi) = \beta\,D(\pi\|\pi_\beta), \quad \pi_\beta \propto P e^{R/\beta}",
    "“The value should be positive”: right for (16), as π_β maximises it for β > 0 and minimises "
    "it for β < 0.",
    BY_STATE,
    Symbolic(prove_multiplier_identity),
    identity(penalised_loss, GAMES_BY_STATE),
)
row(
    "report.016.inference.printed",
    "proved",
    "report (16); report (17)",
    r"J(\pi) = \beta\left(\log P(\mathcal{O}{=}1) - D(\pi\|P(a|\mathcal{O}{=}1))\right), \quad "
    r"P(\mathcal{O}{=}1|a) \propto e^{R/\beta}",
    "Bounded rationality is control as inference: at one decision (16) is β times an evidence "
    "bound.",
    BY_STATE,
    Symbolic(prove_evidence_bound),
    identity(evidence_bound, GAMES_BY_STATE),
)
row(
    "report.016.closer.printed",
    "proved",
    "report (16)",
    r"\beta \le \beta' \Rightarrow D(\pi_{\beta'}\|P) \le D(\pi_\beta\|P), \quad "
    r"\pi_\beta \propto P e^{R/\beta}",
    "“The higher β, the closer to the prior” is right for (16), where β multiplies the divergence.",
    ONE,
    Deduction(
        ("report.016.exchange.added", GIBBS),
        "chain of inequalities",
        "(β' − β)(KL_β − KL_β') equals a sum of divergences with weights β, β' > 0",
    ),
    inequality(closer_when_hotter, TILTS),
)
row(
    "report.016.exchange.added",
    "proved",
    "report (16)",
    r"(\beta' - \beta)(D(\pi_\beta\|P) - D(\pi_{\beta'}\|P)) = \beta D(\pi_{\beta'}\|\pi_\beta) "
    r"+ \beta' D(\pi_\beta\|\pi_{\beta'})",
    "How the distance from the prior moves with the temperature, exactly.",
    ONE,
    Symbolic(prove_exchange),
)
row(
    "report.017.closer.printed",
    "refuted",
    "report (17)",
    r"\beta \le \beta' \Rightarrow D(\pi_{\beta'}\|P) \le D(\pi_\beta\|P), \quad "
    r"\pi_\beta \propto P e^{\beta R}",
    "The sentence “the higher, the closer” follows (17), where 1/β multiplies the divergence: "
    "there a higher β goes farther from the prior.",
    ONE,
    Counterexample(
        closer_when_larger, {"reward": [0, 1], "prior": ["1/2", "1/2"], "beta": 1, "step": 1}
    ),
)
row(
    "report.017.closer.corrected",
    "proved",
    "report (17)",
    r"0 < \beta \le \beta' \Rightarrow D(\pi_\beta\|P) \le D(\pi_{\beta'}\|P), \quad "
    r"\pi_\beta \propto P e^{\beta R}",
    "The β of (17) is 1 over the β of (16).",
    ONE,
    Deduction(
        ("report.016.closer.printed",),
        "substitution of equals",
        "put 1/β for the temperature; the order of temperatures turns round",
    ),
    inequality(farther_when_larger, TILTS),
)
