"""Soft values and the value loss: report (58), (59).

    V = log Σ_a p e^Q,     L_V = Σ_s d ½ (V − E_π[Q − log π/p])²

What they are least at, as printed and as corrected. Shapes and units as in ``_layer``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    distribution,
    instances,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl, tilt
from tabular_marl.verification.claims._layer import soft_evaluation, soft_value
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

ACTIONS = scope(actions=">= 1")
GAMES = scope(states=">= 1", actions=">= 1", beta="any", gamma="[0, 1)")
STAGE = {
    "q": array("actions"),
    "prior": distribution("actions"),
    "policy": distribution("actions"),
}

# -- formulas --------------------------------------------------------------------------------------


def undiscounted(arithmetic: Arithmetic, reward: Numbers, value: Numbers) -> Any:
    """V against the V of (58) as printed, one state, one action, β = 1."""
    return sides(reward + value, value)


def value_excess(
    arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers, value: Numbers
) -> Any:
    """L_V(V) at one state of weight 1, against ½ (V − V^π)²: both sides of the identity."""
    target = soft_evaluation(arithmetic, q, prior, policy)
    cost = arithmetic.log(policy) - arithmetic.log(prior)
    loss = (value - (policy * (q - cost)).sum(axis=0)) ** 2 / 2
    return sides(loss, (value - target) ** 2 / 2)


def unseen(arithmetic: Arithmetic, value: Numbers, exact: Numbers, weights: Numbers) -> Numbers:
    """|V − V^π| times the loss's being least: 0 if a minimiser is the exact value everywhere."""
    loss = (weights * (value - exact) ** 2).sum(axis=0)
    least = arithmetic.number(1) if bool(np.all(arithmetic.zeros(loss))) else 0 * loss
    return least * arithmetic.norm(value - exact)


def optimal_value(arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers) -> Any:
    """V of (58) against the minimiser of (59)."""
    target = soft_evaluation(arithmetic, q, prior, policy)
    return sides(soft_value(arithmetic, q, prior), target)


def optimal_value_gap(arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers) -> Any:
    """Their difference against KL(π ‖ (58))."""
    gap = soft_value(arithmetic, q, prior) - soft_evaluation(arithmetic, q, prior, policy)
    return sides(gap, kl(policy, tilt(q, prior, 1, 0, arithmetic), 0, arithmetic))


def prove_evaluation() -> Proof:
    value, target = sympy.symbols("V target", real=True)
    return prove_zero((value - target) ** 2 / 2 - (target - value) ** 2 / 2, "a square about V^π")


# -- (58) ------------------------------------------------------------------------------------------

row(
    "report.058.discount.printed",
    "refuted",
    "report (58)",
    r"Q = \beta R + E[V(s')],\ V = \log \textstyle\int e^Q P_{prior} \text{ has a solution}",
    "γ is missing, as in (25). One state, one action, R = 1: V = 1 + V.",
    scope(states=">= 1", actions=">= 1"),
    Counterexample(undiscounted, {"reward": 1, "value": 0}, "== 0"),
)
row(
    "report.058.discount.corrected",
    "proved",
    "report (58)",
    r"Q = \beta R + \gamma E[V(s')]: \text{ one solution, a limit from every start}",
    "With γ < 1, as (60) has it.",
    GAMES,
    Deduction(("recipe.fixed-point",), "special case", "one level, a:β"),
)
row(
    "report.058.policy.printed",
    "proved",
    "report (58)",
    r"\pi = e^Q P_{prior} / e^V \text{ maximises } E_\pi\Big[Q - \log\tfrac{\pi}{P_{prior}}\Big],"
    r"\text{ and } V \text{ is the maximum}",
    "And it is normalised.",
    ACTIONS,
    Deduction(
        ("free-energy.variational.maximum", "free-energy.tilt-normalised"),
        "special case",
        "β = 1, x = Q in the report's units",
    ),
)

# -- (59) ------------------------------------------------------------------------------------------

