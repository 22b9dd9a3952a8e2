"""What a critic regresses on, found among a system's terms: R + γ v(s') or what went wrong in it.

    a target    y = Σ c_k fixed_k + Σ c_j x_j(s')
    a loss      ∂E[loss]/∂q(cell) = c w(cell) (q − y),  c > 0 and w the batch's weight of the cell

The search grows: one term at s', one suspect, a plain value with entropies, any two terms. Of exact
fits the right one counts; of wrong ones that with the fewest values, which has the plainest name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.crosscheck import mistakes
from tabular_marl.deep.crosscheck.terms import (
    EXACT,
    SINGLE,
    Fit,
    any_of,
    distance,
    expectation,
    fits,
    is_right,
)
from tabular_marl.deep.systems import System, Tables

OWN = "q"


@dataclass(frozen=True)
class Judged:
    """Whether it is right, what it is, the mistake's name, the residual, a coefficient's error."""

    right: bool
    shown: str
    mistake: str
    residual: float
    off: float
    sign: int = 1

    @property
    def known(self) -> bool:
        """Whether it is a combination of the system's terms at all."""
        return self.right or self.residual < SINGLE


def judge(
    system: System,
    batch: Any,
    drawn: list[Tables],
    wholes: list[Tensor],
    own: str = "",
) -> Judged | None:
    """What ``wholes``, one a draw and a number for every cell visited, are; None where all are 0.

    ``own``: the critic's table where they are gradients over the cells' weights. What is right to
    single precision is right: code that casts, or has a constant of float32, is not wrong.
    """
    target = torch.cat(wholes)
    if not bool((target != 0).any()):
        return None
    shape = tuple(drawn[0].q.shape)
    fixed = tuple(system.wanted.fixed) + ((OWN,) if own else ())

    def columns(kind: str) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {}
        for tables in drawn:
            held = system.fixed(tables, batch) | getattr(system, kind)(tables, batch)
            if own:
                held[OWN] = tables.parameters()[own][batch.taken]
            for name, x in held.items():
                found.setdefault(name, []).append(expectation(batch, x, shape))
        return {name: torch.cat(parts) for name, parts in found.items()}

    usual = columns("values_after")
    found = [_of_target(fit) for fit in fits(usual, target, fixed, any_of(usual, fixed, 0, 1))]
    right = [fit for fit in found if is_right(fit[0], system)]
    if right:
        said, sign = right[0]
        return Judged(sign > 0, str(said), "", said.residual, 0.0, sign)
    if found[0][0].residual >= EXACT:
        rough = _rough(usual, target, fixed, system)
        if rough is not None:
            return Judged(True, f"{rough} to single precision", "", rough.residual, 0.0)
    if found[0][0].residual >= SINGLE:
        entropic = mistakes.with_entropies(system)
        rare = columns("suspects")
        after = [name for name in usual if name not in (*fixed, mistakes.BONUS)]
        offset: list[tuple[str, ...]] = [(name, mistakes.BONUS) for name in after]
        for more, sets in (
            (usual, iter([offset])),
            (rare, any_of(rare, fixed, 1)),
            (usual, iter(entropic)),
            (usual, any_of(usual, fixed, 2)),
        ):
            tried = [_of_target(fit) for fit in fits(more, target, fixed, sets)] if more else []
            if tried and tried[0][0].residual < found[0][0].residual:
                found = tried
            if found[0][0].residual < EXACT:
                break
    said, sign = found[0]
    if said.residual >= SINGLE:
        return Judged(False, str(said), "", said.residual, said.residual)
    said, mistake = mistakes.plainest([fit for fit, _ in found], system)
    sign = next(s for fit, s in found if fit is said)
    return Judged(False, str(said), mistake, said.residual, distance(said, system), sign)


def _of_target(fit: Fit) -> tuple[Fit, int]:
    """The target in c (q − y), and the sign of c; a fit of a target as it is."""
    found = fit.by_name
    if OWN not in found:
        return fit, 1
    scale = found.pop(OWN)
    if abs(scale) < 1e-12 * max(abs(c) for c in (*found.values(), 1e-300)):
        return Fit(fit.terms, fit.coefficients, max(fit.residual, 1.0)), 1
    held = tuple(-c / scale for c in found.values())
    return Fit(tuple(found), held, fit.residual), 1 if scale > 0 else -1


def _rough(
    columns: dict[str, Tensor], target: Tensor, fixed: tuple[str, ...], system: System
) -> Fit | None:
    """The right target where only rounding to single precision is between."""
    kept = {name: columns[name] for name in (*fixed, *system.wanted.right) if name in columns}
    for fit in fits(kept, target, fixed, any_of(kept, fixed, 1)):
        said, sign = _of_target(fit)
        if sign > 0 and is_right(said, system, SINGLE, 100 * SINGLE):
            return said
    return None


def differentiated(
    system: System, batch: Any, drawn: list[Tables], pulls: list[Tensor], own: str
) -> bool:
    """Whether ``own``'s gradients are those of a right target's squared error, target and all."""
    forms = [name for name in system.wanted.right if name in system.values_after(drawn[0], batch)]
    for form in forms:
        slopes = []
        for tables in drawn:
            held = tables.trainable()
            terms = system.fixed(held, batch) | {form: system.values_after(held, batch)[form]}
            wanted = dict(system.wanted.fixed) | {form: system.wanted.value}
            off = held.parameters()[own][batch.taken] - sum(wanted[n] * terms[n] for n in wanted)
            (slope,) = torch.autograd.grad((batch.weight * off**2).sum(), held.parameters()[own])
            slopes.append(slope.nan_to_num().flatten())
        one, other = torch.cat(slopes), torch.cat([pull.flatten() for pull in pulls])
        if float(torch.cosine_similarity(one, other, 0)) > 1 - EXACT:
            return True
    return False
