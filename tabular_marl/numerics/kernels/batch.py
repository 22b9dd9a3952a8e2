"""Newton's method on many small two-player games at once, one game a lane.

    V ← V + (I − γ P_w)⁻¹ (TV − V),        TV(s) = F_outer[ F_inner[ r + γ Σ_t P V(t) ] ]

A lane whose game is done writes it out and waits for the others, for `_PATIENCE` steps at most; then
all that wait take the next games from the queue. (Eight games are laid out together for the price of
two or three; but nobody waits for a game that needs a hundred steps.)

Values are V = c + w with w centred. With ε = 1 − Σ_t P (found without rounding, `_inspect`),

    TV − V = F[ r + γ (Σ P w − c ε) ] − w − (1 − γ) c,

whose rounding error grows with |r| and |w| and not with |V| ~ |r|/(1 − γ).

Safeguard. A Newton step that leaves the residual above 0.9 of what it was is undone, and a run of
value-iteration sweeps is taken from where it started, 10, then 20, 40, … of them:
V ← TV + γ/(1 − γ) mid(TV − V). A sweep multiplies max |TV − V| by γ at most, whatever the signs of
the β are, so every game converges; Newton's convergence is quadratic near the solution.

Elimination needs no pivots: A = I − γ P_w has A_ss − Σ_{t≠s} |A_st| = 1 − γ Σ_t P_w > 0, so it is
strictly diagonally dominant by rows; elimination keeps that (and the signs) in what remains, hence
no pivot vanishes and no entry exceeds twice the largest of A.

Rounding. With u = 2⁻⁵³ and X = max|r| + γ max|w| + γ |c| max|ε|, a bound on the sums behind q:
each q is off by at most (S + 5) u X (S fused multiply-adds, two more, 3u for c ε); a level moves by
no more than its arguments (F is non-expansive) and adds u min(a X, b) + u X (batch_levels.py, with
spread ≤ 2X); the last two subtractions add 2u ((1 − γ)|c| + |TV − V|). With κ = γ max Σ_t P < 1,

    max |V − V*| ≤ (max |TV − V| + all that) / (1 − κ) + u (|c| + max |w|).

Blocks of lanes (lanes.py) are laid out in the game's order, [s, a, b, t]; place[row] is where row
(s, a, b) stands in the order (s, outer action, inner action), in which groups are contiguous.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tabular_marl.numerics.kernels.batch_levels import aggregate
from tabular_marl.numerics.kernels.lanes import (
    WIDTH,
    address,
    fma,
    interleave,
    largest,
    load,
    magnitude,
    smallest,
    splat,
    store,
    where_less,
)

_U = 2.0**-53
#: status codes
CONVERGED, FLOOR, ITERATION_LIMIT, STALLED, INVALID = range(5)
#: what is noted of every lane: max|r|, max|ε|, −min ε, min P, 0 unless not finite; then of its
#: residual: the size, γ/(1−γ) times the middle, both one step earlier, the rounding noise; the
#: proved bound; 1 if it sweeps
_NOTES = 12
_REWARD, _DEFICIT, _EXCESS, _LEAST, _POISON, _SIZE, _MIDDLE, _LAST_SIZE, _LAST_MIDDLE, _NOISE = (
    range(10)
)
_BOUND, _SWEEPING = 10, 11
#: With this many fresh lanes it is cheaper to lay all eight again, eight by eight.
_MANY = 3
_PATIENCE = 3


@njit
def _lay(games, fresh, count, source, length, target):  # type: ignore[no-untyped-def]
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
def _inspect(rows, states, game, notes):  # type: ignore[no-untyped-def]
    """ε = 1 − Σ P of every row, and what has to be known of r and P.

    ε is built as (((1 − p₁) − p₂) − …), what remains being no smaller than what is taken off, so
    each difference's rounding error is (a − d) − p exactly. (Where a row sums to more than one by up
    to 1e-9, that can be off by u·1e-9; the bound counts 1e-24.)
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
    store(notes, _REWARD, biggest)
    store(notes, _DEFICIT, largest(short, excess))
    store(notes, _EXCESS, excess)
    store(notes, _LEAST, least)
    store(notes, _POISON, poison)


