"""The level of q with two critics, with features, under Adam. FURTHER (12), E.3.

    (Σ q_1 + Σ q_2)/α_q − ρ/α_ρ,    u·w/α_q − ρ/α_ρ  where u·φ = 1:    the same after every step

Adam, which scales each coordinate, keeps neither. Shapes: as in _deep; linear critics: weights [F],
features [K, F] of K pairs, delta [K].
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
    instances,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._deep import (
    Q,
    loss_family,
)
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.deep_gain_critics import lower_of
from tabular_marl.verification.claims.deep_gauge import LOSS, RATES, ROW, STATE, errors

# -- formulas --------------------------------------------------------------------------------------


def tied_twins(
    arithmetic: Arithmetic,
    q: Numbers,
    other: Numbers,
    gain: Numbers,
    memory: Numbers,
    rate: Numbers,
    gain_rate: Numbers,
    **game: Numbers,
) -> Any:
    """(Σ q_1 + Σ q_2)/α_q − ρ/α_ρ after a step of both critics, v by their min, and before."""
    slow = lower_of(arithmetic, q, other)
    pushes = [2 * memory * errors(arithmetic, c, slow, gain, **game) for c in (q, other)]
    axes = (0, 1, 2)
    moved = gain + gain_rate * (pushes[0] + pushes[1]).sum(axis=axes)
    after = (q + rate * pushes[0] + other + rate * pushes[1]).sum(axis=axes)
    return sides(
        after / rate - moved / gain_rate, (q + other).sum(axis=axes) / rate - gain / gain_rate
    )


def tied_features(
    arithmetic: Arithmetic,
    weights: Numbers,
    features: Numbers,
    delta: Numbers,
    gain: Numbers,
    rate: Numbers,
    gain_rate: Numbers,
) -> Any:
    """u·w/α_q − ρ/α_ρ after a step and before, q = w·φ; the last feature is 1 less the others, so
    that u = (1, …, 1) has u·φ = 1."""
    last = 1 - features[:, :-1].sum(axis=1)
    spanning = np.concatenate([features[:, :-1], last[:, None]], axis=1)
    after = weights + 2 * rate * (delta[:, None] * spanning).sum(axis=0)
    moved = gain + 2 * gain_rate * delta.sum(axis=0)
    return sides(
        after.sum(axis=0) / rate - moved / gain_rate, weights.sum(axis=0) / rate - gain / gain_rate
    )


def first_step_of_adam(arithmetic: Arithmetic, delta: Numbers) -> Any:
    """Two or more pairs in a batch: Σ of the q moves over α_q, and the move of ρ over α_ρ.

    Adam's first step has length α in every coordinate, in the direction of its gradient.
    """
    total = delta.sum(axis=0)
    return sides(
        (delta / arithmetic.absolute(delta)).sum(axis=0), total / arithmetic.absolute(total)
    )


# -- proofs ----------------------------------------------------------------------------------------


def prove_features() -> Proof:
    delta, rate, gain_rate, u, phi = symbols("delta alpha_q alpha_rho u phi")
    whole = u * (2 * rate * delta * phi) / rate - 2 * gain_rate * delta / gain_rate
    return prove_zero(whole.subs(u, 1 / phi), "u·(2 α_q δ φ) = 2 α_q δ, as u·φ = 1")


# -- claims ----------------------------------------------------------------------------------------

row(
    "deep.gauge.twins.added",
    "proved",
    f"{LOSS}; FURTHER E.3",
    r"\tfrac1{\alpha_q} \textstyle\sum (q_1 + q_2) - \tfrac1{\alpha_\rho} \rho \text{ likewise, "
    r"with the min in } v",
    "One gain, two critics: both push it.",
    ROW,
    Deduction(
        ("deep.gauge.tied.added",), "sum of termwise inequalities", "an equation for each critic"
    ),
    sample(tied_twins, loss_family(**STATE, **RATES, other=Q)),
)


row(
    "deep.gauge.features.added",
    "proved",
    LOSS,
    r"q = w \cdot \varphi,\ u \cdot \varphi \equiv 1: \ \tfrac1{\alpha_q} u \cdot w - "
    r"\tfrac1{\alpha_\rho} \rho \text{ likewise}",
    "For every linear critic whose features span a constant, such as one with a bias.",
    scope(features=">= 1", pairs=">= 1", rate="(0, inf)", gain_rate="(0, inf)"),
    Symbolic(prove_features),
    sample(
        tied_features,
        instances(
            {"features": (1, 3), "pairs": (1, 3)},
            weights=array("features"),
            features=array("pairs", "features"),
            delta=array("pairs"),
            gain=number(),
            **RATES,
        ),
    ),
)


row(
    "deep.gauge.adam.added",
    "refuted",
    f"{LOSS}; FURTHER E.3",
    r"\text{Adam keeps it too}",
    "Its steps are scaled coordinate by coordinate. A batch of two pairs with δ = 1: Σ q moves by "
    "2 α_q, ρ by α_ρ.",
    scope(pairs=">= 2"),
    Counterexample(first_step_of_adam, {"delta": [1, 1]}, "== 0"),
)
