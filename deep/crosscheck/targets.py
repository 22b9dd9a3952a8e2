"""What a critic regresses on, found among a system's terms: R + γ v(s') or what went wrong in it.

    a target    y = Σ c_k fixed_k + Σ c_j x_j(s')
    a loss      ∂E[loss]/∂q(cell) = c w(cell) (q − y),  c > 0 and w the batch's weight of the cell

The search grows: one term at s', a right one with a constant, one suspect, a plain value with
entropies, one term with something beside it, any two terms. Of exact fits the right one counts; of
wrong ones that with the fewest values, which has the plainest name.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.crosscheck import mistakes
from tabular_marl.deep.crosscheck.findings import Finding
from tabular_marl.deep.crosscheck.terms import (
    CLOSE,
    EXACT,
    SINGLE,
    Fit,
    Sets,
    any_of,
    distance,
    expectation,
    fits,
    is_right,
)
from tabular_marl.deep.systems import System, Tables, Wanted

OWN = "q"
TABLE = "value table"
#: The largest share of a target without its reward that rounding may blur.
ROUGH = 0.01
THROUGH_Q, THROUGH_Y = "½ (q − y)² through q", "½ (q − y)² through y"


@dataclass(frozen=True)
class Judged:
    """Whether it is right, what is wanted, what it is, the mistake's name, the residual, an error.

    ``off`` is a coefficient's error, ``sign`` −1 where the distance from it is made larger.
    """

    right: bool
    wanted: Wanted
    shown: str
    mistake: str = ""
    residual: float = 0.0
    off: float = 0.0
    sign: int = 1

    @property
    def known(self) -> bool:
        """Whether it is a combination of the system's terms at all."""
        return self.right or self.residual < SINGLE

    def finding(self, check: str, table: str = "") -> Finding:
        """As a check's finding; ``table`` is what is moved there, where no target was asked for."""
        off, mistake = self.off, self.mistake
        if self.right:
            off, told = self.residual, f"is {self.shown}, as it must be"
        elif not self.known:
            told = (
                f"is no combination of known terms (closest: {self.shown}, which leaves a relative "
                f"residual of {self.residual:.2g}); it must be {self.wanted}"
            )
        else:
            told = f"is {self.shown}; it must be {self.wanted}"
            if self.sign < 0:
                larger = "the error is made larger, not smaller"
                off, mistake = 1.0, f"{larger}; {mistake}" if mistake else larger
            told += f": {mistake}" if mistake else ""
        told = f"what {table} is moved to {told}" if table else told
        if table == "value":
            told, mistake = (re.sub(r"\bs'", "s", x) for x in (told, mistake))
        allowed = max(EXACT, off) if self.right else EXACT
        return Finding(check, self.right, off, allowed, told, mistake=mistake)


def judge(
    system: System,
    batch: Any,
    drawn: list[Tables],
    wholes: list[Tensor],
    own: str = "",
    wanted: Wanted | None = None,
) -> Judged | None:
    """What ``wholes``, one a draw and a number for every cell visited, are; None where all are 0.

    ``own``: the critic's table where they are gradients over the cells' weights; ``wanted``, if not
    the system's own. What is right to single precision is right: code that casts, or has a constant
    of float32, is not wrong.
    """
    wanted = wanted or system.wanted
    target = torch.cat(wholes)
    if not bool((target != 0).any()):
        return None
    shape = tuple(drawn[0].q.shape)
    fixed = tuple(wanted.fixed) + ((OWN,) if own else ())

    def columns(kind: str) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {}
        for tables in drawn:
            held = {n: x for n, x in system.fixed(tables, batch).items() if n in wanted.fixed}
            held |= getattr(system, kind)(tables, batch)
            if own:
                held[OWN] = _at(tables.parameters()[own], batch)
            for name, x in held.items():
                if own == "value" and TABLE in name:  # that is itself
                    continue
                found.setdefault(name, []).append(expectation(batch, x, shape))
        return {name: torch.cat(parts) for name, parts in found.items()}

    usual = columns("values_after")
    found = [_of_target(fit) for fit in fits(usual, target, fixed, any_of(usual, fixed, 0, 1))]
    right = [fit for fit in found if is_right(fit[0], wanted)]
    if right:
        said, sign = right[0]
        return Judged(sign > 0, wanted, str(said), "", said.residual, 0.0, sign)
    if found[0][0].residual >= EXACT:
        rough = _rough(usual, target, fixed, wanted)
        if rough is not None:
            return Judged(True, wanted, f"{rough} to single precision", "", rough.residual)
    if found[0][0].residual >= SINGLE:
        entropic = mistakes.with_entropies(system)
        rare, here = columns("suspects"), columns("extras")
        after = [name for name in usual if name not in (*fixed, mistakes.BONUS)]
        added = [name for name in here if not (own and name == "q(s, a, b)")]
        for more, sets in (
            (usual, _pairs(wanted.right, [mistakes.BONUS])),
            (rare, any_of(rare, fixed, 1)),
            (usual, iter(entropic)),
            (usual | here, _pairs(after, [mistakes.BONUS, *added])),
            (usual, any_of(usual, fixed, 2)),
        ):
            tried = [_of_target(fit) for fit in fits(more, target, fixed, sets)] if more else []
            if tried and tried[0][0].residual < found[0][0].residual:
                found = tried
            if found[0][0].residual < EXACT:
                break
    said, sign = found[0]
    if said.residual >= SINGLE:
        return Judged(False, wanted, str(said), "", said.residual, said.residual)
    for said, sign in found:
        if is_right(said, wanted):  # a mixture of right forms
            return Judged(sign > 0, wanted, str(said), "", said.residual, 0.0, sign)
    said, mistake = mistakes.plainest([fit for fit, _ in found], system, wanted)
    sign = next(s for fit, s in found if fit is said)
    return Judged(False, wanted, str(said), mistake, said.residual, distance(said, wanted), sign)


