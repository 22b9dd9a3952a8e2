"""Logit (quantal response) equilibria: stationary points of report (17)-(19), followed in λ.

    π_i(a|s) ∝ p_i(a|s) exp(λ w_i q_i(s,a)),      q_i(s,a_i) = E_{π_-i}[ r_i + γ E_{s'} V_i(s') ]

At λ = 0 every player keeps its prior: the only equilibrium. From there one branch leads on; it can
turn back at folds, so that a λ may be met several times, and cross other branches. λ → ∞ along it
ends at a Nash equilibrium of the game (McKelvey and Palfrey 1995). It is followed by arclength with
fold detection (kernels/logit_path.py), to a residual at the floor of double precision at each
requested λ. What is *not* guaranteed: that there are no other equilibria (two_by_two.py proves
counts), and that a branch which passes within a step's length of another is not left for it, other
than by the checks on the sign of det J. One case is unique: two players, one reward, w_1 > 0 > w_2.

Shapes: policies[i] [s, a_i], values [n, s]. Units: values in reward units, λ w_i in 1/reward.
Equations and the two readings of V: system.py.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.equilibria.system import Array, Evaluation, Game, LogitSystem, logit_system
from tabular_marl.numerics.kernels import logit_path as kernel
from tabular_marl.solution import NotConverged
from tabular_marl.validation import InputError, finite_array, one_of, read_only

if TYPE_CHECKING:
    from tabular_marl.equilibria.krawczyk import EquilibriumEnclosure


class BranchStatus(Enum):
    """How following a branch ended, as a sentence."""

    REACHED = (
        "Reached the last λ along the branch from λ = 0; other equilibria may exist at each λ."
    )
    BIFURCATED = (
        "Reached the last λ, straight on through one bifurcation or more: other branches cross "
        "there, and beyond it this one is not the only continuation from λ = 0."
    )
    STEP_LIMIT = "Stopped at the step limit before the last λ; nothing is known beyond."
    STALLED = (
        "Stopped where no step succeeds, at or near a bifurcation; nothing is known beyond. In "
        "symmetric games priors that differ a little lead around it."
    )
    RETURNED = "Came back to λ = 0: somewhere the branch was left for another; do not use it."


_ENDS = {
    kernel.DONE: BranchStatus.REACHED,
    kernel.TOO_MANY_STEPS: BranchStatus.STEP_LIMIT,
    kernel.STEP_TOO_SMALL: BranchStatus.STALLED,
    kernel.BACK_AT_ZERO: BranchStatus.RETURNED,
}


@dataclass(frozen=True)
class LogitEquilibrium:
    """One equilibrium: policies[i] [s, a_i], values [n, s] at ``inverse_temperature`` λ.

    ``residual``: the largest |π_i(a|s) − its logit answer| or |V's equation| (reward units).
    """

    policies: tuple[Array, ...]
    values: Array
    inverse_temperature: float
    residual: float
    _candidate: tuple[LogitSystem, Array, Array] = field(repr=False, compare=False)

    def certify(self, bits: int = 128) -> EquilibriumEnclosure:
        """Prove in balls that an equilibrium is there, the only one nearby (krawczyk.py).

        Raises CertificateError where that cannot be proved, as at a fold or a bifurcation.
        """
        from tabular_marl.equilibria.krawczyk import certify

        system, log_odds, values = self._candidate
        return certify(system, self.inverse_temperature, log_odds, values, bits)


@dataclass(frozen=True)
class Turn:
    """A located point of a branch where it folds or where others cross it: λ and the policies."""

    inverse_temperature: float
    policies: tuple[Array, ...]


@dataclass(frozen=True)
class LogitBranch:
    """A branch from λ = 0. ``equilibria`` are those at the requested λ's, in the branch's order.

    ``folds``: where dλ/ds changes sign; ``bifurcations``: where the sign of det J says that other
    branches cross (located roughly, as J is near singular there). ``path_lambda`` [k] and
    ``path_policies[i]`` [k, s, a_i] are the points passed.
    """

    equilibria: tuple[LogitEquilibrium, ...]
    folds: tuple[Turn, ...]
    bifurcations: tuple[Turn, ...]
    status: BranchStatus
    steps: int
    seconds: float
    system: LogitSystem
    _points: tuple[Array, Array, Array]

    @property
    def path_lambda(self) -> Array:
        """λ of every point passed, in the branch's order."""
        return self._points[0]

    @cached_property
    def path_policies(self) -> tuple[Array, ...]:
        """π_i [k, s, a_i] of every point passed."""
        lams, ys, vs = self._points
        return self.system.split(kernel.landed(self.system.arrays, ys, vs, lams)[0])

    @cached_property
    def path_values(self) -> Array:
        """V [k, n, s] of every point passed."""
        return self.system.values(self._points[2])

    def at(self, inverse_temperature: float) -> tuple[LogitEquilibrium, ...]:
        """The equilibria that the branch has at a requested λ, in its order."""
        return tuple(e for e in self.equilibria if e.inverse_temperature == inverse_temperature)


