"""Is the competitive limit the minimax game? Report 1.3, (42), (46).

    V* = min_b F_{β^i}[P_prior](R(·,b))               the limit of the rounds for β^i > 0 > β^-i
    max_π min_b (E_π R(·,b) − KL(π ‖ P_prior)/β^i)    the game in which both move at once

The agent of (42) answers a^-i, so V* is min max, not max min. One state: reward [A, B], prior and
policy [A].
"""

from __future__ import annotations

from tabular_marl.verification import Counterexample, Deduction, distribution, sides
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl
from tabular_marl.verification.claims._fictitious import PLUS, STAGE, betas, sample
from tabular_marl.verification.claims._fictitious import stage_scope as scope_of
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides


def answered(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, beta_agent: Numbers
) -> Numbers:
    """V*: the worst b, to which the agent answers."""
    soft = free_energy(reward, prior[:, None], beta_agent, 0, arithmetic)
    return arithmetic.minimum(soft, 0)


def at_once(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, opponent: Numbers, beta_agent: Numbers
) -> Sides:
    """max_π E_{π,ρ} R − KL/β^i at one ρ, and V*."""
    mean = (reward * opponent).sum(axis=1)
    value = free_energy(mean, prior, beta_agent, 0, arithmetic)
    return sides(value, answered(arithmetic, reward, prior, beta_agent))


def secured(
    arithmetic: Arithmetic, reward: Numbers, prior: Numbers, policy: Numbers, beta_agent: Numbers
) -> Sides:
    """V*, and min_b E_π R(·,b) − KL(π ‖ P_prior)/β^i at any π."""
    worst = arithmetic.minimum((policy[:, None] * reward).sum(axis=0), 0)
    left = answered(arithmetic, reward, prior, beta_agent)
    return sides(left, worst - kl(policy, prior, 0, arithmetic) / beta_agent)


row(
    "report.1.3.minimax.printed",
    "refuted",
    "report 1.3; report (42); report (46)",
    r"\beta^i > 0 > \beta^{-i}: \ V^* \le \min_\rho \max_\pi E_{\pi,\rho} R - \tfrac{1}{\beta^i} "
    r"D_{KL}(\pi \| P_{\mathrm{prior}})",
    "“Able to handle competitive game”, read as: the rounds find the value of the game in which "
    "both move at once. They find that of a game in which the agent sees a^-i first. Matching "
    "pennies, β^i = 1: log cosh 1 = 0.43 against 0.",
    scope_of(PLUS, "any"),
    Counterexample(
        at_once,
        {
            "reward": [[1, -1], [-1, 1]],
            "prior": ["1/2", "1/2"],
            "opponent": ["1/2", "1/2"],
            "beta_agent": 1,
        },
    ),
)
row(
    "report.1.3.minimax.corrected",
    "proved",
    "report 1.3; report (42); report (46)",
    r"\beta^i > 0 > \beta^{-i}: \ V^* \ge \max_\pi \min_{a^{-i}} E_\pi R(\cdot, a^{-i}) - "
    r"\tfrac{1}{\beta^i} D_{KL}(\pi \| P_{\mathrm{prior}})",
    "An upper bound: min max against max min. It is the game's value where the agent really "
    "observes a^-i, or where one row of R is best against every a^-i.",
    scope_of(PLUS, "any"),
    Deduction(
        ("free-energy.variational.maximum",),
        "chain of inequalities",
        "at every a^-i F >= E_π R(·, a^-i) − KL/β^i; take the minimum over a^-i, then any π",
    ),
    sample(
        secured,
        {
            "reward": STAGE["reward"],
            "prior": distribution("actions"),
            "policy": distribution("actions"),
            "beta_agent": betas("+")["beta_agent"],
        },
        stage=True,
    ),
    assumes=("P_prior(a|s, a^-i) does not depend on a^-i",),
)