def _of_target(fit: Fit) -> tuple[Fit, int]:
    """The target in c (q − y), and the sign of c; a fit of a target as it is."""
    found = fit.by_name
    if OWN not in found:
        return fit, 1
    scale = found.pop(OWN)
    if abs(scale) < CLOSE * max(abs(c) for c in (*found.values(), 1e-300)):
        return Fit(fit.terms, fit.coefficients, max(fit.residual, 1.0)), 1
    held = tuple(-c / scale for c in found.values())
    return Fit(tuple(found), held, fit.residual), 1 if scale > 0 else -1


def _at(table: Tensor, batch: Any) -> Tensor:
    """A critic's or a value table's entry at each sample."""
    state, action, other = batch.taken
    index = {1: (state,), 2: (state, other), 3: (state, action, other)}[table.ndim]
    return table[index]


def judge_value(
    system: System, batch: Any, drawn: list[Tables], pulls: list[Tensor]
) -> Judged | None:
    """What the value table is moved to, from its gradients: the V(s) of a target at s."""
    right = tuple(name for name in system.wanted.right if TABLE not in name)
    wanted = Wanted({}, 1.0, right, system.wanted.labels)
    shape = drawn[0].value.shape
    cell = _at(torch.arange(drawn[0].value.numel()).view(shape), batch)
    weight = torch.zeros(shape.numel(), dtype=batch.weight.dtype)
    weight = weight.index_add_(0, cell, batch.weight)
    first = torch.full((shape.numel(),), -1)
    first[cell] = torch.arange(len(cell))  # any one sample of each
    first = first[first >= 0]
    kept = {name: x[first] for name, x in vars(batch).items()}
    held = {"next_state": kept["state"], "terminated": torch.zeros_like(kept["terminated"])}
    here = type(batch)(**kept | held | {"weight": torch.ones_like(kept["weight"])})
    wholes = [
        expectation(here, (x.flatten() / weight)[cell[first]], drawn[0].q.shape) for x in pulls
    ]
    return judge(system, here, drawn, wholes, "value", wanted)


def _pairs(some: Iterable[str], others: Iterable[str]) -> Sets:
    """One of each."""
    return iter([[*itertools.product(some, others)]])


def at_one_q(
    system: System, batch: Any, target: Callable[[Tables], Tensor], seeds: Iterable[int]
) -> Judged | None:
    """A target of unknown form judged where value, policies and twin are those of a random q.

    There every right form is one number, R + γ V(s'), and so it is at the solution. An average
    reward's gain may be read off q, as in relative value iteration: y = R − f(q) + V(s') with
    f(q + c) = f(q) + u c, u > 0, has f(q) = g at its fixed point. None where it is neither.
    """
    wanted = system.wanted

    def off(tables: Tables) -> tuple[Tensor, float]:
        """y − R − γ V(s'), a number a cell, and what rounding to single precision may add."""
        value = wanted.value * system.values_after(tables, batch)[wanted.right[0]]
        reward = system.fixed(tables, batch)["R"]
        left = expectation(batch, target(tables) - reward - value, tuple(tables.q.shape))
        return left, SINGLE * (1 + float(value.abs().max())) + EXACT * float(reward.abs().max())

    moves: list[float | None] = []
    for seed in seeds:
        tables = system.consistent(seed)
        left, size = off(tables)
        gain = float(tables.gain) if "gain" in wanted.fixed else 0.0
        if float((left + gain).abs().max()) <= size:
            moves.append(None)
        elif "gain" in wanted.fixed and float((left - left.mean()).abs().max()) <= size:
            moves.append(float((left - off(tables.raised(1.0))[0]).mean()))
        else:
            return None
    moved = [move for move in moves if move is not None]
    least = min(moved, default=1.0)
    if least < SINGLE:
        told = f"moves by {round(least, 9) + 0.0:g} where q moves by 1, and must rise with it"
        mistake = f"what stands for the gain {told}"
        return Judged(False, wanted, "R - f(q) + V(s')", mistake, 0.0, abs(least - 1))
    shown = f"{wanted} where value, policies and twin are those of q, in a form of its own"
    if moved:
        shown = "R - f(q) + V(s'), the gain read off q, which rises with it"
    return Judged(True, wanted, shown)