def logit_equilibria(
    game: Game,
    lambdas: float | Sequence[float],
    weights: Sequence[float] | None = None,
    priors: Sequence[ArrayLike | None] | None = None,
    evaluation: Evaluation | None = None,
    discount: float | None = None,
    longest_step: float = float("inf"),
    max_steps: int = 20_000,
    on_failure: Literal["raise", "return"] = "raise",
) -> LogitBranch:
    """The branch of logit equilibria from λ = 0, with its equilibria at every λ asked for.

    ``lambdas`` ≥ 0, one or several, in 1/reward. Player i's inverse temperature is λ w_i with
    ``weights`` w (default 1; negative: the player minimises). ``priors[i]`` [a] or [s, a] or None.
    ``evaluation``: "regularised" (the report's; default for one shared reward) or "expectation"
    (default otherwise), which differ where γ > 0. ``longest_step``, in log-odds, draws the path
    closer and follows sharper turns. Raises InputError, NotConverged (with the partial branch).
    Source: report (17)-(19); McKelvey and Palfrey (1995); Eibelshäuser and Poensgen (2019).

    >>> import tabular_marl as tm
    >>> branch = tm.logit_equilibria(tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]]), [1.0, 5.0])
    >>> [round(float(e.policies[0][0, 0]), 6) for e in branch.equilibria], len(branch.folds)
    ([0.804154, 0.999955], 0)
    """
    started = time.perf_counter()
    if type(lambdas) is float and 0 <= lambdas < np.inf:
        targets = np.array([lambdas])
    else:
        targets = finite_array("lambdas", lambdas).reshape(-1)
    if targets.size == 0 or targets.min() < 0:
        raise InputError("lambdas", "hold numbers >= 0, at least one", f"it was {lambdas!r}")
    one_of("on_failure", on_failure, ("raise", "return"))
    if not longest_step > 0:
        raise InputError("longest_step", "be a number > 0", f"it was {longest_step!r}")
    if targets.size > 1:
        targets = np.unique(targets)
    system = logit_system(game, weights, priors, evaluation, discount)
    reward, prior, counts = system.arrays[0], system.arrays[3], system.arrays[4]
    origin = np.zeros((prior.shape[0], prior.shape[1] - counts.shape[0]))
    count, marks, lams, ys, vs, _, steps, end = kernel.trace(
        system.arrays, origin, np.zeros(reward.shape[:2]), 0.0, 1.0, targets, system.unit,
        float(longest_step), int(max_steps), True,
    )  # fmt: skip
    branch = _branch(system, count, marks, lams, ys, vs, steps, end, started)
    if branch.status in (BranchStatus.REACHED, BranchStatus.BIFURCATED) or on_failure == "return":
        return branch
    raise NotConverged(f"logit branch at λ = {lams[count - 1]:.6g}: {branch.status.value}", branch)


def _branch(
    system: LogitSystem,
    count: int,
    marks: Array,
    lams: Array,
    ys: Array,
    vs: Array,
    steps: int,
    end: int,
    started: float,
) -> LogitBranch:
    """The kernel's arrays as a LogitBranch."""
    marks, lams, ys, vs = marks[:count], lams[:count], ys[:count], vs[:count]
    wanted = np.flatnonzero(marks != kernel.PASSED)
    policies, gaps = kernel.landed(system.arrays, ys[wanted], vs[wanted], lams[wanted])
    found = []
    turns: dict[int, list[Turn]] = {kernel.FOLD: [], kernel.BIFURCATION: []}
    for k, (at, mark) in enumerate(zip(wanted.tolist(), marks[wanted].tolist(), strict=True)):
        parts = system.split(read_only(policies[k]))
        if mark == kernel.TARGET:
            values = read_only(system.values(vs[at]))
            candidate = (system, ys[at], vs[at])
            gap = float(gaps[k].max())
            found.append(LogitEquilibrium(parts, values, float(lams[at]), gap, candidate))
        else:
            turns[mark].append(Turn(float(lams[at]), parts))
    status = _ENDS[end]
    if status is BranchStatus.REACHED and turns[kernel.BIFURCATION]:
        status = BranchStatus.BIFURCATED
    return LogitBranch(
        tuple(found),
        tuple(turns[kernel.FOLD]),
        tuple(turns[kernel.BIFURCATION]),
        status,
        int(steps),
        time.perf_counter() - started,
        system,
        (lams, ys, vs),
    )
