"""Minimax-PR2, the bare heading of report 1.4: PR2's factorisation, a minimising opponent.

    V = F_β[p](a ↦ F_{β'}[P(·|a)](Q[a, ·])),   β ≥ 0 ≥ β'

The report says nothing under the heading; everything here is ours. Shapes: q [A, B], prior [A],
opponent_prior P(b|a) [A, B]. Units: reward.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Deduction,
    Sampling,
    array,
    beta,
    distribution,
    instances,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl
from tabular_marl.verification.claims._rows import row

SIZES = {"actions": (1, 3), "opponent_actions": (1, 3)}
EVERY = {"actions": ">= 1", "opponent_actions": ">= 1"}
FIELDS = {
    "q": array("actions", "opponent_actions"),
    "prior": distribution("actions"),
    "opponent_prior": distribution("actions", "opponent_actions"),
    "beta_agent": beta("+", high=8),
    "beta_opponent": beta("-", high=8),
}
OPPOSED = {"beta_agent": "(0, inf)", "beta_opponent": "(-inf, 0)"}


def led(
    arithmetic: Arithmetic,
    q: Numbers,
    prior: Numbers,
    opponent_prior: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
) -> Numbers:
    """V: b:β' given a, then a:β."""
    answered = free_energy(q, opponent_prior, beta_opponent, 1, arithmetic)
    return free_energy(answered, prior, beta_agent, 0, arithmetic)


def below_pr2(
    arithmetic: Arithmetic,
    q: Numbers,
    prior: Numbers,
    opponent_prior: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
) -> Any:
    """PR2's value at β against Minimax-PR2's at (β, β')."""
    pr2 = led(arithmetic, q, prior, opponent_prior, beta_agent, beta_agent)
    return sides(pr2, led(arithmetic, q, prior, opponent_prior, beta_agent, beta_opponent))


def granted(
    arithmetic: Arithmetic,
    q: Numbers,
    prior: Numbers,
    opponent_prior: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
    policy: Numbers,
) -> Any:
    """V against what π gets where the opponent answers by the tilt: E_π[F_β'(Q)] − KL(π‖p)/β."""
    worst = free_energy(q, opponent_prior, beta_opponent, 1, arithmetic)
    value = led(arithmetic, q, prior, opponent_prior, beta_agent, beta_opponent)
    cost = kl(policy, prior, 0, arithmetic) / beta_agent
    return sides(value, (policy * worst).sum(axis=0) - cost)


row(
    "report.1.4.contraction.added",
    "proved",
    "report 1.4",
    r"V = \mathcal{A}(r + \gamma P V) \text{ has one solution, a limit from every start}",
    "A bare heading in the report. PR2 with a minimising opponent is a recipe like any other: "
    "b:β' given a, then a:β.",
    scope(states=">= 1", **EVERY, gamma="[0, 1)", **OPPOSED),
    Deduction(("recipe.fixed-point",), "special case", "β > 0 > β'"),
)
row(
    "report.1.4.leader.added",
    "proved",
    "report 1.4; report (57)",
    r"V = \max_\pi \min_{\rho(\cdot|\cdot)} E\Big[Q - \tfrac1\beta \log\tfrac{\pi}{p} + "
    r"\tfrac{1}{|\beta'|} \log \tfrac{\rho}{P}\Big]",
    "The opponent sees the move and lowers the agent's reward as far as its divergence allows.",
    scope(**EVERY, **OPPOSED),
    Deduction(
        ("free-energy.variational.minimum", "free-energy.variational.maximum"),
        "maximisation in stages",
        "given a, ρ(·|a) attains the minimum F_β'[P](Q[a, ·]); then π the maximum over a",
    ),
    Sampling(
        granted,
        instances(SIZES, **FIELDS, policy=distribution("actions")),
        examples=2000,
        batched=True,
        search=False,
    ),
)
row(
    "report.1.4.below-pr2.added",
    "proved",
    "report 1.4; report (57)",
    r"V_{\text{Minimax-PR2}}(\beta, \beta') \le V_{\text{PR2}}(\beta)",
    "PR2 trusts the opponent to raise the agent's reward.",
    scope(**EVERY, **OPPOSED),
    Deduction(
        ("free-energy.monotone-in-beta", "free-energy.monotone"),
        "chain of inequalities",
        "F_β' <= F_β for each a as β' < 0 < β, and the outer F is monotone",
    ),
    Sampling(below_pr2, instances(SIZES, **FIELDS), examples=2000, batched=True, search=False),
)
row(
    "report.1.4.limits.added",
    "proved",
    "report 1.4",
    r"\beta \to \infty, \beta' \to -\infty: \ V \to \max_a \min_b Q(a, b)",
    "The pure max-min of a leader, not the value of the zero-sum game in mixed policies: matching "
    "pennies have −1 here and 0 there.",
    scope(**EVERY),
    Deduction(
        ("free-energy.limits", "free-energy.non-expansive"),
        ("chain of inequalities", "squeeze"),
        "|F_β(inner) − F_β(min_b Q)| <= max_a |inner − min_b Q| -> 0 for every β, as F_β is "
        "non-expansive; and F_β(min_b Q) -> max_a min_b Q",
    ),
)
