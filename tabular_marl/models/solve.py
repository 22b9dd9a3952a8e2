"""Solve any recipe on any two-player game, and put the answer into a Solution.

    V(s) = F_outer[ F_inner[ Q(s, ·, ·) ] ],    Q(s,a,b) = r(s,a,b) + γ Σ_t P(t|s,a,b) V(t)

                                                                            report (14), (25), (57)
The models beside this file differ in the recipe alone: which player's free energy is taken first,
with what β and prior, and what the report calls the results. Values are in reward units.

Shapes: value [s], q [s, a, b]; the player whose free energy is taken last moves first, with a
policy [s, ·]; the other's policy [s, a, b] is conditional on that move.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict, TypeVar, Unpack

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.numerics.backup import Backup, Linearisation
from tabular_marl.numerics.fixed_point import FixedPoint, Method, fixed_point
from tabular_marl.numerics.free_energy import free_energy, tilt
from tabular_marl.numerics.recipe import AGENT, Level, Recipe
from tabular_marl.solution import Array, Enclosure, NotConverged, Solution
from tabular_marl.validation import InputError, read_only

Game = MatrixGame | StochasticGame


class Options(TypedDict, total=False):
    """Keyword arguments that every model hands on to the engine.

    ``method``: "auto", "newton", "value-iteration" or "anderson". ``tol``: wanted bound on the
    error, in reward units. ``max_iterations``. ``initial``: a first value [s]. ``on_failure``:
    "raise" NotConverged, or "return" the partial result with its status.
    """

    method: Method
    tol: float
    max_iterations: int | None
    initial: ArrayLike | None
    on_failure: Literal["raise", "return"]


def solve(
    game: Game, recipe: Recipe, discount: float | None = None, **options: Unpack[Options]
) -> Solution:
    """The fixed point of ``recipe`` (innermost aggregation first) on a two-player game.

    ``discount`` overrides the game's; a MatrixGame is played once (γ = 0) unless it is given.
    ``agent_q`` or ``opponent_q`` is the value of the first mover's actions, [s, a] or [s, b].
    Raises InputError, and NotConverged with the partial Solution. Source: report (14), (25).

    >>> import tabular_marl as tm
    >>> minimax = (tm.Aggregation(1, float("-inf")), tm.Aggregation(0, float("inf")))
    >>> tm.solve(tm.MatrixGame([[3, 1], [2, 4]]), minimax, discount=0.5).value
    array([4.])
    """
    seen = two_player(game, discount)
    return build(seen.reward, seen, recipe, "recipe", options, first_mover)


def two_player(game: Game, discount: float | None = None) -> StochasticGame:
    """``game`` as a stochastic game of two players, with ``discount`` in place of its own."""
    if isinstance(game, MatrixGame):
        game = game.as_stochastic()
    if not isinstance(game, StochasticGame):
        raise InputError("game", "be a MatrixGame or a StochasticGame", f"it was {game!r}")
    if game.num_players != 2:
        raise InputError(
            "game",
            "have two players (game.against(i) is player i's view, the others as one opponent)",
            f"it had {game.num_players}",
        )
    return game if discount is None else game.with_discount(discount)


class Dynamics(Protocol):
    """What :func:`build` needs of a game; a model may make its own (models/lifting.py)."""

    @property
    def transition(self) -> Any:
        """P[S, *A, S], or CSR (S·ΠA, S)."""

    @property
    def is_sparse(self) -> bool:
        """Whether it is CSR."""

    @property
    def num_states(self) -> int:
        """S."""

    @property
    def discount(self) -> float:
        """γ."""


@dataclass(frozen=True)
class Solved:
    """What a model sees of a solved recipe: V [S], q [S, *A], the levels and their tilts."""

    value: Array
    q: Array
    levels: tuple[Level, ...]
    linear: Linearisation


#: A model's part: the Solution's arrays that it defines, by field name.
Fields = Callable[[Solved], dict[str, Array]]
Kind = TypeVar("Kind", bound=Solution)


def build(
    reward: Array,
    game: Dynamics,
    recipe: Recipe,
    model: str,
    options: Options,
    fields: Fields,
) -> Solution:
    """Solve ``recipe`` on Q's of ``reward``'s shape [S, *A], with ``game``'s rows and discount.

    The one place where models' results become a Solution: ``fields`` names the policies, the rest
    (value, certificate, how the solve ended) is the same for all.
    """
    return build_as(Solution, reward, game, recipe, model, options, fields)


def build_as(
    kind: type[Kind],
    reward: Array,
    game: Dynamics,
    recipe: Recipe,
    model: str,
    options: Options,
    fields: Fields,
) -> Kind:
    """:func:`build` for a model whose Solution says more: ``kind`` is its class.

    Its ``fields`` may also put the value into another shape.
    """
    rows = game.transition
    if not game.is_sparse:
        rows = rows.reshape(*reward.shape, game.num_states)
    backup = Backup(reward, rows, game.discount, recipe)

    def solution(fixed: FixedPoint) -> Kind:
        linear = backup.linearise(fixed.value)
        q = backup.q(fixed.value)
        arrays = {"value": fixed.value, "q": q, "joint_policy": linear.weights}
        arrays |= fields(Solved(fixed.value, q, backup.levels, linear))

        def certify(bits: int) -> Enclosure:
            from tabular_marl.numerics.balls import banach

            return banach(
                reward, rows, game.discount, backup.levels, fixed.value, bits, linear.weights
            )

        return kind(
            status=fixed.status,
            iterations=fixed.iterations,
            residual=fixed.residual,
            error_bound=fixed.error_bound if math.isfinite(fixed.error_bound) else None,
            history=fixed.history,
            seconds=fixed.seconds,
            method=fixed.method,
            model=model,
            certifier=certify,
            **{name: _own(array) for name, array in arrays.items()},
        )

    try:
        return solution(fixed_point(backup, **options))
    except NotConverged as failure:
        raise NotConverged(str(failure), solution(failure.partial)) from None


def first_mover(solved: Solved) -> dict[str, Array]:
    """Both policies of a two-level recipe, and the value of the first mover's actions.

    The inner aggregation belongs to the player who answers: policy [s, a, b], its tilt given the
    other's action. The outer one belongs to the first mover: values and policy [s, ·].
    """
    values, policy = outer_stage(solved.q, solved.levels)
    answer = solved.linear.tilts[0]
    if solved.levels[1].axis == AGENT:
        return {"agent_q": values, "agent_policy": policy, "opponent_policy": answer}
    return {"opponent_q": values, "opponent_policy": policy, "agent_policy": answer}


def outer_stage(q: Array, levels: tuple[Level, ...]) -> tuple[Array, Array]:
    """(F_inner of ``q``, [s, ·]; the outer tilt of that, [s, ·]) for a two-level recipe."""
    inner, outer = levels
    values = free_energy(q, inner.beta, inner.prior, axis=inner.axis + 1)
    prior = outer.prior.take(0, axis=inner.axis + 1)
    return values, tilt(values, outer.beta, prior)


def _own(array: Array) -> Array:
    """``array`` as a locked, contiguous array of its own."""
    return read_only(np.array(array, dtype=np.float64, order="C"))
