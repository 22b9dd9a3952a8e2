"""The discounted objective on the same joint process: what a shortsighted agent i would do.

    V(x) = F_β[p]( r(x, ·) + γ Σ_y P(y|x,·) V(y) ),     β = inf: the maximum       FURTHER (25)

Solved by the engine, with its proved error bound. As γ → 1, (1 − γ) V → g* and the optimal policies
become optimal on average; below some γ they need not be (see Question 1 of FURTHER G.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.active.chains import Array
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.fixed_point import fixed_point
from tabular_marl.numerics.recipe import AGENT, Aggregation
from tabular_marl.validation import read_only


@dataclass(frozen=True)
class DiscountedSolution:
    """value [X] within ``error_bound`` (proved), q [X, A] and a greedy or soft policy [X, A]."""

    value: Array
    q: Array
    policy: Array
    error_bound: float
    iterations: int
    seconds: float


def discounted(
    process: DecisionProcess,
    discount: float,
    beta: float = math.inf,
    prior: ArrayLike | None = None,
    tol: float = 1e-10,
) -> DiscountedSolution:
    """Solve the discounted problem of agent i, discount γ in [0, 1); reward units.

    Where double precision does not reach ``tol``, ``error_bound`` is what it does reach. Raises
    InputError and NotConverged. Source: FURTHER (25).

    >>> once = DecisionProcess([[0.0, 1.0]], [[[1.0], [1.0]]])
    >>> discounted(once, 0.5).value
    array([2.])
    """
    recipe = (Aggregation(AGENT, beta, prior),)
    backup = Backup(process.reward, process.transition, discount, recipe)
    fixed = fixed_point(backup, tol=tol)
    return DiscountedSolution(
        value=read_only(np.array(fixed.value)),
        q=read_only(np.array(backup.q(fixed.value))),
        policy=read_only(np.array(backup.linearise(fixed.value).weights)),
        error_bound=fixed.error_bound,
        iterations=fixed.iterations,
        seconds=fixed.seconds,
    )