@njit
def _put(q, place, row, gamma, future, drift, deficit, reward):  # type: ignore[no-untyped-def]
    """q[row] = r + γ future − γ c ε, in its place."""
    now = fma(drift, load(deficit, row), load(reward, row))
    store(q, place[row], fma(splat(gamma), future, now))


@njit
def _evaluate(sizes, gamma, betas, priors, place, game, value, work):  # type: ignore[no-untyped-def]
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
def _judge(states, gamma, factors, value, notes):  # type: ignore[no-untyped-def]
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
    scale = load(notes, _REWARD) + splat(gamma) * (size + c * load(notes, _DEFICIT))
    worst = largest(magnitude(low), magnitude(high)) + finite
    noise = splat(states + 8.0) * scale + splat(2.0) * (splat(1.0 - gamma) * c + worst)
    noise = noise + smallest(splat(inner_scale) * scale, splat(inner_most))
    noise = noise + smallest(splat(outer_scale) * scale, splat(outer_most))
    noise = splat(_U) * noise + splat(1e-24) * c + splat(bend) * (scale * scale) + splat(1e-120)
    gap = splat((1.0 - gamma) * (1.0 - 4.0 * _U)) - splat(gamma) * load(notes, _EXCESS)
    bound = (worst + noise) / gap * splat(1.0 + 16.0 * _U) + splat(_U) * (c + size)
    store(notes, _SIZE, worst)
    store(notes, _MIDDLE, splat(0.5 * gamma / (1.0 - gamma)) * (low + high))
    store(notes, _NOISE, noise)
    store(notes, _BOUND, where_less(splat(0.0), gap, bound, splat(np.inf)))


@njit
def _status(lane, tol, notes):  # type: ignore[no-untyped-def]
    """How this lane's game ended, or −1."""
    if not notes[_SIZE * WIDTH + lane] < np.inf:
        return STALLED
    if notes[_BOUND * WIDTH + lane] <= tol:
        return CONVERGED
    if notes[_SIZE * WIDTH + lane] <= 0.5 * notes[_NOISE * WIDTH + lane]:
        return FLOOR
    return -1


@njit
def _safeguard(lane, states, value, saved, notes, left, falls):  # type: ignore[no-untyped-def]
    """Choose this lane's next move, a Newton step or a sweep, and undo a Newton step that failed."""
    rest, constant, residual = value
    size, middle = _SIZE * WIDTH + lane, _MIDDLE * WIDTH + lane
    last_size, last_middle = _LAST_SIZE * WIDTH + lane, _LAST_MIDDLE * WIDTH + lane
    if left[lane] > 0:
        left[lane] -= 1
    elif notes[size] > 0.9 * notes[last_size]:
        for s in range(states):
            rest[s * WIDTH + lane] = saved[s * WIDTH + lane]
            residual[s * WIDTH + lane] = saved[(states + s) * WIDTH + lane]
        constant[lane] = saved[2 * states * WIDTH + lane]
        notes[size], notes[middle] = notes[last_size], notes[last_middle]
        left[lane] = 10 << min(falls[lane], 20)
        falls[lane] += 1
    notes[last_size], notes[last_middle] = notes[size], notes[middle]
    notes[_SWEEPING * WIDTH + lane] = 1.0 if left[lane] > 0 else 0.0


