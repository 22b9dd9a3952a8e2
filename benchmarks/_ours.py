"""This project as a contender: the engine (value and proved bound), and the whole Solution."""

from __future__ import annotations

import math

import tabular_marl as tm
from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.fixed_point import FixedPoint, fixed_point
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, Recipe


def recipe(betas: tuple[float, float]) -> Recipe:
    """a:β_a given b, then b:β_b, uniform priors."""
    return (Aggregation(AGENT, betas[0]), Aggregation(OPPONENT, betas[1]))


#: A plain Markov decision process: the maximum over a; the opponent has one action.
MAXIMUM = (math.inf, math.inf)


def engine(game: tm.StochasticGame, betas: tuple[float, float], tolerance: float) -> FixedPoint:
    """V with a proved bound, construction of the operator included."""
    backup = Backup(game.reward, game.transition, game.discount, recipe(betas))
    return fixed_point(backup, tol=tolerance, on_failure="return")


def contender(game: tm.StochasticGame, betas: tuple[float, float], tolerance: float = 1e-10):
    """The engine as the harness wants it: (value, note)."""
    found = engine(game, betas, tolerance)
    note = f"{found.method}, {found.iterations} iterations, proved error {found.error_bound:.1e}"
    if found.error_bound > tolerance:
        note += f", ABOVE {tolerance:g} ({found.status.name})"
    return found.value, note


def whole(game: tm.StochasticGame, betas: tuple[float, float], tolerance: float = 1e-10):
    """tm.solve: value, q, policies, certificate data."""
    found = tm.solve(game, recipe(betas), tol=tolerance, on_failure="return")
    return found.value, "value, q and all policies"


def reference(game: tm.StochasticGame, betas: tuple[float, float]):
    """A value to measure true errors against: asked ten times tighter than the contenders."""
    return engine(game, betas, 1e-11)
