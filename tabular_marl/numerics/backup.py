"""The backup operator of a recipe on a discounted game.

    (TV)(s) = F[ r(s, ·) + γ Σ_t P(t | s, ·) V(t) ]        F the recipe's nested free energies

                                                           report (14), (20), (21), (25), (57), (58)

T is monotone, a γ-contraction in the sup norm, and T(V + c) = TV + γc. Its Jacobian is γ P_w, with
w[s, ·] the product of the recipe's tilts, a joint policy. Values are handled as V = c + w, a
constant and a rest, so that nothing is lost to the size of c ~ r/(1 − γ).

Shapes: reward [S, *A]; transition dense [S, *A, S], or CSR (S·K, S) with K = ΠA and rows
(s, a1, …) in C order; value [S]. Units: those of the reward. Dense transitions that are mostly
zeros are compressed once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from tabular_marl.numerics.free_energy import free_energy
from tabular_marl.numerics.greedy import Greedy, plain_optimum
from tabular_marl.numerics.kernels import backup as kernels
from tabular_marl.numerics.linear import PolicyEquations
from tabular_marl.numerics.recipe import Level, Recipe, check
from tabular_marl.validation import InputError, discount_factor

Array = NDArray[np.float64]

#: Compress dense transitions with a smaller share of non-zeros, from this many states on.
SPARSE_SHARE, SPARSE_STATES = 0.15, 32
#: Values beyond this are too near float64's end: sums of them would overflow.
LARGEST = 1e300
_NO_MATRIX = np.empty((0, 0))


@dataclass(frozen=True)
class Linearisation:
    """TV[s], the joint policy w[s, *A] whose γ P_w is the Jacobian at V, and each level's tilt.

    tilts[l] belongs to the recipe's l-th aggregation, innermost first: it sums to one along that
    action axis, and has length 1 on the axes that were aggregated before it.
    """

    backup: Array
    weights: Array
    tilts: tuple[Array, ...]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.backup, self.weights, self.tilts))


@dataclass(frozen=True)
class Sweep:
    """The residual d[s] = TV − V at V = offset + rest, computed within ``radius``, and its making.

    weights [S, K] is the joint policy, tilts [S, ·] the levels' tilts one after another; matrix is
    I − γ P_w where it came for nothing (it is overwritten by the next sweep); ``accurate`` says
    that the radius is as small as it gets.
    """

    offset: float
    rest: Array
    residual: Array
    radius: Array
    weights: Array
    tilts: Array
    matrix: Array | None
    accurate: bool


class Backup:
    """T as an object: call it, ask for its q, linearise it, or hand it to ``fixed_point``.

    ``transition`` and ``reward`` are trusted to be a game's (finite, rows of probabilities), and
    are not copied. Raises InputError where shapes disagree.

    >>> from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
    >>> recipe = (Aggregation(OPPONENT, float("-inf")), Aggregation(AGENT, float("inf")))
    >>> T = Backup([[[3.0, 1.0], [2.0, 2.5]]], [[[[1.0], [1.0]], [[1.0], [1.0]]]], 0.5, recipe)
    >>> T([2.0]).tolist(), T.q([2.0]).tolist()
    ([3.0], [[[4.0, 2.0], [3.0, 3.5]]])
    >>> T.linearise([2.0]).weights.tolist()
    [[[0.0, 0.0], [1.0, 0.0]]]
    """

    def __init__(self, reward: ArrayLike, transition: Any, discount: float, recipe: Recipe) -> None:
        self.discount = discount_factor("discount", discount)
        given = np.ascontiguousarray(reward, dtype=np.float64)
        if given.ndim < 2:
            raise InputError(
                "reward", "have a state axis and at least one action axis", f"it had {given.shape}"
            )
        self.shape = given.shape
        self.states, self.actions = given.shape[0], given.shape[1:]
        self.levels = check(tuple(recipe), self.states, self.actions)
        self._packed = _pack(self.levels, self.shape)
        largest = float(np.abs(given).max(initial=0.0)) / (1 - self.discount)
        if largest > LARGEST:
            raise InputError(
                "reward",
                f"keep max|reward| / (1 - discount) within {LARGEST:g}",
                f"it was {largest}",
            )
        self._reward = given.reshape(self.states, -1)
        self._transition = _transition_rows(transition, self.shape)
        self.is_sparse = bool(sparse.issparse(self._transition))
        self._excess = np.zeros(self._reward.size)
        self._excess_known = False
        self._excess_range: tuple[float, float] | None = None
        linear = self._transition
        if not self.is_sparse:
            linear = linear.reshape(self.states, -1, self.states)
            self._matrix = np.empty((self.states, self.states))
        self._equations = PolicyEquations(linear, self.discount)

    @property
    def signs(self) -> frozenset[float]:
        """The signs of the inverse temperatures, without 0."""
        return frozenset(float(np.sign(level.beta)) for level in self.levels) - {0.0}

    @property
    def row_excess(self) -> tuple[float, float]:
        """Bounds on Σ_t P(t | s, a) − 1 over the stored rows; none before the first sweep off 0."""
        if self.discount == 0.0:  # no row is ever used
            return 0.0, 0.0
        if not self._excess_known:
            return -1.0, np.inf
        if self._excess_range is None:
            self._excess_range = float(self._excess.min()), float(self._excess.max())
        return self._excess_range

    def sweep(
        self, offset: float, rest: Array, jacobian: bool = False, accurate: bool = False
    ) -> Sweep:
        """The residual at V = offset + rest, with its proved rounding error.

        ``jacobian`` says that a Newton step will follow, ``accurate`` that the rounding error is
        to be as small as it can be.
        """
        residual, radius = np.empty(self.states), np.empty(self.states)
        weights = np.empty_like(self._reward)
        tilts = np.empty((self.states, int(self._packed[0].prod(axis=1).sum())))
        matrix = self._matrix if jacobian and not self.is_sparse else _NO_MATRIX
        game = (self._reward, self._excess, self._excess_known, self.discount, self._packed)
        out = (float(offset), rest, residual, radius, weights, tilts)
        if self.is_sparse:
            rows = self._transition
            known = kernels.sparse_sweep(rows.indptr, rows.indices, rows.data, *game, *out)
        else:
            known = kernels.dense_sweep(self._transition, *game, *out, matrix, accurate)
        self._excess_known = bool(known)
        return Sweep(*out, matrix if matrix.size else None, accurate or self.is_sparse)

    def solve(self, sweep: Sweep, right: Array, tolerance: float = 0.0) -> Array:
        """x with (I − γ P_w) x = right, to a residual of ``tolerance`` · max|right|."""
        if sweep.matrix is not None:
            return self._equations.solve_assembled(sweep.matrix, right, tolerance).x
        return self._equations.solve(sweep.weights, right, tolerance).x

    @property
    def steepest(self) -> float:
        """The largest |β|, in 1/reward."""
        return max(abs(level.beta) for level in self.levels)

    @property
    def reward_spread(self) -> float:
        """max r − min r."""
        return float(np.ptp(self._reward))

    def softened(self, limit: float) -> Backup:
        """T with every β cut to [−limit, limit]."""
        levels = (replace(level, beta=max(-limit, min(level.beta, limit))) for level in self.levels)
        return self._with(tuple(levels), self._reward)

    def frozen(self, sweep: Sweep, sign: float) -> Backup:
        """T with the levels whose β has this sign replaced by their tangents at the sweep's V.

        A free energy's tangent is F + Σ w (x' − x), an expectation under its tilt with a changed
        reward. It lies below F for β > 0 and above for β < 0, and touches it at V.
        """
        x = self.q(sweep.rest)  # the constant part of V drops out of x - f
        reward = self._reward.reshape(self.shape).copy()
        levels = []
        for level, tilt in zip(self.levels, self._unpack(sweep.tilts), strict=True):
            at = level.axis + 1
            prior = np.broadcast_to(level.prior, (level.prior.shape[0], *x.shape[1:]))
            f = np.expand_dims(free_energy(x, level.beta, np.broadcast_to(prior, x.shape), at), at)
            if np.sign(level.beta) == sign:
                reward -= np.where(tilt > 0, x - f, 0.0)
                level = Level(level.axis, 0.0, tilt)
            levels.append(level)
            x = f
        return self._with(tuple(levels), reward.reshape(self.states, -1))

    def _with(self, levels: tuple[Level, ...], reward: Array) -> Backup:
        """The same game and matrices under other levels and rewards."""
        twin = copy.copy(self)
        twin.levels, twin._packed, twin._reward = levels, _pack(levels, self.shape), reward
        return twin

    def specialised(self) -> Backup | Greedy:
        """The same operator in the form that is cheapest to solve: a plain optimum is a Greedy."""
        plain = plain_optimum(self.levels)
        if plain is None:
            return self
        sign, support = plain
        allowed = np.broadcast_to(support, self.shape).reshape(self._reward.shape)
        common = (sign, self.discount, self._equations)
        return Greedy(self._transition, self._reward, allowed, *common)

    def q(self, value: ArrayLike) -> Array:
        """Q(s, *a) = r(s, *a) + γ E[V(s')], shape [S, *A]."""
        ahead = self._transition @ self._value(value)
        ahead *= self.discount
        ahead += self._reward.reshape(-1)
        return np.asarray(ahead).reshape(self.shape)

    def __call__(self, value: ArrayLike) -> Array:
        """TV, shape [S]."""
        return self.linearise(value).backup

    def linearise(self, value: ArrayLike) -> Linearisation:
        """TV, the joint policy and the levels' tilts at ``value``."""
        v = self._value(value)
        middle = float(v.max() + v.min()) / 2
        sweep = self.sweep(middle, v - middle)
        return Linearisation(
            v + sweep.residual, sweep.weights.reshape(self.shape), self._unpack(sweep.tilts)
        )

    def _unpack(self, flat: Array) -> tuple[Array, ...]:
        tilts, at = [], 0
        shape = list(self.shape)
        for level in self.levels:
            size = int(np.prod(shape[1:]))
            tilts.append(np.ascontiguousarray(flat[:, at : at + size]).reshape(shape))
            at += size
            shape[level.axis + 1] = 1
        return tuple(tilts)

    def _value(self, value: ArrayLike) -> Array:
        v = np.ascontiguousarray(value, dtype=np.float64)
        if v.shape != (self.states,):
            raise InputError("value", f"have shape {(self.states,)}", f"it had {v.shape}")
        return v


def _transition_rows(transition: Any, shape: tuple[int, ...]) -> Any:
    """The rows (s, a1, …) as a dense [rows, S] view or a CSR matrix."""
    rows, states = int(np.prod(shape)), shape[0]
    if sparse.issparse(transition):
        stored = transition.tocsr()  # type: ignore[attr-defined, unused-ignore]
        if stored.shape != (rows, states):
            raise InputError("transition", f"have shape {(rows, states)}", f"it had {stored.shape}")
        return stored
    dense = np.ascontiguousarray(transition, dtype=np.float64)
    if dense.shape != (*shape, states):
        raise InputError("transition", f"have shape {(*shape, states)}", f"it had {dense.shape}")
    dense = dense.reshape(rows, states)
    if states < SPARSE_STATES:
        return dense
    sample = dense[:: max(1, rows // 64)]
    if np.count_nonzero(sample) >= SPARSE_SHARE * sample.size:
        return dense
    room = int(SPARSE_SHARE * dense.size) + states
    indptr, indices, data = np.empty(rows + 1, np.int64), np.empty(room, np.int32), np.empty(room)
    entries = int(kernels.compress(dense, indptr, indices, data))
    if entries < 0:
        return dense
    data, indices = data[:entries].copy(), indices[:entries].copy()
    return sparse.csr_array((data, indices, indptr), shape=(rows, states))


def _pack(levels: tuple[Level, ...], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The levels as flat arrays for the kernels: shape, beta, prior, start, stride."""
    remaining = list(shape[1:])
    shapes, priors, starts, strides = [], [], [], []
    at = 0
    for level in levels:
        k = level.axis
        outer = int(np.prod(remaining[:k], dtype=np.int64))
        inner = int(np.prod(remaining[k + 1 :], dtype=np.int64))
        copies = level.prior.shape[0]
        size = outer * remaining[k] * inner
        shapes.append((outer, remaining[k], inner))
        priors.append(np.broadcast_to(level.prior, (copies, *remaining)).reshape(-1))
        starts.append(at)
        strides.append(size if copies > 1 else 0)
        at += copies * size
        remaining[k] = 1
    return (
        np.array(shapes, dtype=np.int64),
        np.array([level.beta for level in levels]),
        np.concatenate(priors),
        np.array(starts, dtype=np.int64),
        np.array(strides, dtype=np.int64),
    )
