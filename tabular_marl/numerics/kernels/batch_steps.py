# mypy: allow-untyped-defs, allow-untyped-calls
"""The arithmetic of one step of a batch: TV − V, its proved bound, Newton's step, and the move.

Values are V = c + w with w centred. With ε = 1 − Σ_t P (found without rounding, `_inspect`),

    TV − V = F[ r + γ (Σ P w − c ε) ] − w − (1 − γ) c,

whose rounding error grows with |r| and |w| and not with |V| ~ |r|/(1 − γ).

Elimination needs no pivots: A = I − γ P_w has A_ss − Σ_{t≠s} |A_st| = 1 − γ Σ_t P_w > 0, so it is
strictly diagonally dominant by rows; elimination keeps that (and the signs) in what remains, hence
no pivot vanishes and no entry exceeds twice the largest of A.

Rounding. With u = 2⁻⁵³ and X = max|r| + γ max|w| + γ |c| max|ε|, a bound on the sums behind q:
each q is off by at most (S + 5) u X (S fused multiply-adds, two more, 3u for c ε); a level moves by
no more than its arguments (F is non-expansive) and adds u min(a X, b) + u X (batch_levels.py, with
spread ≤ 2X); the last two subtractions add 2u ((1 − γ)|c| + |TV − V|). With κ = γ max Σ_t P < 1,

    max |V − V*| ≤ (max |TV − V| + all that) / (1 − κ) + u (|c| + max |w|).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.batch_levels import aggregate
from tabular_marl.numerics.kernels.batch_notes import (
    BOUND,
    DEFICIT,
    EXCESS,
    KEEPING,
    MIDDLE,
    NOISE,
    REWARD,
    SIZE,
    SWEEPING,
)
from tabular_marl.numerics.kernels.lanes import (
    fma,
    largest,
    load,
    magnitude,
    smallest,
    splat,
    store,
    where_less,
)

_U = 2.0**-53


@njit
def _put(q, place, row, gamma, future, drift, deficit, reward):
    """q[row] = r + γ future − γ c ε, in its place."""
    now = fma(drift, load(deficit, row), load(reward, row))
    store(q, place[row], fma(splat(gamma), future, now))


@njit
def evaluate(sizes, gamma, betas, priors, place, game, value, work):
    """TV − V and both tilts at V = c + w."""
    states, outer, inner = sizes
    transition, reward, deficit = game
    rest, constant, residual = value
    q, middle, inner_tilt, outer_tilt = work
    c = load(constant, 0)
    drift = splat(-gamma) * c
    rows = states * outer * inner
    for row in range(0, rows - rows % 4, 4):  # four sums at a time hide each other's latency
        a, b, d, e = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for t in range(states):
            v = load(rest, t)
            at = row * states + t
            a = fma(load(transition, at), v, a)
            b = fma(load(transition, at + states), v, b)
            d = fma(load(transition, at + 2 * states), v, d)
            e = fma(load(transition, at + 3 * states), v, e)
        _put(q, place, row, gamma, a, drift, deficit, reward)
        _put(q, place, row + 1, gamma, b, drift, deficit, reward)
        _put(q, place, row + 2, gamma, d, drift, deficit, reward)
        _put(q, place, row + 3, gamma, e, drift, deficit, reward)
    for row in range(rows - rows % 4, rows):
        a = splat(0.0)
        for t in range(states):
            a = fma(load(transition, row * states + t), load(rest, t), a)
        _put(q, place, row, gamma, a, drift, deficit, reward)
    aggregate(q, states * outer, inner, priors[0], betas[0], betas[1], inner_tilt, middle)
    aggregate(middle, states, outer, priors[1], betas[2], betas[3], outer_tilt, residual)
    fall = splat(1.0 - gamma) * c
    for s in range(states):
        store(residual, s, (load(residual, s) - load(rest, s)) - fall)


@njit
def judge(states, gamma, factors, value, notes):
    """Note the residual's size and middle, its rounding noise, and the proved bound."""
    inner_scale, inner_most, outer_scale, outer_most, bend = factors
    rest, constant, residual = value
    low, high, size = splat(np.inf), splat(-np.inf), splat(0.0)
    finite = splat(0.0)
    for s in range(states):
        change = load(residual, s)
        low, high = smallest(low, change), largest(high, change)
        finite = fma(change, splat(0.0), finite)
        size = largest(size, magnitude(load(rest, s)))
    c = magnitude(load(constant, 0))
    scale = load(notes, REWARD) + splat(gamma) * (size + c * load(notes, DEFICIT))
    worst = largest(magnitude(low), magnitude(high)) + finite
    noise = splat(states + 8.0) * scale + splat(2.0) * (splat(1.0 - gamma) * c + worst)
    noise = noise + smallest(splat(inner_scale) * scale, splat(inner_most))
    noise = noise + smallest(splat(outer_scale) * scale, splat(outer_most))
    noise = splat(_U) * noise + splat(1e-24) * c + splat(bend) * (scale * scale) + splat(1e-120)
    gap = splat((1.0 - gamma) * (1.0 - 4.0 * _U)) - splat(gamma) * load(notes, EXCESS)
    bound = (worst + noise) / gap * splat(1.0 + 16.0 * _U) + splat(_U) * (c + size)
    store(notes, SIZE, worst)
    store(notes, MIDDLE, splat(0.5 * gamma / (1.0 - gamma)) * (low + high))
    store(notes, NOISE, noise)
    store(notes, BOUND, where_less(splat(0.0), gap, bound, splat(np.inf)))


