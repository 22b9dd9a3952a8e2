"""Alternations: a sequence of exact solves, each one's policies the next one's data.

    (Solution_k, c_{k+1}) = step(c_k)         a fixed point solved to a proved error, c_k held fixed

Every inner problem is a recipe, so a contraction; the alternation is not, in general. It may settle
(c_{k+1} = c_k), enter a cycle (c_{k+p} = c_k), or do neither, and all three are results. Where a
theorem names the limit of the values, the distance to that limit is proved as well.

Used by fictitious play, level-k reasoning, the coupled perfect model and the EM algorithms.
Shapes: policies as in :class:`~tabular_marl.solution.Solution`. Units: reward, probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np

from tabular_marl.models.solve import Options
from tabular_marl.solution import Array, NotConverged, Solution, Status
from tabular_marl.validation import integer

#: Rounds before an alternation is given up, when none were asked for.
MAX_ROUNDS = 2000
#: Policies that differ by less are the same; a cycle's steps are at least AMPLITUDE times that.
#: Where a limit is known its distance decides, and else only rounds that repeat to rounding.
SAME, AMPLITUDE = 1e-9, 1e3
ROUNDING = 1e-15
MAX_PERIOD = 64


@dataclass(frozen=True)
class Carried:
    """What one round hands to the next: ``policies``, which tell rounds apart, and ``memory``."""

    policies: tuple[Array, ...]
    memory: tuple[Array, ...] = ()

    def distance(self, other: Carried) -> float:
        """The largest difference of two probabilities."""
        pairs = zip(self.policies, other.policies, strict=True)
        return max(float(np.max(np.abs(one - two))) for one, two in pairs)


#: One round: the policies held fixed and a first guess of the value -> the solve, what it leaves.
Step = Callable[[Carried, Array | None], tuple[Solution, Carried]]


@dataclass(frozen=True)
class Rounds(Solution):
    """The last round's Solution, and the path of rounds to it.

    ``path`` holds every round's Solution, each with its own proved error bound and ``certify``;
    ``changes[k]`` is the largest difference between the policies that rounds k and k + 1 hold
    fixed. ``period`` is 1 where the rounds settled, p > 1 in a cycle of p rounds, else None.
    ``limit`` is the Solution that a theorem names as the limit, or None. ``error_bound`` is about
    that limit where there is one, else about the last round, whose fixed policies are taken as
    stored; ``certify`` is about the last round.
    """

    path: tuple[Solution, ...] = field(default=(), repr=False)
    changes: tuple[float, ...] = field(default=(), repr=False)
    period: int | None = None
    limit: Solution | None = field(default=None, repr=False)

    @property
    def cycle(self) -> tuple[Solution, ...]:
        """The rounds of the cycle, or the one round that the path settled in; empty if neither."""
        return self.path[-self.period :] if self.period else ()

    @property
    def course(self) -> str:
        """Whether values "rise", "fall", stay "still" or do "neither", within the error bounds."""
        up, down = False, False
        for one, two in pairwise(self.path):
            step = two.value - one.value
            slack = (one.error_bound or math.inf) + (two.error_bound or math.inf)
            up, down = up or bool((step > slack).any()), down or bool((step < -slack).any())
        return {(True, True): "neither", (True, False): "rise", (False, True): "fall"}.get(
            (up, down), "still"
        )

    def details(self) -> dict[str, Any]:
        """The path in numbers."""
        return {
            "rounds": len(self.path),
            "period": self.period,
            "course": self.course,
            "changes": self.changes,
            "path_values": [solution.value for solution in self.path],
            "path_error_bounds": [solution.error_bound for solution in self.path],
            "cycle_agent_policies": [solution.agent_policy for solution in self.cycle],
            "cycle_opponent_policies": [solution.opponent_policy for solution in self.cycle],
            "limit_value": None if self.limit is None else self.limit.value,
            "bound_is_about": "the last round" if self.limit is None else "the limit",
        }


def play(
    step: Step,
    start: Carried,
    model: str,
    options: Options,
    rounds: int | None = None,
    limit: Solution | None = None,
    unit: str = "rounds",
) -> Rounds:
    """Play rounds from ``start`` until they settle, cycle, or reach ``limit``'s value.

    ``rounds`` (in messages ``unit``) plays exactly that many; without it an alternation that does
    none of the three in MAX_ROUNDS raises NotConverged with the path, unless ``options`` has
    on_failure="return". Raises InputError.
    """
    if rounds is not None:
        rounds = integer(unit, rounds)
    tol = options.get("tol", 1e-10)
    history, path, changes = [start], [], []  # type: list[Carried], list[Solution], list[float]
    period, bound = None, None  # type: int | None, float | None
    while len(path) < (rounds or MAX_ROUNDS):
        guess = path[-1].value if path else None
        solution, after = step(history[-1], guess)
        path.append(solution)
        history.append(after)
        changes.append(after.distance(history[-2]))
        period = _period(history, changes, SAME if limit is None else ROUNDING)
        bound = _distance(solution, limit)
        if rounds is None and (period or (bound is not None and bound <= tol)):
            break
    del history
    status = Status.ROUNDS
    if bound is not None and bound <= tol:
        status = Status.CONVERGED
    elif period:
        status = Status.SETTLED if period == 1 else Status.CYCLE
    last = path[-1]
    kept = {f.name: getattr(last, f.name) for f in fields(Solution)}
    kept |= {
        "status": status,
        "iterations": sum(solution.iterations for solution in path),
        "seconds": sum(solution.seconds for solution in path),
        "error_bound": last.error_bound if limit is None else bound,
        "model": model,
    }
    result = Rounds(**kept, path=tuple(path), changes=tuple(changes), period=period, limit=limit)
    if status is Status.ROUNDS and rounds is None and options.get("on_failure") != "return":
        known = "" if bound is None else f" The known limit is within {bound:.3g}."
        raise NotConverged(
            f"{status.value} The policies still changed by {changes[-1]:.3g} in round "
            f"{len(path)}.{known}",
            result,
        )
    return result


def _period(history: list[Carried], changes: list[float], same: float) -> int | None:
    """1 if the last round changed nothing, p if the last p rounds repeated the p before them."""
    if changes[-1] <= same:
        return 1
    for p in range(2, min(MAX_PERIOD, len(changes) // 2) + 1):
        if max(changes[-p:]) < AMPLITUDE * same or history[-1].distance(history[-1 - p]) > same:
            continue
        if all(history[-1 - j].distance(history[-1 - j - p]) <= same for j in range(1, p)):
            return p
    return None


def _distance(solution: Solution, limit: Solution | None) -> float | None:
    """A proved bound on |value of this round − limit|, None without one."""
    if limit is None or limit.error_bound is None or solution.error_bound is None:
        return None
    apart = float(np.max(np.abs(solution.value - limit.value)))
    return (apart + solution.error_bound + limit.error_bound) * (1 + 2.0**-50)
