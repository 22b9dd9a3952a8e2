"""Recipes: a soft system as data.

A recipe is an ordered list of aggregations, innermost first. Each takes the free energy

    F_β[p](x) = (1/β) log Σ_k p_k exp(β x_k)

of the value so far along one action axis. On Q[s, a, b], with AGENT = 0 and OPPONENT = 1,
ROMMEO is ``(Aggregation(AGENT, β), Aggregation(OPPONENT, β))``: a given b first, then b.

β is an inverse temperature in 1/reward units, of either sign: β → 0 is the expectation under the
prior, β = +inf the maximum and β = −inf the minimum over the prior's support.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_marl.validation import (
    InputError,
    float_array,
    inverse_temperature,
    probability_rows,
    read_only,
)

AGENT, OPPONENT = 0, 1


@dataclass(frozen=True)
class Aggregation:
    """One free energy along action axis ``axis`` (0 is the first player after the state).

    ``prior`` is None (uniform) or an array broadcastable over the axes that remain, with states
    first and actions in the game's order: [n], [s, n], or conditional on actions not yet
    aggregated, as in [s, a, b] for a prior over a given (s, b). It sums to one along ``axis``;
    outcomes of prior probability zero are never chosen.
    """

    axis: int
    beta: float
    prior: ArrayLike | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", inverse_temperature("beta", self.beta))


Recipe = tuple[Aggregation, ...]


@dataclass(frozen=True)
class Level:
    """A checked aggregation: ``prior`` is (S or 1, *remaining axes or 1), full at ``axis``."""

    axis: int
    beta: float
    prior: NDArray[np.float64]


def check(recipe: Recipe, states: int, actions: tuple[int, ...]) -> tuple[Level, ...]:
    """Validate a recipe against a game's shape; every action axis must be aggregated exactly once.

    Priors come out with ndim = 1 + len(actions): axis 0 is the state, axis 1+k is action axis k,
    length 1 where the prior does not depend on that axis.
    """
    axes = [step.axis for step in recipe]
    if sorted(axes) != list(range(len(actions))):
        raise InputError(
            "recipe",
            f"aggregate each action axis 0..{len(actions) - 1} exactly once",
            f"it aggregated axes {axes}",
        )
    done: set[int] = set()
    levels = []
    for step in recipe:
        full = (states, *actions)
        at = step.axis + 1
        count = actions[step.axis]
        name = f"prior over action axis {step.axis}"
        if len(actions) == 2:
            name = ("agent_prior", "opponent_prior")[step.axis]
        if step.prior is None:
            shape = [1] * len(full)
            shape[at] = count
            prior = np.full(shape, 1.0 / count)
        else:
            given = float_array(name, step.prior)
            if given.ndim == 1:
                shape = [1] * len(full)
                shape[at] = given.shape[0]
                given = given.reshape(shape)
            elif given.ndim == 2 and len(full) > 2:
                shape = [1] * len(full)
                shape[0], shape[at] = given.shape
                given = given.reshape(shape)
            allowed = [
                (1,) if k - 1 in done else (n,) if k == at else (1, n) for k, n in enumerate(full)
            ]
            if given.ndim != len(full) or any(
                n not in ok for n, ok in zip(given.shape, allowed, strict=True)
            ):
                raise InputError(
                    name,
                    f"have shape ({count},), ({states}, {count}) or {full} with length 1 on axes "
                    "already aggregated",
                    f"it had {np.shape(step.prior)}",
                )
            prior = probability_rows(name, given, axis=at)
        levels.append(Level(step.axis, step.beta, read_only(prior)))
        done.add(step.axis)
    return tuple(levels)
