"""Recipes: what every composition of free energies inherits, and so every model of the report.

    (T V)(s) = recipe applied to Q(s, a, b) = r(s, a, b) + γ Σ_t P(t | s, a, b) V(t)

The lemmas hold for any number of levels, each with its own axis, β and prior (also conditional
on actions not yet aggregated). The samples take two levels, b given a and then a, of any two
signs: ROMMEO, PR2 and Balancing-Q in both views, up to the names of the axes.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Claim,
    Deduction,
    Sampling,
    array,
    beta,
    discount,
    distribution,
    free_energy,
    instances,
    number,
    register,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers

SOURCE = "report (14); report (25); report (26); report (33)"
LEVELS = {
    "actions": ">= 1",
    "opponent_actions": ">= 1",
    "beta_agent": "any",
    "beta_opponent": "any",
}
SIZES = {"actions": (1, 3), "opponent_actions": (1, 3)}
FIELDS = {
    "prior": distribution("actions", degenerate=True),
    "opponent_prior": distribution("actions", "opponent_actions", degenerate=True),
    "beta_agent": beta(zero=True, limits=True),
    "beta_opponent": beta(zero=True, limits=True),
}


def levels(
    arithmetic: Arithmetic,
    q: Numbers,
    prior: Numbers,
    opponent_prior: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
    axis: int = 0,
) -> Numbers:
    """F_{β^i}[p](a ↦ F_{β^-i}[P(·|a)](q[…, a, ·])); ``axis`` is a's axis."""
    inner = free_energy(q, opponent_prior, beta_opponent, axis + 1, arithmetic)
    return free_energy(inner, prior, beta_agent, axis, arithmetic)


def monotone(arithmetic: Arithmetic, q: Numbers, rise: Numbers, **given: Numbers) -> Any:
    return sides(levels(arithmetic, q + rise, **given), levels(arithmetic, q, **given))


def shifted(arithmetic: Arithmetic, q: Numbers, c: Numbers, **given: Numbers) -> Any:
    return sides(levels(arithmetic, q + c, **given), levels(arithmetic, q, **given) + c)


def non_expansive(arithmetic: Arithmetic, q: Numbers, other: Numbers, **given: Numbers) -> Any:
    moved = levels(arithmetic, q, **given) - levels(arithmetic, other, **given)
    return sides(arithmetic.norm(q - other), arithmetic.absolute(moved))


def contraction(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    value: Numbers,
    other: Numbers,
    prior: Numbers,
    opponent_prior: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
) -> Any:
    """γ ‖V − W‖ against ‖TV − TW‖; reward [s, a, b], transition [s, a, b, t]."""

    def backup(v: Numbers) -> Numbers:
        q = reward + gamma * (transition * v).sum(axis=3)
        given = (prior, opponent_prior, beta_agent, beta_opponent)
        return levels(arithmetic, q, *given, axis=1)

    moved = arithmetic.norm(backup(value) - backup(other))
    return sides(gamma * arithmetic.norm(value - other), moved)


def _claim(name: str, statement: str, about: dict[str, str], *checks: Any, note: str = "") -> None:
    register(
        Claim(
            id=f"recipe.{name}",
            source=SOURCE,
            reading="added",
            statement=statement,
            note=note,
            scope=scope(**about),
            expects="proved",
            checks=checks,
        )
    )


Q = array("actions", "opponent_actions")
_claim(
    "monotone",
    r"Q \le Q' \;\Rightarrow\; \mathcal{A}(Q) \le \mathcal{A}(Q')",
    LEVELS,
    Deduction(("free-energy.monotone",), "composition of monotone shift-equivariant maps"),
    Sampling(
        monotone,
        instances(SIZES, q=Q, rise=array("actions", "opponent_actions", low=0), **FIELDS),
        ">= 0",
        batched=True,
    ),
)
_claim(
    "shift-equivariant",
    r"\mathcal{A}(Q + c) = \mathcal{A}(Q) + c",
    LEVELS,
    Deduction(("free-energy.shift-equivariant",), "composition of monotone shift-equivariant maps"),
    Sampling(shifted, instances(SIZES, q=Q, c=number(), **FIELDS), "== 0", batched=True),
)
_claim(
    "non-expansive",
    r"|\mathcal{A}(Q) - \mathcal{A}(Q')| \le \|Q - Q'\|_\infty",
    LEVELS,
    Deduction(
        ("recipe.monotone", "recipe.shift-equivariant"),
        "monotone and shift-equivariant implies non-expansive",
    ),
    Sampling(non_expansive, instances(SIZES, q=Q, other=Q, **FIELDS), ">= 0", batched=True),
)
_claim(
    "contraction",
    r"\|\mathcal{T}V - \mathcal{T}W\|_\infty \le \gamma \|V - W\|_\infty, \quad "
    r"\mathcal{T}V = \mathcal{A}\left(r + \gamma P V\right)",
    {"states": ">= 1", **LEVELS, "gamma": "[0, 1)"},
    Deduction(("recipe.non-expansive",), "non-expansive after a discounted expectation"),
    Sampling(
        contraction,
        instances(
            {"states": (1, 3), **SIZES},
            reward=array("states", "actions", "opponent_actions"),
            transition=distribution(
                "states", "actions", "opponent_actions", "states", degenerate=True
            ),
            gamma=discount(),
            value=array("states"),
            other=array("states"),
            prior=distribution("states", "actions", degenerate=True),
            opponent_prior=distribution("states", "actions", "opponent_actions", degenerate=True),
            beta_agent=beta(zero=True, limits=True),
            beta_opponent=beta(zero=True, limits=True),
        ),
        ">= 0",
        batched=True,
    ),
    note="So for a prior, an order of the levels and signs of β of any kind; only the scaling of V "
    "between reward units and the report's units can spoil it.",
)
_claim(
    "fixed-point",
    r"\exists!\, V^*: \; V^* = \mathcal{T}V^*, \quad \mathcal{T}^n V \to V^* \text{ for every } V",
    {"states": ">= 1", **LEVELS, "gamma": "[0, 1)"},
    Deduction(("recipe.contraction",), "banach fixed point"),
)
_claim(
    "derivative",
    r"\partial \mathcal{A}(Q) / \partial Q(a,b) = \pi(a)\, \rho(b|a)",
    {**LEVELS, "beta_agent": "(-inf, 0) u (0, inf)", "beta_opponent": "(-inf, 0) u (0, inf)"},
    Deduction(("free-energy.derivative",), "chain rule", "the product of the tilts of the levels"),
    note="So the Jacobian of the backup is γ P_w, with w the joint policy.",
)
