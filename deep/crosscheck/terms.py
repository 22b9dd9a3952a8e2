"""What a critic's target is made of: a least-squares fit over named terms.

    y(s, a, b) = c_r R + c_1 E[x_1(s')] + …          the right one: R + γ E[V(s')]

At random, mutually independent tables the candidates of a system are linearly independent
functions of (s, a, b), so a fit that leaves no residual says what a target computes: a dropped
factor, a wrong sign, a swapped order of the players, a missing prior.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.systems import Wanted

Sets = Iterator[list[tuple[str, ...]]]

#: A fit is exact where its residual is this small beside the target.
EXACT = 1e-9
#: Where code computes in single precision, this small.
SINGLE = 1e-5
#: What rounding may leave of a target that is a multiple of the reward, beside it, is less.
ROUNDED = 1e-6
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


def fits(
    columns: Mapping[str, Tensor],
    target: Tensor,
    fixed: tuple[str, ...],
    sets: Iterable[list[tuple[str, ...]]],
    beside: str = "R",
) -> list[Fit]:
    """The exact fits of ``target`` by the fixed columns and those of the first set that has one.

    Where none is exact, the closest one alone. A fixed column of zeros is left out, and others of
    zeros are never tried. A residual is a share of what the column ``beside`` leaves of the target,
    so that large rewards hide nothing. A QR factorisation leaves as many rows as columns.
    """
    kept = {name for name, column in columns.items() if bool((column != 0).any())}
    fixed = tuple(name for name in fixed if name in kept)
    small = torch.linalg.qr(torch.stack([*columns.values(), target], 1), mode="r").R
    reduced = {name: small[:, k] for k, name in enumerate(columns)}
    size = torch.linalg.vector_norm(target)
    if beside in fixed:
        along = reduced[beside] / torch.linalg.vector_norm(reduced[beside])
        left = torch.linalg.vector_norm(small[:, -1] - (small[:, -1] @ along) * along)
        size = torch.maximum(left, ROUNDED * size)
    closest: Fit | None = None
    for chosen in sets:
        whole = [(*fixed, *c) for c in chosen if kept.issuperset(c)]
        exact = []
        for fit in _batch(reduced, whole, small[:, -1], size):
            if fit.residual < EXACT:
                exact.append(fit)
            if closest is None or fit.residual < closest.residual:
                closest = fit
        if exact:
            return exact
    return [] if closest is None else [closest]


def any_of(names: Iterable[str], fixed: tuple[str, ...], *counts: int) -> Sets:
    """Sets of so many of ``names`` beside the fixed ones, for :func:`fits`."""
    others = [name for name in names if name not in fixed]
    return ([*itertools.combinations(others, count)] for count in counts)


def _batch(
    columns: Mapping[str, Tensor], chosen: list[tuple[str, ...]], target: Tensor, size: Tensor
) -> list[Fit]:
    if not chosen or not chosen[0]:
        return []
    matrix = torch.stack([torch.stack([columns[n] for n in names], 1) for names in chosen])
    right = target.expand(len(chosen), -1).unsqueeze(2)
    found = torch.linalg.lstsq(matrix, right, driver="gelsd").solution
    left = torch.linalg.vector_norm((matrix @ found - right)[..., 0], dim=1) / size
    pairs = zip(chosen, found[..., 0].tolist(), left.tolist(), strict=True)
    return [Fit(names, tuple(c), residual) for names, c, residual in pairs]


def near(one: float, other: float, close: float = CLOSE) -> bool:
    """Whether two coefficients are one number."""
    return abs(one - other) <= close * max(1.0, abs(other))


def is_right(fit: Fit, wanted: Wanted, exact: float = EXACT, close: float = CLOSE) -> bool:
    """Whether a fit is the target that is wanted."""
    found = fit.by_name
    rest = [name for name in fit.terms if name not in wanted.fixed]
    return (
        fit.residual < exact
        and all(near(found.get(name, c), c, close) for name, c in wanted.fixed.items())
        and all(name in wanted.right for name in rest)
        and near(sum(found[name] for name in rest), wanted.value, close)
    )


def distance(fit: Fit, wanted: Wanted) -> float:
    """The largest error of a coefficient."""
    right = dict(wanted.fixed) | dict.fromkeys(wanted.right, wanted.value)
    found = fit.by_name
    main = any(name in wanted.right for name in found)
    missing = 0.0 if main else abs(wanted.value)
    return max([missing, *(abs(c - right.get(name, 0.0)) for name, c in found.items())])
