"""The backup operator of a recipe on a discounted game.

    (TV)(s) = F[ r(s, ·) + γ Σ_t P(t | s, ·) V(t) ]        F the recipe's nested free energies

                                                              report (14), (20), (21), (25), (57), (58)

T is monotone and a γ-contraction in the sup norm, and T(V + c) = TV + γc. Its Jacobian is γ P_w,
w[s, ·] the product of the recipe's tilts, a joint policy. Values are handled as V = c + w, a
constant and a rest, so that nothing is lost to the size of c ~ r/(1 − γ).

Shapes: reward [S, *A]; transition dense [S, *A, S], or CSR (S·K, S) with K = ΠA and rows
(s, a1, …) in C order; value [S]. Units: those of the reward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from tabular_marl.numerics.kernels import backup as kernels
from tabular_marl.numerics.linear import PolicyEquations
from tabular_marl.numerics.recipe import Level, Recipe, check
from tabular_marl.validation import InputError, discount_factor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Linearisation:
    """TV, the joint policy w[s, *A] whose γ P_w is the Jacobian of T at V, and each level's tilt.

    tilts[l] belongs to the recipe's l-th aggregation, innermost first: it sums to one along that
    action axis, and has length 1 on the axes that were aggregated before it.
    """

    backup: Array
    weights: Array
    tilts: tuple[Array, ...]

    def __iter__(self) -> Any:
        return iter((self.backup, self.weights, self.tilts))


@dataclass(frozen=True)
class Sweep:
    """The residual d = TV − V at V = c + w, with |computed d − d| ≤ radius, and what made it."""

    residual: Array
    radius: Array
    q: Array
    weights: Array
    tilts: Array


class Backup:
    """T as an object: call it, ask for its q, or linearise it.

    >>> from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
    >>> recipe = (Aggregation(OPPONENT, float("-inf")), Aggregation(AGENT, float("inf")))
    >>> T = Backup([[[3.0, 1.0], [2.0, 2.5]]], [[[[1.0], [1.0]], [[1.0], [1.0]]]], 0.5, recipe)
    >>> T([2.0])
    array([3.])
    """

    def __init__(self, reward: ArrayLike, transition: Any, discount: float, recipe: Recipe) -> None:
        self.discount = discount_factor("discount", discount)
        given = np.ascontiguousarray(reward, dtype=np.float64)
        if given.ndim < 2:
            raise InputError("reward", "have a state axis and at least one action axis",
                             f"it had shape {given.shape}")
        self.shape = given.shape
        self.states = given.shape[0]
        self.actions = given.shape[1:]
        self.recipe = tuple(recipe)
        self.levels = check(self.recipe, self.states, self.actions)
        self._reward = given.reshape(self.states, -1)
        rows = self._reward.size
        if sparse.issparse(transition):
            self._transition: Any = transition.tocsr()
            if self._transition.shape != (rows, self.states):
                raise InputError("transition", f"have shape {(rows, self.states)}",
                                 f"it had {self._transition.shape}")
            if not self._transition.has_canonical_format:
                self._transition = self._transition.copy()
                self._transition.sum_duplicates()
        else:
            dense = np.ascontiguousarray(transition, dtype=np.float64)
            if dense.shape != (*self.shape, self.states):
                raise InputError("transition", f"have shape {(*self.shape, self.states)}",
                                 f"it had {dense.shape}")
            self._transition = dense.reshape(rows, self.states)
        self.is_sparse = bool(sparse.issparse(self._transition))
        self._packed = _pack(self.levels, self.shape)
        self._excess = np.empty(rows)
        if self.is_sparse:
            kernels.sparse_excess(self._transition.indptr, self._transition.data, self._excess)
            linear: Any = self._transition
        else:
            kernels.dense_excess(self._transition, self._excess)
            linear = self._transition.reshape(*self.shape, self.states)
        self._equations = PolicyEquations(linear, self.discount)

    @property
    def row_sums(self) -> tuple[float, float]:
        """(smallest, largest) sum of a stored row of probabilities, as an excess over one."""
        return float(self._excess.min()), float(self._excess.max())

    def sweep(self, offset: float, rest: Array) -> Sweep:
        """The residual at V = offset + rest, with its proved rounding error."""
        residual, radius = np.empty(self.states), np.empty(self.states)
        q, weights = np.empty_like(self._reward), np.empty_like(self._reward)
        tilts = np.empty((self.states, int(self._packed[0].prod(axis=1).sum())))
        out = (float(offset), rest, residual, radius, q, weights, tilts)
        common = (self._reward, self._excess, self.discount, self._packed)
        if self.is_sparse:
            matrix = self._transition
            kernels.sparse_sweep(matrix.indptr, matrix.indices, matrix.data, *common, *out)
        else:
            kernels.dense_sweep(self._transition, *common, *out)
        return Sweep(residual, radius, q, weights, tilts)

    def solve(self, weights: Array, right: Array, tolerance: float = 0.0) -> Array:
        """x with (I − γ P_w) x = right, to a relative residual of ``tolerance``."""
        return self._equations.solve(weights, right, tolerance).x

    def q(self, value: ArrayLike) -> Array:
        """Q(s, *a) = r(s, *a) + γ E[V(s')], shape [S, *A]."""
        v = self._value(value)
        total = self._transition @ v
        total *= self.discount
        return np.asarray(self._reward + total.reshape(self._reward.shape)).reshape(self.shape)

    def __call__(self, value: ArrayLike) -> Array:
        """TV, shape [S]."""
        return self.linearise(value).backup

    def linearise(self, value: ArrayLike) -> Linearisation:
        """TV, the joint policy w[s, *A] and the levels' tilts at ``value``."""
        v = self._value(value)
        sweep = self.sweep(0.0, v)
        tilts, at = [], 0
        done: set[int] = set()
        for level in self.levels:
            shape = (self.states, *(1 if k in done else n for k, n in enumerate(self.actions)))
            size = int(np.prod(shape[1:]))
            tilts.append(np.ascontiguousarray(sweep.tilts[:, at : at + size]).reshape(shape))
            at += size
            done.add(level.axis)
        return Linearisation(v + sweep.residual, sweep.weights.reshape(self.shape), tuple(tilts))

    def _value(self, value: ArrayLike) -> Array:
        v = np.ascontiguousarray(value, dtype=np.float64)
        if v.shape != (self.states,):
            raise InputError("value", f"have shape {(self.states,)}", f"it had {v.shape}")
        return v


def _pack(levels: tuple[Level, ...], shape: tuple[int, ...]) -> tuple[Array, ...]:
    """The levels as flat arrays for the kernels: shape, beta, prior, start, stride."""
    remaining = list(shape[1:])
    triples, betas, priors, starts, strides = [], [], [], [], []
    at = 0
    for level in levels:
        k = level.axis
        outer = int(np.prod(remaining[:k], dtype=np.int64))
        inner = int(np.prod(remaining[k + 1 :], dtype=np.int64))
        size = outer * remaining[k] * inner
        copies = level.prior.shape[0]
        triples.append((outer, remaining[k], inner))
        betas.append(level.beta)
        priors.append(np.broadcast_to(level.prior, (copies, *remaining)).reshape(-1))
        starts.append(at)
        strides.append(size if copies > 1 else 0)
        at += copies * size
        remaining[k] = 1
    return (
        np.array(triples, dtype=np.int64), np.array(betas), np.concatenate(priors),
        np.array(starts, dtype=np.int64), np.array(strides, dtype=np.int64),
    )
