"""What a critic's target may be made of, and which of it a stranger's target is.

    y(s, a, b) = c_r R + c_1 E[x_1(s')] + …          the right one: R + γ E[V(s')]

At random, mutually independent tables the candidates below are linearly independent functions of
(s, a, b), so a least-squares fit that leaves no residual says what a target computes: a dropped
factor, a wrong sign, a swapped order of the players, a missing prior.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from tabular_marl.deep.enumeration import Batch
from tabular_marl.deep.free_energy import free_energy
from tabular_marl.deep.systems import System, Tables
from tabular_marl.numerics.recipe import AGENT, OPPONENT

#: Forms of V(s') that a correct target may use: they agree at the solution.
RIGHT = ("V(s') from the value table", "V(s') aggregated from q", "E[q(s') − log ratios/β]")

#: A fit is exact where its residual is this small beside the target.
EXACT = 1e-9


@dataclass(frozen=True)
class Fit:
    """y = Σ coefficient · term, with the relative residual that it leaves."""

    terms: tuple[str, ...]
    coefficients: tuple[float, ...]
    residual: float

    def __str__(self) -> str:
        parts = zip(self.coefficients, self.terms, strict=True)
        return " + ".join(f"{c:.6g}·{name}" for c, name in parts)


def next_values(system: System, tables: Tables) -> dict[str, Tensor]:
    """Candidates for what stands where V(s') should, each [S]."""
    q, log_agent, log_opponent = tables.q, tables.log_agent, tables.log_opponent
    agent, opponent = system.of_player(AGENT), system.of_player(OPPONENT)
    joint = (log_agent + log_opponent).exp()
    agent_cost = torch.nan_to_num(log_agent - agent.log_prior) / agent.beta
    opponent_cost = torch.nan_to_num(log_opponent - opponent.log_prior) / opponent.beta

    def expected(x: Tensor) -> Tensor:
        return (joint * x).sum((1, 2))

    def aggregated(*order: int, flip: bool = False, flat: bool = False, sign: int = 1) -> Tensor:
        held = q
        for axis in order:
            step = system.of_player(axis)
            prior = step.log_prior
            if prior.shape[2 - axis] > 1 and axis == order[1]:
                prior = prior.mean(2 - axis, keepdim=True)
            if flat:
                prior = torch.zeros_like(prior)
            beta = 1 / step.beta if flip else sign * step.beta
            held = free_energy(held, prior, beta, axis + 1).unsqueeze(axis + 1)
        return held.flatten()

    inner, outer = system.answer.axis, system.first.axis
    return {
        RIGHT[0]: tables.value,
        RIGHT[1]: system.value(q),
        RIGHT[2]: expected(q - agent_cost - opponent_cost),
        "E[q(s')] without log ratios": expected(q),
        "E[agent's log ratio/β at s']": expected(agent_cost),
        "E[opponent's log ratio/β at s']": expected(opponent_cost),
        "E[log π at s']": expected(torch.nan_to_num(log_agent.expand_as(q))),
        "E[log ρ at s']": expected(torch.nan_to_num(log_opponent.expand_as(q))),
        "max q(s')": q.amax((1, 2)),
        "min q(s')": q.amin((1, 2)),
        "max over a of min over b of q(s')": q.amin(2).amax(1),
        "mean of q(s')": q.mean((1, 2)),
        "V(s') with the players' order exchanged": aggregated(outer, inner),
        "V(s') with 1/β for β": aggregated(inner, outer, flip=True),
        "V(s') with −β for β": aggregated(inner, outer, sign=-1),
        "V(s') without priors (sums for means)": aggregated(inner, outer, flat=True),
        "1 at s'": torch.ones_like(tables.value),
    }


def expectation(batch: Batch, terms: Tensor, shape: tuple[int, ...]) -> Tensor:
    """E[x | s, a, b] of per-sample ``terms`` [n], flattened to [S·A·B]."""
    state, agent, opponent = batch.taken
    row = (state * shape[1] + agent) * shape[2] + opponent
    size = shape[0] * shape[1] * shape[2]
    total = torch.zeros(size, dtype=terms.dtype).index_add_(0, row, batch.weight * terms)
    return total / torch.zeros_like(total).index_add_(0, row, batch.weight)


def fits(columns: dict[str, Tensor], target: Tensor, most: int = 2) -> list[Fit]:
    """The exact fits of ``target`` by "R" and up to ``most`` other columns, right forms first.

    Where none is exact, the closest one alone.
    """
    names = [name for name in columns if name != "R"]
    closest = None
    for count in range(1, most + 1):
        exact = []
        for chosen in itertools.combinations(names, count):
            fit = _fit(columns, ("R", *chosen), target)
            if fit.residual < EXACT:
                exact.append(fit)
            if closest is None or fit.residual < closest.residual:
                closest = fit
        if exact:
            return exact
    return [] if closest is None else [closest]


def _fit(columns: dict[str, Tensor], terms: tuple[str, ...], target: Tensor) -> Fit:
    matrix = torch.stack([columns[name] for name in terms], 1)
    found = torch.linalg.lstsq(matrix, target.unsqueeze(1), driver="gelsd").solution[:, 0]
    left = torch.linalg.vector_norm(matrix @ found - target) / torch.linalg.vector_norm(target)
    return Fit(terms, tuple(found.tolist()), float(left))
