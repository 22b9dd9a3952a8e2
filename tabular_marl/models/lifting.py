"""Options as a recipe: the option in force becomes part of the state.

The unknown of an option system is U(s, z_), z_ the option of the step before. A step terminates
z_ or not, chooses a new z if it did, then acts: three aggregations of one β, and a state that
remembers z. A termination lays two values along an axis of size two, the re-chosen V^H(s) and the
continued V(s, z_), and aggregates it. Because

    F_β[(1−τ), τ]( V(z_), F_β[p^H](V) ) = F_β[(1−τ) δ_{z_} + τ p^H](V)

(a free energy of free energies of one β is the free energy under the merged prior), termination
and choice together are one aggregation over z under the prior ``keep_or_choose``. So options are a
recipe on the *lifted* game

    state (s, z_)   actions (a…, z)   reward r(s,a)   P((t,z') | (s,z_), a, z) = P(t|s,a) δ(z', z)

and the engine, its error bounds and its certificates apply as they are. The two policies come back
from the merged one by ``share``. Several options (one a player) are several such z.

Source: report (71), (75), (81), (85); the merging is the associativity of the free energy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.solve import Options
from tabular_marl.solution import Array
from tabular_marl.validation import InputError, finite_array, probability_rows

#: Lifted transitions with at most this many entries are stored densely.
DENSE_ENTRIES = 2_000_000


@dataclass(frozen=True)
class Lifted:
    """The rows of the lifted game: states (s, *z_), actions (*a, *z), both in C order."""

    transition: Any
    discount: float
    num_states: int

    @property
    def is_sparse(self) -> bool:
        """Whether the rows are CSR."""
        return bool(sparse.issparse(self.transition))


def lift(game: StochasticGame, reward: Array, counts: tuple[int, ...]) -> tuple[Array, Lifted]:
    """(reward, rows) of the game with ``counts`` options remembered; reward [S, *A] as given.

    The lifted reward has shape [S·Πcounts, *A, *counts].
    """
    states, actions = reward.shape[0], reward.shape[1:]
    memory = math.prod(counts)
    choices = math.prod(actions)
    shape = (states, memory, choices, memory)
    source = np.arange(states * choices).reshape(states, 1, choices, 1)
    kept = np.broadcast_to(source, shape).ravel()
    base = sparse.csr_array(game.transition_rows)
    rows = base[kept]
    chosen = np.broadcast_to(np.arange(memory), shape).ravel()
    columns = rows.indices.astype(np.int64) * memory + np.repeat(chosen, np.diff(rows.indptr))
    total = states * memory
    transition = sparse.csr_array((rows.data, columns, rows.indptr), shape=(kept.size, total))
    payoff = np.broadcast_to(reward.reshape(states, 1, choices, 1), shape)
    payoff = payoff.reshape(total, *actions, *counts)
    stored: Any = transition
    if kept.size * total <= DENSE_ENTRIES:
        stored = transition.toarray().reshape(*payoff.shape, total)
    return np.ascontiguousarray(payoff), Lifted(stored, game.discount, total)


def keep_or_choose(choose: Array, terminate: Array, before: int, after: int) -> Array:
    """(1 − τ) δ(z, z_) + τ p(z), with z_ on axis ``before`` and z on axis ``after``.

    ``choose`` p and ``terminate`` τ have the result's axes, with length 1 on z_ or z respectively.
    """
    size = choose.shape[after]
    shape = [1] * choose.ndim
    shape[before] = shape[after] = size
    same = np.eye(size).reshape(shape)
    merged: Array = (1 - terminate) * same + terminate * choose
    return merged


def share(policy: Array, choose: Array, terminate: Array, merged: Array, after: int) -> Array:
    """The probability of terminating under the tilt ``policy`` of ``merged``, summed over z."""
    chosen = np.broadcast_to(terminate * choose, policy.shape)
    whole = np.broadcast_to(merged, policy.shape)
    part = np.divide(chosen, whole, out=np.zeros(policy.shape), where=whole > 0)
    total: Array = (policy * part).sum(axis=after)
    return np.asarray(np.minimum(total, 1.0))


def prior_over(
    argument: str, given: ArrayLike | None, shape: tuple[int, ...], axes: tuple[int, ...], own: int
) -> Array:
    """``given`` as a prior of full ``shape`` along axis ``own``; None is uniform.

    It may have all of ``shape``'s axes (length 1 where it does not depend on one), or only those
    listed in ``axes``, in order.
    """
    if given is None:
        return np.full(shape, 1.0 / shape[own])
    array = finite_array(argument, given)
    full = _spread(argument, array, shape, axes)
    probability_rows(argument, full, shape, axis=own)
    return np.asarray(full / full.sum(axis=own, keepdims=True))


def termination(
    argument: str, given: ArrayLike, shape: tuple[int, ...], axes: tuple[int, ...]
) -> Array:
    """Prior probabilities of terminating: one number, or an array as for :func:`prior_over`."""
    array = finite_array(argument, given)
    if array.ndim == 0:
        array = array.reshape((1,) * len(shape))
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise InputError(
            argument,
            "hold probabilities in [0, 1]",
            f"they went from {array.min()} to {array.max()}",
        )
    return _spread(argument, array, shape, axes)


def _spread(argument: str, array: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """``array`` over all of ``shape``."""
    short = tuple(shape[k] for k in axes)
    if array.shape == short and array.ndim != len(shape):
        wide = [1] * len(shape)
        for k in axes:
            wide[k] = shape[k]
        order = np.argsort(axes)
        array = array.transpose(order).reshape(wide)
    if array.ndim != len(shape) or any(
        n not in (1, full) for n, full in zip(array.shape, shape, strict=True)
    ):
        raise InputError(
            argument,
            f"have shape {short}, or {shape} with length 1 allowed",
            f"it had {array.shape}",
        )
    return np.array(np.broadcast_to(array, shape))


def flat_initial(solver: Options) -> Options:
    """Solver options with ``initial`` [s, z_…] as the lifted game's vector."""
    initial = solver.get("initial")
    return solver if initial is None else {**solver, "initial": np.ravel(initial)}
