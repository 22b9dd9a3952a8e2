"""Is the mean action enough? FURTHER E.3, line 16.

    q = Σ_j f(a^j)  depends on the mean action alone; q(a^1, a^2) in general does not

Shapes: q [B, B] of two neighbours, laws [2, B]; part [B], actions [N, B] of N neighbours.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    array,
    distribution,
    instances,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_training import E3

# -- formulas --------------------------------------------------------------------------------------


def by_mean(arithmetic: Arithmetic, q: Numbers, first: Numbers, second: Numbers) -> Any:
    """E q under two pairs of mixed actions of two neighbours; q [B, B], pairs [2, B]."""

    def value(laws: Numbers) -> Numbers:
        return (laws[0][:, None] * laws[1] * q).sum(axis=(0, 1))

    return sides(value(first), value(second))


def equal_means(arithmetic: Arithmetic, q: Numbers, first: Numbers, second: Numbers) -> Numbers:
    """The mean actions agree."""
    return -arithmetic.absolute(first.sum(axis=0) - second.sum(axis=0))


def additive_by_mean(arithmetic: Arithmetic, part: Numbers, actions: Numbers) -> Any:
    """Σ_j part(b_j) / N against the expectation under the mean action; actions [N, B]."""
    each = expectation(actions, part, 1).sum(axis=0)
    total = actions.sum(axis=0)
    return sides(each, expectation(total, part, 0))


# -- proofs ----------------------------------------------------------------------------------------


def prove_mean() -> Proof:
    law, part = symbols("a_j(b) part(b)")
    other = symbols("a_k(b)")
    return prove_zero(law * part + other * part - (law + other) * part, "b by b: linear in actions")


# -- claims ----------------------------------------------------------------------------------------

row(
    "further.E.3.line16.printed",
    "refuted",
    E3,
    r"\mathbf{a}_t = \{a^i_t, \bar a^{-i}_t\} \text{ is enough for } q(s, \hat z, \mathbf{a})",
    "Two neighbours who agree and two who differ can have equal mean actions: with reward for "
    "agreement, (1/2, 1/2) each against one of each kind.",
    scope(opponent_actions=">= 1"),
    Counterexample(
        by_mean,
        {
            "q": [[1, 0], [0, 1]],
            "first": [["1/2", "1/2"], ["1/2", "1/2"]],
            "second": [[1, 0], [0, 1]],
        },
        "== 0",
        where=equal_means,
    ),
)


row(
    "further.E.3.line16.corrected",
    "proved",
    E3,
    r"q = \sum_j f(a^j) \Rightarrow q \text{ depends on } \bar a^{-i} \text{ alone}",
    "Exact where neighbours enter additively; else an approximation, which the text calls "
    "mean-field.",
    scope(opponent_actions=">= 1", players=">= 1"),
    Symbolic(prove_mean),
    sample(
        additive_by_mean,
        instances(
            {"opponent_actions": (1, 3), "players": (1, 4)},
            part=array("opponent_actions"),
            actions=distribution("players", "opponent_actions", degenerate=True),
        ),
    ),
    assumes=("rewards and transitions additive in the neighbours' actions",),
)
