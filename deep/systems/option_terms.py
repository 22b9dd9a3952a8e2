"""What may stand for U(s', z) in a target of soft options: right forms, and what goes wrong."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tabular_marl.deep.losses import options as losses
from tabular_marl.deep.systems.recipe import Step
from tabular_marl.deep.systems.suspects import WITH
from tabular_marl.deep.systems.tables import Tables
from tabular_marl.deep.systems.wrong import TWINS, variants
from tabular_marl.deep.systems.wrong_steps import wrongs

if TYPE_CHECKING:
    from tabular_marl.deep.systems.options import OptionBatch, OptionSystem

RIGHT = (
    "U(s', z) from the value table",
    "U(s', z) aggregated from q",
    "E[q(s') − log ratios/β]",
    "U(s', z) aggregated from min(q, twin)",
)
LABELS = {
    "E[q(s')] without log ratios": "the entropies are missing",
    "V(s', z), as if the option never ended": "the termination is missing",
    "V^H(s'), as if every option ended": "the option is dropped in every step",
    "E[V(s')] over the master, without its log ratio": "the master's entropy is missing",
    "max q(s')": "a hard maximum for the soft value",
    "max q(s', z) over a": "a hard maximum for the soft value",
    "(74) with 1/m outside the logarithm": "1/m outside the logarithm, as (74) is printed",
    "U(s', z) with −β for β": "the sign of β",
    "U(s', z) with 1/β for β": "the temperature for its inverse",
    "U(s', z) without the low level's prior": "the low level's prior is missing",
    "U(s', z) aggregated from the mean of q and twin": "the twins' mean for their minimum",
    "U(s', z) aggregated from max(q, twin)": "the twins' maximum for their minimum",
}
#: The free energies, innermost first, as they are called, and their tables.
LEVELS = {"low level": "agent", "master": "master", "termination": "termination"}


def composed(q: Tensor, steps: Sequence[Step]) -> Tensor:
    """U [S, Z] of three free energies, innermost first."""
    low, master, ends = steps
    value = low.of(q)
    return ends.of(losses.choices(value, master.of(value)))


def values_at(system: OptionSystem, tables: Tables) -> dict[str, Tensor]:
    """Candidates for U by name, [S, Z]."""
    q, beta = tables.q, system.beta
    value, chosen, _, arrival = system.values(q)
    policies = [tables.policy(name) for name in LEVELS.values()]
    costs = [
        torch.nan_to_num(getattr(tables, f"log_{name}") - prior) / beta
        for name, prior in zip(LEVELS.values(), system.log_priors, strict=True)
    ]
    low, master, ends = policies
    acted = (low * (q - costs[0])).sum(1)
    whole = (master * (acted - costs[1])).sum(1)
    plain = (low * q).sum(1)

    def landed(kept: Tensor, dropped: Tensor, charged: bool = True) -> Tensor:
        worth = losses.choices(kept, dropped) - (costs[2] if charged else 0.0)
        return (ends * worth).sum(2)

    def with_beta(beta: float) -> Tensor:
        return composed(q, [Step(s.axis, beta, s.log_prior) for s in system.steps])

    bare = Step(0, beta, torch.zeros_like(system.log_priors[0]))
    outside = (torch.logsumexp(beta * value, 1) / value.shape[1]) / beta
    found = {
        RIGHT[0]: tables.value,
        RIGHT[1]: arrival,
        RIGHT[2]: landed(acted, whole),
        RIGHT[3]: system.value(variants(q, tables.twin)[TWINS[0]]),
        "E[q(s')] without log ratios": landed(plain, (master * plain).sum(1), False),
        "V(s', z), as if the option never ended": value,
        "V^H(s'), as if every option ended": chosen.unsqueeze(1).expand_as(value),
        "E[V(s')] over the master, without its log ratio": landed(acted, (master * acted).sum(1)),
        "max q(s')": q.amax((1, 2)).unsqueeze(1).expand_as(value),
        "max q(s', z) over a": q.amax(1),
        "(74) with 1/m outside the logarithm": losses.arrival_value(
            losses.choices(value, outside), system.log_priors[2], beta
        ),
        "U(s', z) with −β for β": with_beta(-beta),
        "U(s', z) with 1/β for β": with_beta(1 / beta),
        "U(s', z) without the low level's prior": composed(q, (bare, *system.steps[1:])),
        "E[the low level's log ratio/β at s']": (low * costs[0]).sum(1),
        "1 at s'": torch.ones_like(value),
    }
    for kind, both in list(variants(q, tables.twin).items())[1:]:
        found[f"U(s', z) aggregated from {kind}"] = system.value(both)
    return found


def suspects(system: OptionSystem, tables: Tables, batch: OptionBatch) -> dict[str, Tensor]:
    """Rarer mistakes at (s', z), per sample [n]: one free energy wrong, or the value at s."""
    value, _, choices, arrival = system.values(tables.q)
    low, master, ends = (tables.policy(name) for name in LEVELS.values())
    _, over, last = system.steps
    acted = (low * tables.q).sum(1)
    swapped = Step(last.axis, last.beta, last.log_prior.flip(2))
    at = {
        "the low level's entropy missing": last.of(losses.choices(acted, over.of(acted))),
        "the master's entropy missing": last.of(losses.choices(value, (master * value).sum(1))),
        "the termination's entropy missing": (ends * choices).sum(2),
        "kept and dropped exchanged in the termination's prior": swapped.of(choices),
        "the mean over the options in force": arrival.mean(1, keepdim=True).expand_as(value),
    }
    for level, who in enumerate(LEVELS):
        for beta, prior, told in itertools.chain(*wrongs(system.steps[level], who)):
            steps = list(system.steps)
            steps[level] = Step(steps[level].axis, beta, prior)
            if told:
                at[told] = composed(tables.q, steps)
    alive = 1 - batch.terminated.to(tables.q.dtype)
    found = {WITH + n: alive * x[batch.next_state, batch.option] for n, x in at.items()}
    found[f"{WITH}the value at s for that at s'"] = arrival[batch.state, batch.option]
    return found
