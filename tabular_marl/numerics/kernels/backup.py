"""Compiled sweeps: one pass over a game's transitions, state by state.

    q[s, k] = r[s, k] + γ Σ_t P[s, k, t] w[t] + γ c e[s, k]         k a joint action, e = Σ_t P − 1
    d[s]    = F(q[s, :]) − w[s] − (1 − γ) c                          F the nested free energies

is the residual TV − V at V = c + w, with the constant c kept out of every rounded sum.
``e`` is the excess of each stored row of probabilities over one: the game is taken as stored.

Levels (the nested free energies, innermost first) come flat: level l sees its input as
[outer, n, inner] = ``shape[l]``, its prior starts at ``start[l]`` in ``prior``, and moves by
``stride[l]`` (0 or the prior's size) from state to state.

Rounding (u = 2⁻⁵³). ``radius[s]`` bounds |computed d − d| by the standard model: a dot product of
n terms in any order errs by n u Σ|p w|, here with blocks of 64 so that n ≤ 64 + ⌈n/64⌉; free
energies do not amplify the error of their input in the sup norm and add what
kernels/free_energy.py proves.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.free_energy import (
    free_energy_row,
    spread_units,
    tilt_row,
)

U = 2.0**-53
#: Adding and subtracting this cuts a number of [0, 1] to a multiple of 2⁻⁴⁸.
_CUT = 1.5 * 2.0**4
#: Stands for everything below the normal range.
_TINY = 1e-300
_BLOCK = 64


@njit(cache=True)
def _head(p):  # type: ignore[no-untyped-def]
    return (p + _CUT) - _CUT


@njit(cache=True, fastmath={"reassoc", "contract"})
def _row_excess(p):  # type: ignore[no-untyped-def]
    """Σ p − 1, the sums of heads exact in any order, with an error below n² 2⁻¹⁰⁰."""
    head, tail = 0.0, 0.0
    for j in range(p.shape[0]):
        h = _head(p[j])
        head += h
        tail += p[j] - h
    return (head - 1.0) + tail


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dot(p, w):  # type: ignore[no-untyped-def]
    """Σ p w in blocks of 64; within a block any order, which the rounding bound allows."""
    n = p.shape[0]
    total = 0.0
    at = 0
    while at + _BLOCK <= n:
        part = 0.0
        for j in range(_BLOCK):
            part += p[at + j] * w[at + j]
        total += part
        at += _BLOCK
    part = 0.0
    for j in range(at, n):
        part += p[j] * w[j]
    return total + part


@njit(cache=True)
def _sparse_dot(data, indices, start, stop, w):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(start, stop):
        total += data[j] * w[indices[j]]
    return total


@njit(cache=True)
def nested(q, s, levels, tilts, joint, scratch):  # type: ignore[no-untyped-def]
    """F(q) of one state with its rounding error; writes every level's tilt and their product.

    ``tilts`` holds the levels one after another, ``joint[k]`` their product over joint actions.
    """
    shape, beta, prior, start, stride = levels
    depth = shape.shape[0]
    value = q
    error = 0.0
    at = 0
    for l in range(depth):
        outer, n, inner = shape[l, 0], shape[l, 1], shape[l, 2]
        result = scratch[l]
        first = start[l] + s * stride[l]
        worst = 0.0
        for o in range(outer):
            for i in range(inner):
                begin = o * n * inner + i
                end = (o + 1) * n * inner
                x = value[begin:end:inner]
                p = prior[first + begin : first + end : inner]
                t = tilts[at + begin : at + end : inner]
                tilt_row(x, p, beta[l], t)
                f = free_energy_row(x, p, beta[l])
                result[o * inner + i] = f
                spread = np.max(x) - np.min(x)
                worst = max(worst, spread_units(n) * spread + abs(f))
        error += worst
        at += outer * n * inner
        value = result
    joint[0] = 1.0
    for l in range(depth - 1, -1, -1):
        outer, n, inner = shape[l, 0], shape[l, 1], shape[l, 2]
        at -= outer * n * inner
        for o in range(outer - 1, -1, -1):
            for k in range(n - 1, -1, -1):
                for i in range(inner - 1, -1, -1):
                    scratch[0, (o * n + k) * inner + i] = (
                        joint[o * inner + i] * tilts[at + (o * n + k) * inner + i]
                    )
        joint[: outer * n * inner] = scratch[0, : outer * n * inner]
    return value[0], error * U


@njit(cache=True)
def _state(s, q, terms, sizes, offset, w, discount, levels, d, radius, joint, tilts, scratch):  # type: ignore[no-untyped-def]
    """Finish one state whose q is known; ``sizes`` bounds |r|, |γPw| + |γce| there, ``terms`` n."""
    f, error = nested(q, s, levels, tilts, joint, scratch)
    shift = (1.0 - discount) * offset
    d[s] = (f - w[s]) - shift
    radius[s] = (
        error + U * (terms * sizes[1] + 4.0 * (sizes[0] + sizes[1]))
        + U * (2.0 * abs(f) + 2.0 * abs(w[s]) + 4.0 * abs(shift))
    ) * 1.001 + _TINY


@njit(cache=True)
def dense_excess(transition, excess):  # type: ignore[no-untyped-def]
    for row in range(transition.shape[0]):
        excess[row] = _row_excess(transition[row])


@njit(cache=True)
def sparse_excess(indptr, data, excess):  # type: ignore[no-untyped-def]
    for row in range(indptr.shape[0] - 1):
        excess[row] = _row_excess(data[indptr[row] : indptr[row + 1]])


@njit(cache=True)
def dense_sweep(  # type: ignore[no-untyped-def]
    transition, reward, excess, discount, levels, offset, w, d, radius, q, joint, tilts
):
    """One sweep over transition[S·K, S]; fills d, radius [S], q, joint [S, K] and tilts [S, T]."""
    states, actions = reward.shape
    scratch = np.empty((levels[0].shape[0] + 1, actions))
    large = np.max(np.abs(w)) * 1.000001
    terms = _BLOCK + states // _BLOCK + 3.0
    sizes = np.empty(2)
    for s in range(states):
        sizes[:] = 0.0
        for k in range(actions):
            row = s * actions + k
            extra = discount * offset * excess[row]
            q[s, k] = reward[s, k] + (discount * _dot(transition[row], w) + extra)
            sizes[0] = max(sizes[0], abs(reward[s, k]))
            sizes[1] = max(sizes[1], large + abs(extra))
        _state(s, q[s], terms, sizes, offset, w, discount, levels, d, radius, joint[s], tilts[s], scratch)


@njit(cache=True)
def sparse_sweep(  # type: ignore[no-untyped-def]
    indptr, indices, data, reward, excess, discount, levels, offset, w, d, radius, q, joint, tilts
):
    """The same over CSR rows (s, k)."""
    states, actions = reward.shape
    scratch = np.empty((levels[0].shape[0] + 1, actions))
    large = np.max(np.abs(w)) * 1.000001
    sizes = np.empty(2)
    for s in range(states):
        sizes[:] = 0.0
        terms = 0.0
        for k in range(actions):
            row = s * actions + k
            begin, end = indptr[row], indptr[row + 1]
            extra = discount * offset * excess[row]
            q[s, k] = reward[s, k] + (
                discount * _sparse_dot(data, indices, begin, end, w) + extra
            )
            terms = max(terms, end - begin + 3.0)
            sizes[0] = max(sizes[0], abs(reward[s, k]))
            sizes[1] = max(sizes[1], large + abs(extra))
        _state(s, q[s], terms, sizes, offset, w, discount, levels, d, radius, joint[s], tilts[s], scratch)
