"""What a critic's target is made of: a least-squares fit over named terms.

    y(s, a, b) = c_r R + c_1 E[x_1(s')] + …          the right one: R + γ E[V(s')]

At random, mutually independent tables the candidates of a system are linearly independent
functions of (s, a, b), so a fit that leaves no residual says what a target computes: a dropped
factor, a wrong sign, a swapped order of the players, a missing prior.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.systems import System, Tables

#: A fit is exact where its residual is this small beside the target.
EXACT = 1e-9
#: Coefficients are compared to this share.
CLOSE = 1e-6


@dataclass(frozen=True)
class Fit:
    """y = Σ coefficient · term, with the relative residual that it leaves."""

    terms: tuple[str, ...]
    coefficients: tuple[float, ...]
    residual: float

    def __str__(self) -> str:
        parts = zip(self.coefficients, self.terms, strict=True)
        return " + ".join(f"{c:.6g}·{name}" for c, name in parts)

    @property
    def by_name(self) -> dict[str, float]:
        """Coefficients by term."""
        return dict(zip(self.terms, self.coefficients, strict=True))


def expectation(batch: Any, terms: Tensor, shape: tuple[int, ...]) -> Tensor:
    """E[x | cell] of per-sample ``terms`` [n] over the cells of a table that the batch visits."""
    cell = torch.zeros_like(batch.state)
    for index, size in zip(batch.taken, shape, strict=True):
        cell = cell * size + index
    cells = int(torch.tensor(shape).prod())
    total = torch.zeros(cells, dtype=terms.dtype).index_add_(0, cell, batch.weight * terms)
    weight = torch.zeros_like(total).index_add_(0, cell, batch.weight)
    return (total / weight)[weight > 0]


def columns_of(system: System, tables: Tables, batch: Any) -> dict[str, Tensor]:
    """Every term's expectation in every cell: the fixed ones first, then those at s'."""
    shape = tuple(tables.q.shape)
    held = system.fixed(tables, batch) | system.values_after(tables, batch)
    return {name: expectation(batch, x, shape) for name, x in held.items()}


def fits(
    columns: Mapping[str, Tensor], target: Tensor, fixed: tuple[str, ...], most: int = 2
) -> list[Fit]:
    """The exact fits of ``target`` by the fixed columns and up to ``most`` others.

    Where none is exact, the closest one alone. A QR factorisation leaves as many rows as columns.
    """
    names = list(columns)
    whole = torch.stack([*columns.values(), target], 1)
    small = torch.linalg.qr(whole, mode="r").R
    size = torch.linalg.vector_norm(target)
    reduced = {name: small[:, k] for k, name in enumerate(names)}
    others = [name for name in names if name not in fixed and float(columns[name].abs().max()) > 0]
    closest: Fit | None = None
    for count in range(most + 1):
        chosen = [(*fixed, *c) for c in itertools.combinations(others, count)]
        exact = []
        for fit in _batch(reduced, chosen, small[:, -1], size):
            if fit.residual < EXACT:
                exact.append(fit)
            if closest is None or fit.residual < closest.residual:
                closest = fit
        if exact:
            return exact
    return [] if closest is None else [closest]


def _batch(
    columns: Mapping[str, Tensor], chosen: list[tuple[str, ...]], target: Tensor, size: Tensor
) -> list[Fit]:
    if not chosen:
        return []
    matrix = torch.stack([torch.stack([columns[n] for n in names], 1) for names in chosen])
    right = target.expand(len(chosen), -1).unsqueeze(2)
    found = torch.linalg.lstsq(matrix, right, driver="gelsd").solution
    left = torch.linalg.vector_norm((matrix @ found - right)[..., 0], dim=1) / size
    pairs = zip(chosen, found[..., 0].tolist(), left.tolist(), strict=True)
    return [Fit(names, tuple(c), residual) for names, c, residual in pairs]


def near(one: float, other: float) -> bool:
    """Whether two coefficients are one number."""
    return abs(one - other) <= CLOSE * max(1.0, abs(other))


def is_right(fit: Fit, system: System) -> bool:
    """Whether a fit is the system's own target."""
    wanted, found = system.wanted, fit.by_name
    rest = [name for name in fit.terms if name not in wanted.fixed]
    return (
        fit.residual < EXACT
        and all(near(found[name], c) for name, c in wanted.fixed.items())
        and len(rest) == 1
        and rest[0] in wanted.right
        and near(found[rest[0]], wanted.value)
    )


def distance(fit: Fit, system: System) -> float:
    """The largest error of a coefficient."""
    wanted = system.wanted
    right = dict(wanted.fixed) | dict.fromkeys(wanted.right, wanted.value)
    found = fit.by_name
    main = any(name in wanted.right for name in found)
    missing = 0.0 if main else abs(wanted.value)
    return max(missing, *(abs(c - right.get(name, 0.0)) for name, c in found.items()))