@njit
def _newton_step(sizes, gamma, place, transition, tilts, residual, weights, matrix, step):  # type: ignore[no-untyped-def]
    """step = (I − γ P_w)⁻¹ residual, w the product of the tilts; elimination by rows, no pivots.

    Tilts below 1e-130 count as 0 here: their product must not become denormal.
    """
    states, outer, inner = sizes
    actions = outer * inner
    tiny, zero = splat(1e-130), splat(0.0)
    for s in range(states):
        for k in range(actions):
            at = place[s * actions + k]
            given, free = load(tilts[0], at), load(tilts[1], at // inner)
            given = where_less(tiny, given, given, zero)
            free = where_less(tiny, free, free, zero)
            store(weights, k, splat(-gamma) * free * given)
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
def _move(states, value, saved, step, notes):  # type: ignore[no-untyped-def]
    """Keep V, then V ← V + step (or a sweep), and centre w."""
    rest, constant, residual = value
    sweeping, middle = load(notes, _SWEEPING), load(notes, _MIDDLE)
    mean = splat(0.0)
    for s in range(states):
        old, change = load(rest, s), load(residual, s)
        store(saved, s, old)
        store(saved, states + s, change)
        new = old + where_less(splat(0.5), sweeping, change + middle, load(step, s))
        store(rest, s, new)
        mean = mean + new
    c = load(constant, 0)
    store(saved, 2 * states, c)
    mean = mean * splat(1.0 / states)
    store(constant, 0, c + mean)
    for s in range(states):
        store(rest, s, load(rest, s) - mean)


@njit
def _give(lane, at, sizes, place, value, tilts, outs):  # type: ignore[no-untyped-def]
    """Write out V = c + w and the tilts (inner in the game's order of actions, outer [s, j])."""
    states, outer, inner = sizes
    rest, constant, residual = value
    pairs, rows = states * outer, states * outer * inner
    for s in range(states):
        outs[0][at * states + s] = constant[lane] + rest[s * WIDTH + lane]
    for row in range(rows):
        outs[1][at * rows + row] = tilts[0][place[row] * WIDTH + lane]
    for pair in range(pairs):
        outs[2][at * pairs + pair] = tilts[1][pair * WIDTH + lane]


@njit
def _begin(lane, states, value, notes):  # type: ignore[no-untyped-def]
    """V = 0 in a fresh lane; False where its game is not one."""
    rest, constant, residual = value
    for s in range(states):
        rest[s * WIDTH + lane] = 0.0
        residual[s * WIDTH + lane] = 0.0  # V = 0 has yet to be evaluated: stay there
    constant[lane] = 0.0
    notes[_LAST_SIZE * WIDTH + lane] = np.inf
    notes[_SWEEPING * WIDTH + lane] = 0.0
    return (
        notes[_LEAST * WIDTH + lane] >= 0.0
        and notes[_DEFICIT * WIDTH + lane] <= 1e-9
        and notes[_POISON * WIDTH + lane] == 0.0
    )


@njit
def _room(workspace, end, blocks):  # type: ignore[no-untyped-def]
    """The next ``blocks`` blocks of the workspace: where they begin, and where the rest does."""
    return address(workspace, end), end + blocks * WIDTH


def workspace(states: int, outer: int, inner: int) -> NDArray[np.float64]:
    """The doubles that `solve_games` works in, beginning at a cache line."""
    pairs, rows = states * outer, states * outer * inner
    blocks = rows * (states + 4) + 2 * pairs + states * (states + 5) + outer * inner + 2 + _NOTES
    space = np.zeros(blocks * WIDTH + 8)
    skip = -space.ctypes.data % 64 // 8
    return space[skip : skip + blocks * WIDTH]


@njit(cache=True, nogil=True)
def solve_games(  # type: ignore[no-untyped-def]
    transitions,
    rewards,
    sizes,
    place,
    gamma,
    betas,
    prior_inner,
    prior_outer,
    tol,
    max_iterations,
    noise_factors,
    workspace,
    out,
    out_inner,
    out_outer,
    out_certificate,
    out_counts,
):
    """Solve every game; True when all reached the tolerance or the floor of double precision.

    transitions and rewards are flat, [g, s, a, b(, t)]. betas = (inner β, 1/β, outer β, 1/β); priors
    [s, j, i] and [s, j], flat. noise_factors = (a, b, a', b', e): the levels' rounding as above, and
    e X² for the error of β taken as 0.
    out[g, s]; out_certificate[g, 2] = (max |TV − V|, error bound); out_counts[g, 2] = (iterations,
    status code). A game that is none ends everything, with status INVALID.
    """
    states, outer, inner = sizes
    pairs, rows = states * outer, states * outer * inner
    transition, end = _room(workspace, 0, rows * states)
    reward, end = _room(workspace, end, rows)
    deficit, end = _room(workspace, end, rows)
    rest, end = _room(workspace, end, states)
    constant, end = _room(workspace, end, 1)
    residual, end = _room(workspace, end, states)
    inner_tilt, end = _room(workspace, end, rows)
    outer_tilt, end = _room(workspace, end, pairs)
    q, end = _room(workspace, end, rows)
    middle, end = _room(workspace, end, pairs)
    weights, end = _room(workspace, end, outer * inner)
    matrix, end = _room(workspace, end, states * states)
    step, end = _room(workspace, end, states)
    saved, end = _room(workspace, end, 2 * states + 1)
    notes, end = _room(workspace, end, _NOTES)
    game, value, tilts = (
        (transition, reward, deficit),
        (rest, constant, residual),
        (inner_tilt, outer_tilt),
    )
    work = (q, middle, inner_tilt, outer_tilt)
    priors = (address(prior_inner, 0), address(prior_outer, 0))
    moves, payoffs, places = address(transitions, 0), address(rewards, 0), address(place, 0)
    outs = (address(out, 0), address(out_inner, 0), address(out_outer, 0))
    held = np.zeros(WIDTH, np.int64)  # the game of each lane
    fresh, busy = np.ones(WIDTH, np.bool_), np.zeros(WIDTH, np.bool_)
    iterations, left = np.zeros(WIDTH, np.int64), np.zeros(WIDTH, np.int64)
    falls = np.zeros(WIDTH, np.int64)
    games = out_counts.shape[0]
    queue, at_work, count, fine = 0, 0, min(WIDTH, games), True
    for lane in range(count):
        held[lane], busy[lane] = queue, True
        queue += 1
        at_work += 1
    count = WIDTH
    waited = 0
    while at_work > 0:
        waited = waited + 1 if count > 0 else 0
        if count > 0 and (count >= at_work or waited > _PATIENCE):
            waited = 0
            _lay(address(held, 0), fresh, count, moves, rows * states, transition)
            _lay(address(held, 0), fresh, count, payoffs, rows, reward)
            _inspect(rows, states, game, notes)
            for lane in range(WIDTH):
                if fresh[lane]:
                    iterations[lane], left[lane], falls[lane] = 0, 0, 0
                    fresh[lane] = False
                    if not _begin(lane, states, value, notes):
                        out_counts[held[lane], 1] = INVALID
                        return False
            count = 0
        _evaluate(sizes, gamma, betas, priors, places, game, value, work)
        _judge(states, gamma, noise_factors, value, notes)
        going_on = False
        for lane in range(WIDTH):
            if fresh[lane] or not busy[lane]:
                continue
            iterations[lane] += 1
            status = _status(lane, tol, notes)
            if status < 0:
                if iterations[lane] < max_iterations:
                    _safeguard(lane, states, value, saved, notes, left, falls)
                    going_on = True
                    continue
                status = ITERATION_LIMIT
            g = held[lane]
            _give(lane, g, sizes, places, value, tilts, outs)
            out_certificate[g, 0] = notes[_SIZE * WIDTH + lane]
            out_certificate[g, 1] = notes[_BOUND * WIDTH + lane]
            out_counts[g, 0], out_counts[g, 1] = iterations[lane], status
            fine = fine and status <= FLOOR
            if queue < games:
                held[lane], fresh[lane] = queue, True
                count += 1
                queue += 1
            else:
                busy[lane] = False
                at_work -= 1
        if going_on:
            _newton_step(sizes, gamma, places, transition, tilts, residual, weights, matrix, step)
            _move(states, value, saved, step, notes)
    # The addresses above must not outlive their arrays.
    return fine and held.size == WIDTH