def _rough(
    columns: dict[str, Tensor], target: Tensor, fixed: tuple[str, ...], wanted: Wanted
) -> Fit | None:
    """The right target where only rounding to single precision is between.

    Rounding is a share of the whole target, which large rewards are; of the rest it must be small.
    """
    kept = {name: columns[name] for name in (*fixed, *wanted.right) if name in columns}
    if fits(kept, target, fixed, any_of(kept, fixed, 1))[0].residual > ROUGH:
        return None
    for fit in fits(kept, target, fixed, any_of(kept, fixed, 1), beside=""):
        said, sign = _of_target(fit)
        if sign > 0 and is_right(said, wanted, SINGLE, 100 * SINGLE):
            return said
    return None


def not_held(system: System, batch: Any, drawn: list[Tables], pulls: list[Tensor], own: str) -> str:
    """Which stop-gradient is missing in a right critic's loss on ``own``; "" if it is no such loss.

    ∂E[loss]/∂own is a combination of the gradients of ½ (q − y)² through q and through y, or of the
    first and those of the policies' losses through their worths x.
    """
    whole = torch.cat([pull.flatten() for pull in pulls])
    pairs: list[tuple[tuple[str, ...], Sets]]
    for form in system.wanted.right:
        slopes: dict[str, list[Tensor]] = {}
        for tables in drawn:
            for name, slope in _slopes(system, batch, tables, form, own).items():
                slopes.setdefault(name, []).append(slope.nan_to_num().flatten())
        columns = {name: torch.cat(parts) for name, parts in slopes.items()}
        leaks = [name for name in columns if name not in (THROUGH_Q, THROUGH_Y)]
        pairs = [
            ((THROUGH_Q, THROUGH_Y), iter([[()]])),
            ((THROUGH_Q,), any_of(leaks, (), 1, 2)),
        ]
        for fixed, sets in pairs:
            tried = fits(columns, whole, fixed, sets)
            if not tried or tried[0].residual >= EXACT:
                continue
            found = tried[0].by_name
            held = abs(found[THROUGH_Q]) < EXACT * max(map(abs, found.values()))
            if held and THROUGH_Y in found:
                return f"{own} is held, and the target is differentiated"
            if not held:
                told = "target" if THROUGH_Y in found else "worth in a policy's loss"
                return f"the {told} is differentiated: a stop-gradient is missing"
    return ""


def _slopes(system: System, batch: Any, tables: Tables, form: str, own: str) -> dict[str, Tensor]:
    """What can move ``own``, by name."""
    held = tables.trainable()
    table = held.parameters()[own]
    terms = system.fixed(held, batch)
    after = system.values_after(held, batch)
    if form not in after:
        return {}
    y = (
        sum(c * terms[n] for n, c in system.wanted.fixed.items())
        + system.wanted.value * after[form]
    )
    q = table[batch.taken]
    losses = {
        THROUGH_Q: 0.5 * (batch.weight * (q - y.detach()) ** 2).sum(),
        THROUGH_Y: 0.5 * (batch.weight * (q.detach() - y) ** 2).sum(),
    }
    for actor in system.actors(held, batch):
        policy = held.policy(actor.name).detach()
        if policy.shape[actor.axis] == 1:
            continue
        for name in actor.right:
            for rows, weight in actor.rows.items():
                losses[f"{actor.name}, {name}, {rows}"] = (
                    weight * policy * actor.worths[name]
                ).sum()
    found = {}
    for name, loss in losses.items():
        if loss.requires_grad:
            slope = torch.autograd.grad(loss, table, retain_graph=True, allow_unused=True)[0]
            if slope is not None:
                found[name] = slope
    return found
