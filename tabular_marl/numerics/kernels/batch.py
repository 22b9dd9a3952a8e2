"""Newton's method on many small two-player games at once, one game a lane.

    V ← V + (I − γ P_w)⁻¹ (TV − V),        TV(s) = F_outer[ F_inner[ r + γ Σ_t P V(t) ] ]

The recipe has an inner level over an axis i and an outer one over j; q[s, j, i]. A lane whose game
is done writes it out and takes the next game from the queue, so lanes never wait for each other.

Values are V = c + w with w centred. With ε = 1 − Σ_t P (found without rounding, `_take`),

    TV − V = F[ r + γ (Σ P w − c ε) ] − w − (1 − γ) c,

whose rounding error grows with |r| and |w| and not with |V| ~ |r|/(1 − γ).

Safeguard. A Newton step that leaves the residual above 0.9 of what it was is undone, and a run of
value-iteration sweeps taken from where it started, 10, then 20, 40, … of them:
V ← TV + γ/(1 − γ) mid(TV − V). A sweep multiplies max |TV − V| by γ at most, whatever the signs of
the β are, so every game converges; Newton's convergence is quadratic near the solution.

Elimination needs no pivots: A = I − γ P_w has A_ss − Σ_{t≠s} |A_st| = 1 − γ Σ_t P_w > 0, so it is
strictly diagonally dominant by rows; elimination keeps that (and the signs) in what remains, hence
no pivot vanishes and no entry exceeds twice the largest of A.

Rounding. With u = 2⁻⁵³ and X = max|r| + γ max|w| + γ |c| max|ε|, a bound on the sums behind q:
each q is off by at most (2S + 4) u X; a level of n outcomes moves by no more, and adds at most
(6n + 36) u X, because its exponents round twice, its sums n + 4 times and exp and log once each,
and log S, 1 ≤ 3 |log S| unless S is near one and log1p is used, is at most |β| (max q − min q) ≤
2 |β| X. The last subtractions add 2u (X + (1 − γ)|c|). With κ = γ max Σ_t P < 1,

    max |V − V*| ≤ (max |TV − V| + all that) / (1 − κ) + u (|c| + max |w|).

All arrays are vectors of blocks of WIDTH lanes (see lanes.py): block (s·J + j)·I + i of q, and so on.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tabular_marl.numerics.kernels.lanes import (
    WIDTH,
    address,
    exponentials,
    fma,
    largest,
    load,
    log_and_reciprocal,
    magnitude,
    smallest,
    splat,
    store,
    where_equal,
    where_less,
)

_U = 2.0**-53
#: status codes, and the rows of the per-lane notes
CONVERGED, FLOOR, ITERATION_LIMIT, STALLED, INVALID = range(5)
_REWARD, _DEFICIT, _EXCESS, _LAST, _LARGEST, _MIDDLE, _SIZE, _SWEEPING, _LAST_MIDDLE = range(9)
_NOTES = 9


@njit
def _best(x, groups, count, prior, beta, best):  # type: ignore[no-untyped-def]
    """The largest (β > 0) or smallest of each group's blocks over the support of its prior."""
    for g in range(groups):
        extreme = splat(-np.inf if beta > 0.0 else np.inf)
        for k in range(g * count, (g + 1) * count):
            if prior[k] > 0.0:
                value = load(x, k)
                extreme = largest(extreme, value) if beta > 0.0 else smallest(extreme, value)
        store(best, g, extreme)


