"""Two optimality variables, by enumeration: what the ``em_general*`` claims share.

    h = P(O^-i=1|s,b)  [S, B]   or  P(O^-i=1|s,a,b)  [S, A, B]      g = P(O^i=1|s,a,b)  [S, A, B]

μ(a|s,b), ν(b|s), U(s) = 1/S as in ``_em``. Sources: report (94)-(101), C.2.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy
from tabular_marl.verification.claims._em import joint, tables
from tabular_marl.verification.claims._rommeo import Game
from tabular_marl.verification.relation import sides
from tabular_marl.verification.strategies import Field, array, distribution, number

CHANCE: dict[str, Any] = {"low": "1/8", "high": 1}


def chance_fields() -> dict[str, Field]:
    """g, h and the priors."""
    return {
        "g": array("states", "actions", "opponent_actions", **CHANCE),
        "h": array("states", "opponent_actions", **CHANCE),
        "agent_prior": distribution("states", "opponent_actions", "actions"),
        "opponent_prior": distribution("states", "opponent_actions"),
    }


def prior_law(arithmetic: Arithmetic, like: Numbers, **priors: Numbers) -> tuple[Game, Numbers]:
    """The priors, and U μ ν [S, A, B]."""
    game = tables(arithmetic, like, **priors)
    return game, joint((game.agent_prior, game.opponent_prior)) / len(like)


def conditional(weights: Numbers, axis: int) -> tuple[Numbers, Numbers]:
    """(weights normalised along ``axis``, their total)."""
    total = weights.sum(axis=axis, keepdims=True)
    return weights / total, total.sum(axis=axis)


def soft_answer(arithmetic: Arithmetic, w: Numbers, policy: Numbers) -> Numbers:
    """Q^-i(s,b) of (99): w = Q^-i [S, A, B], policy π [S, A, B]."""
    return free_energy(w, policy, 1, 1, arithmetic)


def one_cell(arithmetic: Arithmetic, chance: Numbers, on: Numbers, off: Numbers) -> Any:
    """P(O=1), and ∫ P(O=1|O'=1) P(O'=1) dO' over both values of O'; S = A = B = 1."""
    return sides(chance * on + (1 - chance) * off, chance * on + chance * on)


def q_mass(arithmetic: Arithmetic, chance: Numbers) -> Any:
    """The mass of U π P* P(O'=1), and one; chance = P(O'=1)."""
    return sides(chance, arithmetic.number(1))


TWO_ANSWERS = {"g": [[[1, "1/2"]]], "h": [[1, 1]]}
OPPONENT: dict[str, Field] = {
    "w": array("states", "actions", "opponent_actions"),
    "agent": distribution("states", "opponent_actions", "actions"),
}
MODEL: dict[str, Field] = {
    **OPPONENT,
    "opponent_prior": distribution("states", "opponent_actions"),
    "chance": number("1/8", 1),
}
