"""One free energy with what may be wrong in it: its temperature, its prior, an extremum or a mean.

k β, 1/β, β², −β, 1, 0, ±∞, another's β;  no prior, a uniform one, 1/p, p², e^p, p^β
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from tabular_marl.deep.systems.recipe import RecipeSystem, Step

PLAYERS = ("agent", "opponent")
#: β, log prior, and what is wrong with them.
Aggregated = tuple[float, Tensor, str]


def wrongs_of(system: RecipeSystem, player: int) -> tuple[list[Aggregated], list[Aggregated]]:
    """:func:`wrongs` of one player's free energy, and the other's β for its own."""
    step, other, who = system.of_player(player), system.of_player(1 - player), PLAYERS[player]
    betas, priors = wrongs(step, who)
    if step.given:
        told = f"a free energy over the {who}'s actions for an expectation (log of a mixture)"
        betas.append((other.beta, step.log_prior, told))
    elif other.beta != 0 and abs(other.beta - step.beta) > 1e-6:
        betas.append((other.beta, step.log_prior, f"the {PLAYERS[1 - player]}'s β for the {who}'s"))
    return betas, priors


def wrongs(step: Step, who: str) -> tuple[list[Aggregated], list[Aggregated]]:
    """One free energy with β wrong, or an extremum; and with the prior wrong. The right first."""
    betas, priors = [(step.beta, step.log_prior, "")], [(step.beta, step.log_prior, "")]
    if not step.given:
        betas += [(beta, step.log_prior, told) for beta, told in _betas(step, who)]
        priors += [(step.beta, prior, told) for prior, told in _priors(step, who)]
    return betas + _extrema(step, who), priors


def _betas(step: Step, who: str) -> list[tuple[float, str]]:
    beta = step.beta
    return [
        (1 / beta, f"the {who}'s temperature for its inverse"),
        (-beta, f"the sign of the {who}'s β"),
        (2 * beta, f"the {who}'s β multiplied by 2"),
        (beta / 2, f"the {who}'s β multiplied by 0.5"),
        (1.0, f"the {who}'s β missing"),
        (beta**2, f"the {who}'s β squared"),
        (0.0, f"an expectation under the {who}'s prior for its free energy"),
    ]


def _extrema(step: Step, who: str) -> list[Aggregated]:
    """What needs no prior: the maximum, the minimum and the mean."""
    flat = torch.where(step.log_prior > -math.inf, 0.0, -math.inf).to(step.log_prior.dtype)
    even = torch.log_softmax(flat, step.axis + 1)
    return [
        (math.inf, even, f"a hard maximum over the {who}'s choices"),
        (-math.inf, even, f"a hard minimum over the {who}'s choices"),
        (0.0, even, f"the mean over the {who}'s choices, as of a uniform policy or a replay"),
    ]


def _priors(step: Step, who: str) -> list[tuple[Tensor, str]]:
    held = step.log_prior
    possible = held > -math.inf
    count = held.shape[step.axis + 1]
    if bool(((held == 0) | ~possible).all()):  # an entropy has none
        return []

    def filled(x: Tensor | float) -> Tensor:
        return torch.where(possible, torch.as_tensor(x, dtype=held.dtype), -math.inf)

    return [
        (filled(0.0), f"the {who}'s prior missing (a sum for a mean)"),
        (
            filled(-math.log(count)),
            f"a uniform prior for the {who}'s own, or importance weights of uniform proposals "
            "missing",
        ),
        (filled(-held - 2 * math.log(count)), f"the {who}'s importance weights inverted"),
        (filled(-held), f"the sign of the {who}'s log prior"),
        (filled(2 * held), f"the {who}'s prior counted twice"),
        (filled(held.exp()), f"the {who}'s prior for its logarithm"),
        (filled(step.beta * held), f"the {who}'s log prior multiplied by β"),
    ]