@njit
def _finite(x, groups, count, prior, beta, inverse, tilt, free):  # type: ignore[no-untyped-def]
    """F_β of each group of ``count`` blocks of x, which is overwritten, and the tilts.

    In stages over all groups, so that the work of one group hides the latency of another.
    """
    _best(x, groups, count, prior, beta, free)
    for g in range(groups):
        best = load(free, g)
        for k in range(g * count, (g + 1) * count):
            store(x, k, smallest(splat(beta) * (load(x, k) - best), splat(0.0)))
    for k in range(groups * count):
        e, e_minus_1 = exponentials(load(x, k))
        store(tilt, k, splat(prior[k]) * e)
        store(x, k, splat(prior[k]) * e_minus_1)
    for g in range(groups):
        total, missing = splat(0.0), splat(0.0)
        for k in range(g * count, (g + 1) * count):
            total = total + load(tilt, k)
            missing = missing + load(x, k)
        log_total, scale = log_and_reciprocal(total, missing)
        store(free, g, fma(log_total, splat(inverse), load(free, g)))
        for k in range(g * count, (g + 1) * count):
            store(tilt, k, load(tilt, k) * scale)


@njit
def _extreme(x, groups, count, prior, beta, tilt, free):  # type: ignore[no-untyped-def]
    """β = ±inf: the best outcome of the support; the prior restricted to the best ones."""
    _best(x, groups, count, prior, beta, free)
    for g in range(groups):
        total = splat(0.0)
        for k in range(g * count, (g + 1) * count):
            p = where_equal(load(x, k), load(free, g), splat(prior[k]), splat(0.0))
            total = total + p
            store(tilt, k, p)
        for k in range(g * count, (g + 1) * count):
            store(tilt, k, load(tilt, k) / total)


@njit
def _mean(x, groups, count, prior, tilt, free):  # type: ignore[no-untyped-def]
    """β = 0: the expectation under the prior, which is the tilt."""
    for g in range(groups):
        total = splat(0.0)
        for k in range(g * count, (g + 1) * count):
            p = splat(prior[k])
            total = fma(p, load(x, k), total)
            store(tilt, k, p)
        store(free, g, total)


@njit
def _aggregate(x, groups, count, prior, beta, inverse, tilt, free):  # type: ignore[no-untyped-def]
    if beta == 0.0:
        _mean(x, groups, count, prior, tilt, free)
    elif np.isinf(beta):
        _extreme(x, groups, count, prior, beta, tilt, free)
    else:
        _finite(x, groups, count, prior, beta, inverse, tilt, free)


@njit
def _evaluate(sizes, gamma, betas, priors, game, value, work):  # type: ignore[no-untyped-def]
    """TV − V and both tilts at V = c + w; returns (min, max) of TV − V and max |w|."""
    states, outer, inner = sizes
    transition, reward, deficit = game
    rest, constant, residual = value
    q, middle, inner_tilt, outer_tilt = work
    c = load(constant, 0)
    drift = splat(-gamma) * c
    for row in range(states * outer * inner):
        total = drift * load(deficit, row)
        future = splat(0.0)
        for t in range(states):
            future = fma(load(transition, row * states + t), load(rest, t), future)
        store(q, row, fma(splat(gamma), future, load(reward, row) + total))
    _aggregate(q, states * outer, inner, priors[0], betas[0], betas[1], inner_tilt, middle)
    _aggregate(middle, states, outer, priors[1], betas[2], betas[3], outer_tilt, residual)
    low, high, size = splat(np.inf), splat(-np.inf), splat(0.0)
    for s in range(states):
        w = load(rest, s)
        change = (load(residual, s) - w) - splat(1.0 - gamma) * c
        store(residual, s, change)
        low, high = smallest(low, change), largest(high, change)
        size = largest(size, magnitude(w))
    return low, high, size