row(
    "report.059.printed",
    "proved",
    "report (59)",
    r"\mathcal{L}_V \text{ is least at } V^\pi(s) = E_\pi\Big[Q - \log\tfrac{\pi}{P_{prior}}\Big] "
    r"\text{ where } \mathcal{D}(s) > 0",
    "Read a_t ~ π_φ: the sign ~ is missing. A square about the target, state by state.",
    ACTIONS,
    Symbolic(prove_evaluation),
    Sampling(
        value_excess,
        instances({"actions": (1, 4)}, **STAGE, value=number()),
        "== 0",
        examples=2000,
        batched=True,
        search=False,
    ),
)
row(
    "report.059.optimal.printed",
    "refuted",
    "report (58); report (59)",
    r"\text{the minimiser of } \mathcal{L}_V \text{ is the } V \text{ of (58)}",
    "It is the value of the current policy.",
    ACTIONS,
    Counterexample(
        optimal_value, {"q": [0, 1], "prior": ["1/2", "1/2"], "policy": ["1/2", "1/2"]}, "== 0"
    ),
)
row(
    "report.059.optimal.corrected",
    "proved",
    "report (58); report (59)",
    r"V_{(58)} - V^\pi = D_{KL}(\pi \| \pi_{(58)}) \ge 0",
    "So equal only at the policy of (58): the three losses in turn are soft policy iteration.",
    ACTIONS,
    Deduction(("free-energy.duality", "kl.nonnegative"), "special case", "β = 1, q = π"),
    Sampling(
        optimal_value_gap,
        instances({"actions": (1, 4)}, **STAGE),
        "== 0",
        examples=2000,
        batched=True,
        search=False,
    ),
)
row(
    "report.059.together.added",
    "proved",
    "report (58); report (59); report (60); report (61)",
    r"\mathcal{L}_V, \mathcal{L}_Q, \mathcal{L}_\pi \text{ are least at } (V, Q, \pi) \text{ "
    r"together}, \bar V = V \iff (V, Q, \pi) \text{ solves (58)}",
    "With βR in (60) and γ in (58): the actor-critic rests at the soft optimum, and nowhere else.",
    GAMES,
    Deduction(
        (
            "report.059.printed",
            "report.059.optimal.corrected",
            "report.060.beta.corrected",
            "report.061.optimum.corrected",
            "report.058.discount.corrected",
        ),
        "substitution of equals",
        "(61) is least at the tilt of Q alone, so (59) at log Σ_a P_prior e^Q alone, and (60) at "
        "Q = βR + γ E V alone: the equations of (58), which have one solution",
    ),
    assumes=("every state and pair has a positive weight",),
)


def sampled_loss(
    arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers, value: Numbers
) -> Sides:
    """E_a ½ (V − (Q − log π/p)(a))², and ½ (V − V^π)² + ½ Var of the sampled target."""
    target = q - arithmetic.log(policy) + arithmetic.log(prior)
    mean = (policy * target).sum(axis=0)
    variance = (policy * (target - mean) ** 2).sum(axis=0)
    loss = (policy * (value - target) ** 2).sum(axis=0) / 2
    return sides(loss, (value - mean) ** 2 / 2 + variance / 2)


row(
    "report.059.sample.added",
    "proved",
    "report (59)",
    r"E_{a \sim \pi}\tfrac12\big(V - (Q - \log\tfrac{\pi}{P_{prior}})(a)\big)^2 = "
    r"\tfrac12 (V - V^\pi)^2 + \tfrac12 Var_\pi[Q - \log\tfrac{\pi}{P_{prior}}]",
    "(59) has E inside the square; with one sampled action it is outside. That is harmless: the "
    "gradient in V is unbiased, the minimiser the same, only the loss is reported too high. At the "
    "policy of (58) the target does not vary, and nothing is lost at all.",
    ACTIONS,
    Deduction(
        ("report.060.beta.corrected", "report.060.least.added"),
        "special case",
        "(60) with x = s, R = 0, γ = 1, π for the transitions and the sampled target for V̄",
    ),
    Sampling(
        sampled_loss,
        instances({"actions": (1, 4)}, **STAGE, value=number()),
        "== 0",
        examples=2000,
        batched=True,
        search=False,
    ),
)
row(
    "report.059.coverage.added",
    "refuted",
    "report (59); report (60); report (61)",
    r"\text{a minimiser of the loss is the exact table in every state}",
    "Where the replay buffer has no mass, any value is a minimiser.",
    scope(states=">= 1"),
    Counterexample(unseen, {"value": [0, 1], "exact": [0, 0], "weights": [1, 0]}, "== 0"),
)
