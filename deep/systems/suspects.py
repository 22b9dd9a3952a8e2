"""What may stand for V(s') in a wrong target, looked for where none of the usual terms is it.

    V(s') with k β, 1/β, −β, the other's β, β = 0 for one player's β or both players'
    V(s') without one player's prior, with a uniform one, with 1/p for p
    V at s and not at s', hard extrema one player at a time, the twins combined in other ways

Every name but for its "V(s') with " is the mistake in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tabular_marl.deep.free_energy import free_energy
from tabular_marl.deep.systems.enumeration import Batch
from tabular_marl.deep.systems.tables import Tables
from tabular_marl.numerics.recipe import AGENT, OPPONENT

if TYPE_CHECKING:
    from tabular_marl.deep.systems.recipe import RecipeSystem, Step

#: What begins the name of a term whose rest is the mistake.
WITH = "V(s') with "
PLAYERS = ("agent", "opponent")


def suspects(system: RecipeSystem, tables: Tables, batch: Batch) -> dict[str, Tensor]:
    """Terms by name, per sample [n]."""
    q, twin, after = tables.q, tables.twin, batch.next_state
    ends = batch.terminated.to(q.dtype)
    value = system.value(q)
    at = dict(_values(system, q))
    at[f"{WITH}the mean of the twins' values for that of their minimum"] = (
        value + system.value(twin)
    ) / 2
    at[f"{WITH}the twins' sum for their minimum"] = system.value(q + twin)
    at[f"{WITH}a hard maximum over a of the mean over b"] = q.mean(2).amax(1)
    found = {name: (1 - ends) * x[after] for name, x in at.items()}
    found[f"{WITH}a hard maximum over a at the replayed opponent's action"] = (1 - ends) * q.amax(
        1
    )[after, batch.opponent_action]
    for form, x in (("", value), (", from the value table", tables.value)):
        found[f"{WITH}the value at s for that at s'{form}"] = x[batch.state]
        if bool(ends.any()):
            found[f"{WITH}the mask where s' ends the episode inverted{form}"] = ends * x[after]
    return found


def _values(system: RecipeSystem, q: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Values with wrong temperatures or wrong priors, in every state."""
    steps = [system.of_player(axis) for axis in (AGENT, OPPONENT)]
    if not system.charged:
        priors = [step.log_prior for step in steps]
        held = _nested(system, q, [step.beta for step in steps], priors)
        yield f"{WITH}the divergences charged, which EM evaluates without", held
    for betas in product(*(_betas(k, steps) for k in (0, 1))):
        said = [told for _, told in betas if told]
        if said:
            held = _nested(system, q, [b for b, _ in betas], [s.log_prior for s in steps])
            yield WITH + " and ".join(said), held
    for priors_told in product(*(_priors(k, steps[k]) for k in (0, 1))):
        said = [told for _, told in priors_told if told]
        if said:
            held = _nested(system, q, [s.beta for s in steps], [p for p, _ in priors_told])
            yield WITH + " and ".join(said), held


def _betas(player: int, steps: list[Step]) -> list[tuple[float, str]]:
    """The right β first; then wrong ones and what they are called."""
    beta, other, who = steps[player].beta, steps[1 - player].beta, PLAYERS[player]
    if steps[player].given:
        told = f"a free energy over the {who}'s actions for an expectation (log of a mixture)"
        return [(beta, ""), (other, told)]
    found = [
        (beta, ""),
        (1 / beta, f"the {who}'s temperature for its inverse"),
        (-beta, f"the sign of the {who}'s β"),
        (2 * beta, f"the {who}'s β multiplied by 2"),
        (beta / 2, f"the {who}'s β multiplied by 0.5"),
        (0.0, f"an expectation under the {who}'s prior for its free energy"),
    ]
    if other != 0 and abs(other - beta) > 1e-6:
        found.append((other, f"the {PLAYERS[1 - player]}'s β for the {who}'s"))
    return found


def _priors(player: int, step: Step) -> list[tuple[Tensor, str]]:
    """The right prior first; then wrong ones and what they are called."""
    held, who = step.log_prior, PLAYERS[player]
    if step.given:
        return [(held, "")]
    possible = held > -math.inf
    count = held.shape[step.axis + 1]
    if bool(((held == 0) | ~possible).all()):  # an entropy has none
        return [(held, "")]

    def filled(x: Tensor | float) -> Tensor:
        return torch.where(possible, torch.as_tensor(x, dtype=held.dtype), -math.inf)

    return [
        (held, ""),
        (filled(0.0), f"the {who}'s prior missing (a sum for a mean)"),
        (
            filled(-math.log(count)),
            f"a uniform prior for the {who}'s own, or importance weights of uniform proposals "
            "missing",
        ),
        (filled(-held - 2 * math.log(count)), f"the {who}'s importance weights inverted"),
    ]


def _nested(system: RecipeSystem, q: Tensor, betas: list[float], priors: list[Tensor]) -> Tensor:
    held = q
    for step in system.steps:
        axis = step.axis
        held = free_energy(held, priors[axis], betas[axis], axis + 1).unsqueeze(axis + 1)
    return held.flatten()