@njit
def _newton_step(sizes, gamma, transition, inner_tilt, outer_tilt, residual, matrix, step):  # type: ignore[no-untyped-def]
    """step = (I − γ P_w)⁻¹ residual; P_w from the tilts, elimination by rows, no pivots."""
    states, outer, inner = sizes
    actions = outer * inner
    for s in range(states):
        for j in range(outer):
            w = splat(-gamma) * load(outer_tilt, s * outer + j)
            for i in range(inner):
                row = (s * outer + j) * inner + i
                store(inner_tilt, row, w * load(inner_tilt, row))
        for t in range(states):
            total = splat(1.0 if s == t else 0.0)
            for k in range(actions):
                row = s * actions + k
                total = fma(load(inner_tilt, row), load(transition, row * states + t), total)
            store(matrix, s * states + t, total)
        store(step, s, load(residual, s))
    for s in range(states):
        inverse = splat(1.0) / load(matrix, s * states + s)
        scaled = inverse * load(step, s)
        store(step, s, scaled)
        for t in range(s + 1, states):
            store(matrix, s * states + t, inverse * load(matrix, s * states + t))
        for r in range(s + 1, states):
            factor = splat(0.0) - load(matrix, r * states + s)
            store(step, r, fma(factor, scaled, load(step, r)))
            for t in range(s + 1, states):
                entry = load(matrix, r * states + t)
                store(
                    matrix, r * states + t, fma(factor, load(matrix, s * states + t), entry)
                )
    for s in range(states - 1, -1, -1):
        total = load(step, s)
        for t in range(s + 1, states):
            total = fma(splat(0.0) - load(matrix, s * states + t), load(step, t), total)
        store(step, s, total)


@njit
def _move(states, value, saved, step, notes):  # type: ignore[no-untyped-def]
    """V ← V + step (or a sweep, or from the saved V a sweep), then centre w; keep the old V."""
    rest, constant, residual = value
    sweeping = load(notes, _SWEEPING)
    middle = load(notes, _MIDDLE)
    half = splat(0.5)
    mean = splat(0.0)
    for s in range(states):
        old = load(rest, s)
        change = load(residual, s)
        store(saved, s, old)
        store(saved, states + s, change)
        new = old + where_less(half, sweeping, change + middle, load(step, s))
        store(rest, s, new)
        mean = mean + new
    c = load(constant, 0)
    store(saved, 2 * states, c)
    mean = mean * splat(1.0 / states)
    store(constant, 0, c + mean)
    for s in range(states):
        store(rest, s, load(rest, s) - mean)


@njit
def _take(lane, at, strides, sizes, transitions, rewards, game, value, notes):  # type: ignore[no-untyped-def]
    """Lay game ``at`` into ``lane``, V = 0; False where a row is not a distribution, or r not finite.

    1 − Σ P is built as (((1 − p₁) − p₂) − …), what remains being no smaller than what is taken off,
    so each difference's rounding error is (a − d) − p exactly. (Where a row sums to more than one by
    up to 1e-9, the last of them can be off by u·1e-9; the bound counts it.)
    """
    states, outer, inner = sizes
    transition, reward, deficit = game
    rest, constant, residual = value
    actions = outer * inner
    least, most, largest_reward, smallest_p = 0.0, 0.0, 0.0, 0.0
    finite = True
    for s in range(states):
        for j in range(outer):
            for i in range(inner):
                source = (at * states + s) * actions + j * strides[0] + i * strides[1]
                row = (s * outer + j) * inner + i
                r = rewards[source]
                reward[row * WIDTH + lane] = r
                largest_reward = max(largest_reward, abs(r))
                finite = finite and abs(r) < np.inf
                remaining, lost, smallest = 1.0, 0.0, 0.0
                for t in range(states):
                    p = transitions[source * states + t]
                    transition[(row * states + t) * WIDTH + lane] = p
                    smallest = min(smallest, p)
                    less = remaining - p
                    lost += (remaining - less) - p
                    remaining = less
                smallest_p = min(smallest_p, smallest)
                remaining += lost
                deficit[row * WIDTH + lane] = remaining
                finite = finite and abs(remaining) < np.inf
                least, most = min(least, remaining), max(most, remaining)
        rest[s * WIDTH + lane] = 0.0
        residual[s * WIDTH + lane] = 0.0  # V = 0 has yet to be evaluated: stay there
    constant[lane] = 0.0
    notes[_REWARD * WIDTH + lane] = largest_reward
    notes[_DEFICIT * WIDTH + lane] = max(most, -least)
    notes[_EXCESS * WIDTH + lane] = -least
    notes[_LAST * WIDTH + lane] = np.inf
    notes[_SWEEPING * WIDTH + lane] = 0.0
    return finite and smallest_p >= 0.0 and max(most, -least) <= 1e-9


