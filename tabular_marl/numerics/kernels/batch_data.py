# mypy: allow-untyped-defs, allow-untyped-calls
"""Games into lanes and out of them: laying out, inspecting, beginning, giving back."""

from __future__ import annotations

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.batch_notes import (
    DEFICIT,
    EXCESS,
    KEPT_SIZE,
    LEAST,
    POISON,
    REWARD,
    SWEEPING,
)
from tabular_marl.numerics.kernels.lanes import (
    WIDTH,
    fma,
    interleave,
    largest,
    load,
    magnitude,
    smallest,
    splat,
    store,
)

#: With this many fresh lanes it is cheaper to lay all eight again, eight by eight.
_MANY = 3


@njit
def lay(games, fresh, count, source, length, target):
    """Copy each fresh lane's game, source[games[lane]·length + k], to lane of target's block k."""
    if count >= _MANY:
        whole = length - length % WIDTH
        for k in range(0, whole, WIDTH):
            interleave(source, games, length, k, target)
        for lane in range(WIDTH):
            for k in range(whole, length):
                target[k * WIDTH + lane] = source[games[lane] * length + k]
        return
    for lane in range(WIDTH):
        if fresh[lane]:
            for k in range(length):
                target[k * WIDTH + lane] = source[games[lane] * length + k]


@njit
def inspect(rows, states, game, notes):
    """ε = 1 − Σ P of every row, and what has to be known of r and P.

    ε is built as (((1 − p₁) − p₂) − …), what remains being no smaller than what is taken off, so
    each difference's rounding error is (a − d) − p exactly. (Where a row sums to more than one by
    up to 1e-9, that can be off by u·1e-9; the bound counts 1e-24.)
    """
    transition, reward, deficit = game
    zero = splat(0.0)
    biggest, short, excess, least, poison = zero, zero, zero, zero, zero
    for row in range(rows):
        remaining, lost, smallest_p = splat(1.0), zero, zero
        for t in range(states):
            p = load(transition, row * states + t)
            smallest_p = smallest(smallest_p, p)
            less = remaining - p
            lost = lost + ((remaining - less) - p)
            remaining = less
        remaining = remaining + lost
        r = load(reward, row)
        store(deficit, row, remaining)
        least = smallest(least, smallest_p)
        short, excess = largest(short, remaining), largest(excess, zero - remaining)
        biggest = largest(biggest, magnitude(r))
        poison = fma(remaining, zero, fma(r, zero, poison))
    store(notes, REWARD, biggest)
    store(notes, DEFICIT, largest(short, excess))
    store(notes, EXCESS, excess)
    store(notes, LEAST, least)
    store(notes, POISON, poison)


@njit
def begin(lane, states, value, notes):
    """V = 0 in a fresh lane; False where its game is not one."""
    rest, constant, residual = value
    for s in range(states):
        rest[s * WIDTH + lane] = 0.0
        residual[s * WIDTH + lane] = 0.0  # V = 0 has yet to be evaluated: stay there
    constant[lane] = 0.0
    notes[KEPT_SIZE * WIDTH + lane] = np.inf
    notes[SWEEPING * WIDTH + lane] = 0.0
    return (
        notes[LEAST * WIDTH + lane] >= 0.0
        and notes[DEFICIT * WIDTH + lane] <= 1e-9
        and notes[POISON * WIDTH + lane] == 0.0
    )


@njit
def give(lane, at, sizes, place, value, tilts, outs):
    """Write out V = c + w and the tilts (inner in the game's order of actions, outer [s, j])."""
    states, outer, inner = sizes
    rest, constant, _ = value
    pairs, rows = states * outer, states * outer * inner
    for s in range(states):
        outs[0][at * states + s] = constant[lane] + rest[s * WIDTH + lane]
    for row in range(rows):
        outs[1][at * rows + row] = tilts[0][place[row] * WIDTH + lane]
    for pair in range(pairs):
        outs[2][at * pairs + pair] = tilts[1][pair * WIDTH + lane]
