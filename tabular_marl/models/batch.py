"""Thousands of tiny two-player games in one call, across SIMD lanes.

    V_g(s) = F_outer[ F_inner[ r_g(s, a, b) + γ Σ_t P_g(t | s, a, b) V_g(t) ] ]    for every game g

The recipe (two aggregations, innermost first), γ and the priors are the same for all games; the
transitions and rewards are each game's own. Every game is solved by safeguarded Newton steps to a
proved error bound; numerics/kernels/batch.py has the method and the bound.

Source: report (14) ROMMEO, (57) PR2, (20), (21), (25) Balancing-Q.
Shapes: transition[g, s, a, b, t], reward[g, s, a, b]. Units: those of the reward.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_marl.numerics.recipe import AGENT, Level, Recipe, check
from tabular_marl.solution import NotConverged, Status
from tabular_marl.validation import (
    InputError,
    discount_factor,
    finite_array,
    integer,
    one_of,
    positive,
    probability_rows,
    read_only,
)

Array = NDArray[np.float64]

_STATUSES = np.array(
    [Status.CONVERGED, Status.FLOOR, Status.ITERATION_LIMIT, Status.STALLED], dtype=object
)
#: β below this is 0 (and the bound counts the difference); priors below that are refused.
_TINY_BETA, _TINY_PRIOR = 1e-200, 1e-100


@dataclass(frozen=True)
class BatchSolution:
    """The solutions of G games, in reward units. Arrays are read-only.

    value[g, s]; agent_policy and opponent_policy are the recipe's two tilts: [g, s, a, b] for the
    player aggregated first, given the other's action, and [g, s, a] or [g, s, b] for the other.
    residual[g] = max |TV − V| as measured, error_bound[g] a proved bound on max |V − V*| for the
    game as stored, rounding counted; status[g] says how each solve ended.
    """

    value: Array
    agent_policy: Array
    opponent_policy: Array
    residual: Array
    error_bound: Array
    iterations: NDArray[np.int64]
    status: NDArray[np.object_]
    seconds: float

    @property
    def joint_policy(self) -> Array:
        """The product of the tilts, [g, s, a, b]."""
        agent = self.agent_policy if self.agent_policy.ndim == 4 else self.agent_policy[..., None]
        other = self.opponent_policy
        return agent * (other if other.ndim == 4 else other[:, :, None, :])


def solve_batch(
    transition: ArrayLike,
    reward: ArrayLike,
    discount: float,
    recipe: Recipe,
    tol: float = 1e-10,
    max_iterations: int | None = None,
    on_failure: str = "raise",
) -> BatchSolution:
    """Solve G small games at once to a proved error of ``tol`` reward units each.

    ``transition[g, s, a, b, t]`` and ``reward[g, s, a, b]`` hold the games, ``recipe`` is two
    aggregations, innermost first, as for one game, with β of any sign, 0 and ±inf included.
    Where double precision cannot prove ``tol`` a game ends with Status.FLOOR and its bound. A game
    that ends otherwise raises NotConverged, which carries all results, unless ``on_failure`` is
    "return". Raises InputError. Source: report (14), (20), (21), (25), (57).

    >>> from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
    >>> transition = np.ones((2, 1, 2, 2, 1))
    >>> reward = np.array([[[[4.0, 0.0], [0.0, 8.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
    >>> rommeo = (Aggregation(AGENT, 1.0), Aggregation(OPPONENT, 1.0))
    >>> solve_batch(transition, reward, 0.5, rommeo).value.round(6).tolist()
    [[13.265028], [2.0]]
    """
    started = time.perf_counter()
    moves, payoffs, sizes = _games(transition, reward)
    gamma = discount_factor("discount", discount)
    one_of("on_failure", on_failure, ("raise", "return"))
    tol = positive("tol", tol)
    limit = math.ceil(1000 + 200 / (1 - gamma))
    if max_iterations is not None:
        limit = integer("max_iterations", max_iterations)
    games, states, agents, opponents = sizes
    first, second = check(recipe, states, (agents, opponents))
    outer, inner = (opponents, agents) if first.axis == AGENT else (agents, opponents)
    place = np.arange(states * agents * opponents)
    if first.axis == AGENT:
        place = np.ascontiguousarray(
            place.reshape(states, opponents, agents).transpose(0, 2, 1)
        ).reshape(-1)
    betas, bend = _betas(first, second)
    priors = _priors(first, second, states, agents, opponents)
    value, free = np.empty((games, states)), np.empty((games, states, outer))
    given = np.empty((games, states, agents, opponents))
    certificate, counts = np.empty((games, 2)), np.zeros((games, 2), dtype=np.int64)

    from tabular_marl.numerics.kernels import batch as kernel

    fine = kernel.solve_games(
        moves,
        payoffs,
        (states, outer, inner),
        place,
        gamma,
        betas,
        *priors,
        float(tol),
        limit,
        (*_noise(betas[0], priors[0], inner), *_noise(betas[2], priors[1], outer), bend),
        kernel.workspace(states, outer, inner),
        value.reshape(-1),
        given.reshape(-1),
        free.reshape(-1),
        certificate,
        counts,
    )
    if (counts[:, 1] == kernel.INVALID).any():
        _explain(transition, reward)
    agent, opponent = (given, free) if first.axis == AGENT else (free, given)
    for array in (value, agent, opponent, certificate, counts):
        array.flags.writeable = False
    status = _STATUSES[counts[:, 1]]
    status.flags.writeable = False
    solution = BatchSolution(
        value,
        agent,
        opponent,
        residual=certificate[:, 0],
        error_bound=certificate[:, 1],
        iterations=counts[:, 0],
        status=status,
        seconds=time.perf_counter() - started,
    )
    if not fine and on_failure == "raise":
        lost = np.flatnonzero(counts[:, 1] > kernel.FLOOR)
        raise NotConverged(
            f"{lost.size} of {games} games did not converge, the first of them game {lost[0]}: "
            f"{solution.status[lost[0]].value} Its proved error bound is "
            f"{solution.error_bound[lost[0]]:.3g}, asked {tol:.3g}.",
            solution,
        )
    return solution


def _games(transition: ArrayLike, reward: ArrayLike) -> tuple[Array, Array, tuple[int, ...]]:
    """Both arrays flat and locked (uncopied where they are doubles already), and (G, S, A, B)."""
    try:
        moves = np.ascontiguousarray(transition, dtype=np.float64)
        payoffs = np.ascontiguousarray(reward, dtype=np.float64)
    except (TypeError, ValueError):
        _explain(transition, reward)
        raise
    if payoffs.ndim != 4 or 0 in payoffs.shape[1:]:
        raise InputError(
            "reward", "have shape (games, states, actions, actions)", f"it had {payoffs.shape}"
        )
    wanted = (*payoffs.shape, payoffs.shape[1])
    if moves.shape != wanted:
        raise InputError(
            "transition", f"have shape {wanted} to go with reward", f"it had {moves.shape}"
        )
    return read_only(moves.reshape(-1)[:]), read_only(payoffs.reshape(-1)[:]), payoffs.shape


def _explain(transition: ArrayLike, reward: ArrayLike) -> None:
    """Say what is wrong with games that the kernel refused."""
    finite_array("reward", reward)
    probability_rows("transition", transition)


def _betas(first: Level, second: Level) -> tuple[tuple[float, float, float, float], float]:
    """(β, 1/β) of both levels, and b with |F_β − F_0| ≤ b X² for those taken as 0 (F'' ≤ β X²)."""
    numbers, bend = [], 0.0
    for level in (first, second):
        beta = level.beta
        if abs(beta) < _TINY_BETA:
            bend += abs(beta)
            beta = 0.0
        numbers += [beta, 1.0 / beta if beta else math.inf]
    return (numbers[0], numbers[1], numbers[2], numbers[3]), bend


def _noise(beta: float, prior: Array, outcomes: int) -> tuple[float, float]:
    """(a, b): a level's rounding is at most u min(a X, b), as batch_levels.py proves."""
    if math.isinf(beta):
        return 0.0, 0.0
    if beta == 0.0:
        return outcomes + 3.0, math.inf
    depth = -math.log(prior[prior > 0].min())
    return 6.0 * outcomes + 34.0, (outcomes + 4.0 + 4.0 * depth) / abs(beta)


def _priors(
    first: Level, second: Level, states: int, agents: int, opponents: int
) -> tuple[Array, Array]:
    """Inner prior [s, j, i] and outer prior [s, j], flat, each row divided by its exact sum."""
    inner = np.broadcast_to(first.prior, (states, agents, opponents))
    outer = np.broadcast_to(
        second.prior.reshape(second.prior.shape[0], -1),
        (states, opponents if first.axis == AGENT else agents),
    )
    if first.axis == AGENT:
        inner = inner.transpose(0, 2, 1)
    flat = []
    for prior in (inner, outer):
        rows = np.ascontiguousarray(prior).reshape(-1, prior.shape[-1])
        if ((rows > 0) & (rows < _TINY_PRIOR)).any():
            raise InputError(
                "prior",
                f"be 0 or at least {_TINY_PRIOR:g} in a batch",
                f"its smallest weight was {rows[rows > 0].min():g}",
            )
        sums = np.array([math.fsum(row) for row in rows])
        flat.append((rows / sums[:, None]).reshape(-1))
    return flat[0], flat[1]