@njit
def _give(lane, at, strides, sizes, value, tilts, outs):  # type: ignore[no-untyped-def]
    """Write out V = c + w and the tilts (inner in the game's order of actions, outer [s, j])."""
    states, outer, inner = sizes
    rest, constant, residual = value
    inner_tilt, outer_tilt = tilts
    out, out_inner, out_outer = outs
    for s in range(states):
        out[at * states + s] = constant[lane] + rest[s * WIDTH + lane]
        for j in range(outer):
            out_outer[(at * states + s) * outer + j] = outer_tilt[(s * outer + j) * WIDTH + lane]
            for i in range(inner):
                target = (at * states + s) * outer * inner + j * strides[0] + i * strides[1]
                row = (s * outer + j) * inner + i
                out_inner[target] = inner_tilt[row * WIDTH + lane]


@njit
def _judge(lane, gamma, tol, noise_factors, constant, notes):  # type: ignore[no-untyped-def]
    """(max |TV − V|, proved error of c + w, status or −1 to go on) of one lane."""
    low, high = notes[_MIDDLE * WIDTH + lane], notes[_LARGEST * WIDTH + lane]
    size, c = notes[_SIZE * WIDTH + lane], abs(constant[lane])
    residual = max(-low, high)
    scale = notes[_REWARD * WIDTH + lane] + gamma * (
        size + c * notes[_DEFICIT * WIDTH + lane]
    )
    units, bend = noise_factors
    noise = _U * (units * scale + 2.0 * (1.0 - gamma) * c)
    noise += 1e-24 * c + bend * scale * scale + 1e-120
    gap = (1.0 - gamma) * (1.0 - 4.0 * _U) - gamma * notes[_EXCESS * WIDTH + lane]
    bound = np.inf
    if gap > 0.0:
        bound = (residual + noise) / gap * (1.0 + 16.0 * _U) + _U * (c + size)
    if not residual < np.inf:
        return residual, np.inf, STALLED
    if bound <= tol:
        return residual, bound, CONVERGED
    if residual <= 0.5 * noise:
        return residual, bound, FLOOR
    return residual, bound, -1


@njit
def _safeguard(lane, gamma, states, residual_now, value, saved, notes, left, falls):  # type: ignore[no-untyped-def]
    """Choose this lane's next move, a Newton step or a sweep, and undo a Newton step that failed."""
    rest, constant, residual = value
    middle = 0.5 * (notes[_MIDDLE * WIDTH + lane] + notes[_LARGEST * WIDTH + lane])
    middle *= gamma / (1.0 - gamma)
    if left[lane] > 0:
        left[lane] -= 1
    elif residual_now > 0.9 * notes[_LAST * WIDTH + lane]:
        for s in range(states):
            rest[s * WIDTH + lane] = saved[s * WIDTH + lane]
            residual[s * WIDTH + lane] = saved[(states + s) * WIDTH + lane]
        constant[lane] = saved[2 * states * WIDTH + lane]
        middle = notes[_LAST_MIDDLE * WIDTH + lane]
        residual_now = notes[_LAST * WIDTH + lane]
        left[lane] = 10 << min(falls[lane], 20)
        falls[lane] += 1
    notes[_LAST * WIDTH + lane] = residual_now
    notes[_LAST_MIDDLE * WIDTH + lane] = middle
    notes[_MIDDLE * WIDTH + lane] = middle
    notes[_SWEEPING * WIDTH + lane] = 1.0 if left[lane] > 0 else 0.0


@njit
def _room(workspace, end, blocks):  # type: ignore[no-untyped-def]
    """The next ``blocks`` blocks of the workspace: where they begin, and where the rest does."""
    return address(workspace, end), end + blocks * WIDTH


def workspace(states: int, outer: int, inner: int) -> NDArray[np.float64]:
    """The doubles that `solve_games` works in, beginning at a cache line."""
    rows = states * outer * inner
    blocks = rows * (states + 4) + states * (2 * outer + states + 5) + 2 + _NOTES
    space = np.zeros(blocks * WIDTH + 8)
    skip = -space.ctypes.data % 64 // 8
    return space[skip : skip + blocks * WIDTH]


