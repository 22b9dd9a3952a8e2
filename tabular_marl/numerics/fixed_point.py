"""The engine: the fixed point V* = TV* of a discounted backup, with a proved error bound.

    residual        d = TV − V
    Newton          V ← V + (I − γ P_w)⁻¹ d
    error           V* ∈ TV + γ/(1 − γ) [min d, max d], midpoint added         (numerics/span.py)

The bound is proved for the game as stored, its float64 numbers taken exactly (also rows that do not
quite sum to one; priors are used as p/Σp), and counts every rounding error of the sweep that it
rests on. What is assumed: IEEE double arithmetic rounding to nearest without flushing to zero,
exp and log within one unit in the last place, transition probabilities finite and ≥ 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.iterations import anderson, auto, newton, value_iteration
from tabular_marl.numerics.search import Operator, Point, Search
from tabular_marl.solution import NotConverged, Status
from tabular_marl.validation import finite_array, integer, one_of, positive, read_only

Array = NDArray[np.float64]
Method = Literal["auto", "newton", "value-iteration", "anderson"]

METHODS: dict[str, Callable[[Search, Point], None]] = {
    "auto": auto,
    "newton": newton,
    "value-iteration": value_iteration,
    "anderson": anderson,
}
#: Sweeps before a solve is given up.
MAX_SWEEPS = 100_000


@dataclass(frozen=True)
class FixedPoint:
    """V*[s] within ``error_bound`` (proved, sup norm), in reward units, and how it was found.

    ``iterations`` counts sweeps over the game. ``residual`` is max |TV − V| where the answer was
    read off; ``history`` holds the proved error bound after each look at the game; ``seconds`` is
    wall time.
    """

    value: Array
    status: Status
    iterations: int
    residual: float
    error_bound: float
    history: tuple[float, ...]
    seconds: float
    method: str


def fixed_point(
    backup: Operator,
    method: Method = "auto",
    tol: float = 1e-10,
    max_iterations: int | None = None,
    initial: ArrayLike | None = None,
    on_failure: Literal["raise", "return"] = "raise",
) -> FixedPoint:
    """Solve V = TV until the *proved* error is at most ``tol`` (reward units, sup norm).

    Where double precision does not reach ``tol`` the solve ends at the floating-point floor
    (``Status.FLOOR``), with the bound it could prove. ``max_iterations`` limits sweeps;
    ``initial`` [S] is a guess. Raises NotConverged (with the partial result) unless
    ``on_failure="return"``, and InputError.

    >>> from tabular_marl.numerics.backup import Backup
    >>> from tabular_marl.numerics.recipe import AGENT, Aggregation
    >>> T = Backup([[1.0, 3.0]], [[[1.0], [1.0]]], 0.5, (Aggregation(AGENT, float("inf")),))
    >>> answer = fixed_point(T)
    >>> answer.value.tolist(), answer.error_bound < 1e-14
    ([6.0], True)
    """
    started = time.perf_counter()
    run = METHODS[one_of("method", method, METHODS)]
    one_of("on_failure", on_failure, ("raise", "return"))
    tol = positive("tol", tol)
    limit = MAX_SWEEPS if max_iterations is None else integer("max_iterations", max_iterations)
    operator: Operator = backup.specialised() if isinstance(backup, Backup) else backup
    offset, rest = 0.0, np.zeros(backup.states)
    if initial is not None:
        given = finite_array("initial", initial, (backup.states,))
        offset = (float(given.max()) + float(given.min())) / 2
        rest = given - offset
    search = Search(operator, tol, limit, offset + rest)
    point = search.look(offset, rest, jacobian=run is newton)
    if search.status is None:
        run(search, point)
    status = search.status or Status.STALLED
    result = FixedPoint(
        value=read_only(search.value),
        status=status,
        iterations=search.sweeps,
        residual=search.residual,
        error_bound=search.bound,
        history=tuple(search.history),
        seconds=time.perf_counter() - started,
        method=method,
    )
    if status not in (Status.CONVERGED, Status.FLOOR) and on_failure == "raise":
        raise NotConverged(
            f"{status.value} Proved error bound {result.error_bound:.3g}, tolerance {tol:.3g}.",
            result,
        )
    return result