@njit
def newton_step(sizes, gamma, place, transition, tilts, residual, weights, matrix, step):
    """step = (I − γ P_w)⁻¹ residual, w the product of the tilts; elimination by rows, no pivots."""
    states, outer, inner = sizes
    actions = outer * inner
    zero = splat(0.0)
    for s in range(states):
        for k in range(actions):
            at = place[s * actions + k]
            store(weights, k, splat(-gamma) * load(tilts[1], at // inner) * load(tilts[0], at))
        for t in range(0, states - states % 4, 4):
            a, b, d, e = zero, zero, zero, zero
            for k in range(actions):
                w, at = load(weights, k), (s * actions + k) * states + t
                a = fma(w, load(transition, at), a)
                b = fma(w, load(transition, at + 1), b)
                d = fma(w, load(transition, at + 2), d)
                e = fma(w, load(transition, at + 3), e)
            store(matrix, s * states + t, a)
            store(matrix, s * states + t + 1, b)
            store(matrix, s * states + t + 2, d)
            store(matrix, s * states + t + 3, e)
        for t in range(states - states % 4, states):
            a = zero
            for k in range(actions):
                a = fma(load(weights, k), load(transition, (s * actions + k) * states + t), a)
            store(matrix, s * states + t, a)
        store(matrix, s * states + s, load(matrix, s * states + s) + splat(1.0))
        store(step, s, load(residual, s))
    for s in range(states):
        inverse = splat(1.0) / load(matrix, s * states + s)
        scaled = inverse * load(step, s)
        store(step, s, scaled)
        for t in range(s + 1, states):
            store(matrix, s * states + t, inverse * load(matrix, s * states + t))
        for r in range(s + 1, states):
            factor = zero - load(matrix, r * states + s)
            store(step, r, fma(factor, scaled, load(step, r)))
            for t in range(s + 1, states):
                entry = fma(factor, load(matrix, s * states + t), load(matrix, r * states + t))
                store(matrix, r * states + t, entry)
    for s in range(states - 1, -1, -1):
        total = load(step, s)
        for t in range(s + 1, states):
            total = total - load(matrix, s * states + t) * load(step, t)
        store(step, s, total)


@njit
def _keep(saved, block, keeping, value):
    store(saved, block, where_less(splat(0.5), keeping, value, load(saved, block)))


@njit
def move(states, value, saved, step, notes):
    """Keep V where it is the best so far; then V ← V + step (or a sweep), and centre w."""
    rest, constant, residual = value
    sweeping, middle = load(notes, SWEEPING), load(notes, MIDDLE)
    keeping = load(notes, KEEPING)
    mean = splat(0.0)
    for s in range(states):
        old, change = load(rest, s), load(residual, s)
        _keep(saved, s, keeping, old)
        _keep(saved, states + s, keeping, change)
        new = old + where_less(splat(0.5), sweeping, change + middle, load(step, s))
        store(rest, s, new)
        mean = mean + new
    c = load(constant, 0)
    _keep(saved, 2 * states, keeping, c)
    mean = mean * splat(1.0 / states)
    store(constant, 0, c + mean)
    for s in range(states):
        store(rest, s, load(rest, s) - mean)
