"""What may stand for V(s') in a target of two free energies: right forms, and what goes wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tabular_marl.deep.free_energy import free_energy
from tabular_marl.deep.systems.tables import Tables
from tabular_marl.deep.systems.wrong import TWINS, variants
from tabular_marl.numerics.recipe import AGENT, OPPONENT

if TYPE_CHECKING:
    from tabular_marl.deep.systems.recipe import RecipeSystem, Step

#: Forms of V(s') that a correct target may use: they agree at the solution.
RIGHT = (
    "V(s') from the value table",
    "V(s') aggregated from q",
    "E[q(s') − log ratios/β]",
    "V(s') aggregated from min(q, twin)",
    "E[min(q, twin)(s') − log ratios/β]",
    "E[F[q](s') − log ratio/β]",
    "E[F[min(q, twin)](s') − log ratio/β]",
)

#: EM evaluates its policies without charging their divergences.                   report (91), (92)
EXPECTED = (
    "V(s') from the value table",
    "V(s') aggregated from q",
    "E[q(s')] without log ratios",
    "V(s') aggregated from min(q, twin)",
    "E[min(q, twin)(s')] without log ratios",
)


def values_at(system: RecipeSystem, tables: Tables) -> dict[str, Tensor]:
    """Candidates for V in every state, [S], by name."""
    q, log_agent, log_opponent = tables.q, tables.log_agent, tables.log_opponent
    agent, opponent = system.of_player(AGENT), system.of_player(OPPONENT)
    both = (log_agent + log_opponent).exp()
    agent_cost = cost(log_agent, agent)
    opponent_cost = cost(log_opponent, opponent)

    def expected(x: Tensor) -> Tensor:
        return (both * x).sum((1, 2))

    order = (system.answer.axis, system.first.axis)
    known = aggregated(system, q, order, priors=(log_agent, log_opponent))
    found = {
        "V(s') from the value table": tables.value,
        "V(s') aggregated from q": system.value(q),
        "E[q(s') − log ratios/β]": expected(q - agent_cost - opponent_cost),
        "E[q(s')] without log ratios": expected(q),
        "E[agent's log ratio/β at s']": expected(agent_cost),
        "E[opponent's log ratio/β at s']": expected(opponent_cost),
        "E[log π at s']": expected(finite(log_agent).expand_as(q)),
        "E[log ρ at s']": expected(finite(log_opponent).expand_as(q)),
        "max q(s')": q.amax((1, 2)),
        "min q(s')": q.amin((1, 2)),
        "max over a of min over b of q(s')": q.amin(2).amax(1),
        "max over a of E_b q(s')": (log_opponent.exp() * q).sum(2).amax(1),
        "mean of q(s')": q.mean((1, 2)),
        "V(s') with the players' order exchanged": aggregated(system, q, order[::-1]),
        "V(s') with 1/β for β": aggregated(system, q, order, flip=True),
        "V(s') with −β for β": aggregated(system, q, order, sign=-1),
        "V(s') without priors (sums for means)": aggregated(system, q, order, flat="ones"),
        "V(s') with uniform priors": aggregated(system, q, order, flat="uniform"),
        "V(s') with the policies for the priors": known,
        "1 at s'": torch.ones_like(tables.value),
    }
    twins = variants(q, tables.twin)
    if not system.first.given and not system.answer.given and min(q.shape[1:]) > 1:
        for kind in ("q", TWINS[0]):
            found[f"E[F[{kind}](s') − log ratio/β]"] = led(system, tables, twins.get(kind, q))
    for kind, both_q in twins.items():
        found |= {
            f"V(s') aggregated from {kind}": system.value(both_q),
            f"E[{kind}(s') − log ratios/β]": expected(both_q - agent_cost - opponent_cost),
            f"E[{kind}(s')] without log ratios": expected(both_q),
        }
    return found


def led(system: RecipeSystem, tables: Tables, q: Tensor, charged: bool = True) -> Tensor:
    """E of the first mover's policy, as its table says, on the free energy of who answers; [S]."""
    player = "agent" if system.agent_first else "opponent"
    charge = cost(getattr(tables, f"log_{player}"), system.first) if charged else 0.0
    return (tables.policy(player) * (system.partial_q(q) - charge)).sum((1, 2))


def aggregated(
    system: RecipeSystem,
    q: Tensor,
    order: tuple[int, int],
    flip: bool = False,
    sign: int = 1,
    flat: str = "",
    priors: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """F over ``order``, innermost first; the rest is what may be wrong with it."""
    held = q
    for axis in order:
        step = system.of_player(axis)
        prior = step.log_prior if priors is None else priors[axis]
        if axis == order[1] and prior.shape[2 - axis] > 1:
            prior = prior.mean(2 - axis, keepdim=True)
        if flat and not step.given and bool((prior != 0).any()):  # an entropy has no prior
            uniform = -math.log(q.shape[axis + 1]) if flat == "uniform" else 0.0
            prior = torch.full_like(prior, uniform)
        beta = 1 / step.beta if flip and step.beta else sign * step.beta
        held = free_energy(held, prior, beta, axis + 1).unsqueeze(axis + 1)
    return held.flatten()


def finite(x: Tensor) -> Tensor:
    """``x`` with 0 where it is infinite, as the log of no probability is."""
    return torch.where(torch.isfinite(x), x, 0.0)


def cost(log_policy: Tensor, step: Step) -> Tensor:
    """(log π − log p)/β where π is, [.., A, B]; nothing for a given policy."""
    if step.given:
        return torch.zeros_like(log_policy)
    return torch.where(log_policy > -math.inf, log_policy - step.log_prior, 0.0) / step.beta
