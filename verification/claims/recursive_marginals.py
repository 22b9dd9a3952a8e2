"""The general level and its marginals: report (108), (109).

    (108)  π_k(a|s) = Σ_b π_k(a|s,b) ρ_k(b|s)          (109)  ρ_k(b|s) = Σ_a ρ_k(b|s,a) π_k(a|s)

With one β the sum over (a, b) is one sum: both orders, both chains (103), give the same V_k, pair
and marginals. Shapes as in ``_recursive``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy
from tabular_marl.verification.claims._recursive import CORNER, LEVEL, STATES, Level
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- (108) -----------------------------------------------------------------------------------------


def prove_masses() -> list[Proof]:
    p, t, rest, r = (positive(name) for name in ["p", "t", "S", "r"])
    z = rest + p * t
    return [
        prove_zero(rest / z + p * t / z - 1, "a tilt sums to one: π_k(a|s,b), ρ_k(b|s)"),
        prove_zero(r * (p + (1 - p)) - r, "Σ_a π_k(a|s,b) ρ_k = ρ_k, and Σ_b ρ_k = 1"),
    ]


def mass_one(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Numbers:
    """What each of the three policies of (108) lacks of mass one."""
    here = Level.of(arithmetic, q, pi, rho)
    one, mean = arithmetic.number(1), here.marginals()[0]
    lacking = [(one - policy.sum(axis=1)).sum(axis=0) for policy in (here.opponent(), mean)]
    return np.stack([*lacking, (one - here.answers().sum(axis=1)).sum(axis=(0, 1))])


row(
    "report.108.printed",
    "proved",
    "report (108)",
    r"\pi_k(a|s, b) = \pi_{k-1}(a|s) e^{Q_k} / e^{Q_k(s, b)},\ \rho_k(b|s) = \rho_{k-1}(b|s) "
    r"e^{Q_k(s, b)} / e^{V_k(s)},\ \pi_k(a|s) = \textstyle\int \pi_k(a|s, b) \rho_k(b|s)",
    "Right, with Q_k(s, b) and V_k, which (108) does not define, the log-normalisers; and with βR "
    "for R. The marginal is that of the pair.",
    STATES,
    Symbolic(prove_masses),
    sample(mass_one, LEVEL, "== 0"),
    assumes=("Q_k(s,b) = log Σ_a π_{k−1} e^{Q_k}, V_k = log Σ_b ρ_{k−1} e^{Q_k(s,b)}", "β = 1"),
)

# -- (109) -----------------------------------------------------------------------------------------


def opponent_by_b(arithmetic: Arithmetic, q: Numbers) -> Any:
    """Σ_b ρ exp(Q(s,a,b) − Q(s,b)) of each a, and one; uniform priors."""
    here = Level.of(arithmetic, q)
    weights = here.rho[:, None] * arithmetic.exp(q - here.agent_soft()[:, None])
    return sides(weights.sum(axis=2), arithmetic.number(1))


def agent_by_b(arithmetic: Arithmetic, q: Numbers) -> Any:
    """Σ_a π exp(Q(s,b) − V) of each b, and one; uniform priors."""
    here = Level.of(arithmetic, q)
    weights = (
        here.pi[:, :, None] * arithmetic.exp(here.agent_soft() - here.value()[:, None])[:, None]
    )
    return sides(weights.sum(axis=1), arithmetic.number(1))


def opponents_marginal(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """Σ_a ρ_k(b|s,a) π_k(a|s), and the b-marginal of μν e^Q/e^V."""
    here = Level.of(arithmetic, q, pi, rho)
    law = here.product() * arithmetic.exp(q - here.value()[:, None, None])
    return sides((here.opponent_answers() * here.agent()[:, :, None]).sum(axis=1), law.sum(axis=1))


def prove_pair() -> list[Proof]:
    mu, nu, t, soft, z, rest = (positive(name) for name in ["mu", "nu", "t", "E", "Z", "S"])
    whole = rest + nu * t
    return [
        prove_zero(
            (nu * t / soft) * (mu * soft / z) - mu * nu * t / z, "the pair; Q_k(s,a) cancels"
        ),
        prove_zero(rest / whole + nu * t / whole - 1, "ρ_k(b|s,a) sums to one over b"),
    ]


row(
    "report.109.normaliser.printed",
    "refuted",
    "report (109)",
    r"\textstyle\sum_b \rho_{k-1}(b|s) \exp Q_k(s, a, b) / \exp Q_k(s, a^{-i}) = 1",
    "The normaliser of ρ_k(b|s, a) is a function of a^i; (108)'s index was copied.",
    STATES,
    Counterexample(opponent_by_b, {"q": [[[1], [0]]]}, "== 0"),
)
row(
    "report.109.agent.printed",
    "refuted",
    "report (109)",
    r"\textstyle\sum_a \pi_{k-1}(a|s) \exp Q_k(s, a^{-i}) / \exp V_k(s) = 1",
    "π_k(a|s) is tilted by Q_k(s, a^i); as printed the right side depends on b and not, but for "
    "the "
    "prior, on a.",
    STATES,
    Counterexample(agent_by_b, {"q": [[[1, 0]]]}, "== 0"),
)
row(
    "report.109.marginal.printed",
    "proved",
    "report (109)",
    r"\rho_k(b|s) = \int \rho_k(b|s, a)\, \pi_k(a|s)\, \mathrm{d}a",
    "The marginal of the pair, once the two lines above it are set right.",
    STATES,
    Symbolic(prove_pair),
    sample(opponents_marginal, LEVEL, "== 0"),
    assumes=("π_k(a|s), ρ_k(b|s,a) as corrected",),
)
row(
    "report.109.corrected",
    "proved",
    "report (109)",
    r"\rho_k(b|s, a) = \rho_{k-1}(b|s) e^{Q_k} / e^{Q_k(s, a)},\ \pi_k(a|s) = \pi_{k-1}(a|s) "
    r"e^{Q_k(s, "
    r"a)} / e^{V_k(s)},\ Q_k(s, a) = \log \textstyle\int \rho_{k-1} e^{Q_k}",
    "(108) with the players exchanged: PR2 with the marginals of level k − 1 as priors.",
    STATES,
    Symbolic(prove_pair),
    sample(opponents_marginal, LEVEL, "== 0"),
)

# -- one β: the order does not matter --------------------------------------------------------------


def both_orders(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """The pair by (108), and by (109)."""
    here = Level.of(arithmetic, q, pi, rho)
    return sides(here.joint(), here.opponent_answers() * here.agent()[:, :, None])


def both_values(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """V_k by (108), and by (109)."""
    here = Level.of(arithmetic, q, pi, rho)
    return sides(here.value(), free_energy(here.opponent_soft(), here.pi, 1, 1, arithmetic))


def prove_orders() -> list[Proof]:
    mu, nu, t, by_b, by_a, z = (positive(n) for n in ["mu", "nu", "t", "E", "F", "Z"])
    agent_first = (mu * t / by_b) * (nu * by_b / z)
    return [
        prove_zero(agent_first - (nu * t / by_a) * (mu * by_a / z), "both are μ ν e^Q/Z"),
    ]


row(
    "report.108.order.added",
    "proved",
    "report (103); report (108); report (109)",
    r"\text{one } \beta: \ \pi_k(a|s, b) \rho_k(b|s) = \rho_k(b|s, a) \pi_k(a|s) = \pi_{k-1} "
    r"\rho_{k-1} "
    r"e^{Q_k - V_k}",
    "(108) and (109) are two readings of one pair: the agent's chain ρ_0 → π_1 → ρ_2 → … and the "
    "opponent's have the same values and marginals at every level.",
    STATES,
    Symbolic(prove_orders),
    sample(both_orders, LEVEL, "== 0"),
    sample(both_values, LEVEL, "== 0"),
)
row(
    "report.4.1.1.alternation.added",
    "proved",
    "report 4.1.1; report (108); report (109)",
    r"\text{EM is \"always based on ROMMEO or PR2\", the levels alternate: with one } \beta \text{ "
    r"alternating or not gives the same levels}",
    "The second of the two differences to EM that the third observation names is none.",
    STATES,
    Deduction(("report.108.order.added",), "special case", "level after level"),
)


def two_betas(
    arithmetic: Arithmetic, q: Numbers, beta_agent: Numbers, beta_opponent: Numbers
) -> Any:
    """(1/β^i, 1/β^-i units) V by a given b then b, and by b given a then a; uniform priors."""
    here = Level.of(arithmetic, q)
    inner = free_energy(q, here.pi[:, :, None], beta_agent, 1, arithmetic)
    other = free_energy(q, here.rho[:, None], beta_opponent, 2, arithmetic)
    left = free_energy(inner, here.rho, beta_opponent, 1, arithmetic)
    return sides(left, free_energy(other, here.pi, beta_agent, 1, arithmetic))


row(
    "report.108.order-two.added",
    "refuted",
    "report (108); report (109); report (22)",
    r"\beta^i \ne \beta^{-i}: \ \text{(108) and (109) have the same } V_k",
    "With two temperatures, as Balancing-Q has, the chains part at level one.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1"),
    Counterexample(two_betas, {"q": CORNER, "beta_agent": 2, "beta_opponent": 1}, "== 0"),
)


def growth(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """π_k(a|s), and π_{k−1}(a|s) E_ρ e^Q/e^V."""
    here = Level.of(arithmetic, q, pi, rho)
    mean = (here.rho[:, None] * arithmetic.exp(q - here.value()[:, None, None])).sum(axis=2)
    return sides(here.marginals()[0], here.pi * mean)


def prove_growth() -> Proof:
    mu, nu, t, soft, z = (positive(name) for name in ["mu", "nu", "t", "E", "Z"])
    return prove_zero((mu * t / soft) * (nu * soft / z) - mu * (nu * t / z), "b by b, then summed")


row(
    "report.108.growth.added",
    "proved",
    "report (108); report (109)",
    r"\pi_k(a|s) = \pi_{k-1}(a|s)\, E_{\rho_{k-1}}[e^{Q_k(s, a, b)}] / e^{V_k(s)},\quad "
    r"\rho_k(b|s) = "
    r"\rho_{k-1}(b|s)\, E_{\pi_{k-1}}[e^{Q_k(s, a, b)}] / e^{V_k(s)}",
    "The marginals in closed form: replicator steps in the common payoff e^Q. Both players are "
    "rewarded for what the agent wants, and prefer risk.",
    STATES,
    Symbolic(prove_growth),
    sample(growth, LEVEL, "== 0"),
)