@njit(cache=True, nogil=True)
def solve_games(  # type: ignore[no-untyped-def]
    transitions,
    rewards,
    sizes,
    strides,
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

    transitions and rewards are flat, in the game's order [g, s, a, b(, t)]; ``strides`` are those of
    (j, i) in [a, b]. betas = (inner β, 1/β, outer β, 1/β); priors = ([s, j, i], [s, j]), flat.
    noise_factors = (K, b): TV − V is off by at most u K X + b X². out[g, s]; out_certificate[g, 2] =
    (max |TV − V|, error bound); out_counts[g, 2] = (iterations, status code).
    """
    states, outer, inner = sizes
    pairs = states * outer
    rows = pairs * inner
    end = 0
    transition, end = _room(workspace, end, rows * states)
    reward, end = _room(workspace, end, rows)
    deficit, end = _room(workspace, end, rows)
    game = (transition, reward, deficit)
    rest, end = _room(workspace, end, states)
    constant, end = _room(workspace, end, 1)
    residual, end = _room(workspace, end, states)
    value = (rest, constant, residual)
    inner_tilt, end = _room(workspace, end, rows)
    outer_tilt, end = _room(workspace, end, pairs)
    tilts = (inner_tilt, outer_tilt)
    q, end = _room(workspace, end, rows)
    middle, end = _room(workspace, end, pairs)
    work = (q, middle, inner_tilt, outer_tilt)
    matrix, end = _room(workspace, end, states * states)
    step, end = _room(workspace, end, states)
    saved, end = _room(workspace, end, 2 * states + 1)
    notes, end = _room(workspace, end, _NOTES)
    priors = (address(prior_inner, 0), address(prior_outer, 0))
    moves, payoffs = address(transitions, 0), address(rewards, 0)
    outs = (address(out, 0), address(out_inner, 0), address(out_outer, 0))
    at = np.full(WIDTH, -1)
    iterations, left, falls = np.zeros(WIDTH, np.int64), np.zeros(WIDTH, np.int64), np.zeros(
        WIDTH, np.int64
    )
    games = out_counts.shape[0]
    queue, busy, fine = 0, 0, True
    for lane in range(min(WIDTH, games)):
        at[lane] = queue
        if not _take(lane, queue, strides, sizes, moves, payoffs, game, value, notes):
            out_counts[queue, 1] = INVALID
            return False
        queue += 1
        busy += 1
    while busy > 0:
        low, high, size = _evaluate(sizes, gamma, betas, priors, game, value, work)
        store(notes, _MIDDLE, low)
        store(notes, _LARGEST, high)
        store(notes, _SIZE, size)
        for lane in range(WIDTH):
            g = at[lane]
            if g < 0:
                continue
            iterations[lane] += 1
            residual_now, bound, status = _judge(
                lane, gamma, tol, noise_factors, value[1], notes
            )
            if status < 0 and iterations[lane] >= max_iterations:
                status = ITERATION_LIMIT
            if status < 0:
                _safeguard(lane, gamma, states, residual_now, value, saved, notes, left, falls)
                continue
            _give(lane, g, strides, sizes, value, tilts, outs)
            out_certificate[g, 0], out_certificate[g, 1] = residual_now, bound
            out_counts[g, 0], out_counts[g, 1] = iterations[lane], status
            fine = fine and status <= FLOOR
            iterations[lane], left[lane], falls[lane] = 0, 0, 0
            if queue < games:
                at[lane] = queue
                if not _take(
                    lane, queue, strides, sizes, moves, payoffs, game, value, notes
                ):
                    out_counts[queue, 1] = INVALID
                    return False
                queue += 1
            else:
                at[lane] = -1
                busy -= 1
        _newton_step(sizes, gamma, game[0], tilts[0], tilts[1], value[2], matrix, step)
        _move(states, value, saved, step, notes)
    return fine
