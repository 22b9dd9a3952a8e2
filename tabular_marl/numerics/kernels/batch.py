# mypy: allow-untyped-defs, allow-untyped-calls
"""Newton's method on many small two-player games at once, one game a lane.

    V ← V + (I − γ P_w)⁻¹ (TV − V),        TV(s) = F_outer[ F_inner[ r + γ Σ_t P V(t) ] ]

A lane whose game is done writes it out and waits for the others, for `_PATIENCE` steps at most;
then all that wait take the next games from the queue. (Eight games are laid out together for the
price of two or three; but nobody waits for a game that needs a hundred steps.)

With β of one sign T is convex (or concave), the greatest of affine maps r_w + γ P_w V − KL/β, and
Newton's method is policy iteration: from the second V on it is monotone, and at each step the error
falls by γ at least. It is left alone.

With β of both signs it may cycle. So the V of least residual is kept; `_TRIES` Newton steps without
a residual below 0.9 of that one's are undone, and a run of value-iteration sweeps starts from
there, 10, then 20, 40, … of them: V ← TV + γ/(1 − γ) mid(TV − V). A sweep multiplies max |TV − V|
by γ at most, so every game converges; Newton's convergence is quadratic near the solution.

Blocks of lanes (lanes.py) are laid out in the game's order, [s, a, b, t]; place[row] is where row
(s, a, b) stands in the order (s, outer action, inner action), in which groups are contiguous.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tabular_marl.numerics.kernels.batch_data import begin, give, inspect, lay
from tabular_marl.numerics.kernels.batch_notes import (
    BOUND,
    COUNT,
    KEEPING,
    KEPT_MIDDLE,
    KEPT_SIZE,
    MIDDLE,
    NOISE,
    SIZE,
    SWEEPING,
)
from tabular_marl.numerics.kernels.batch_steps import evaluate, judge, move, newton_step
from tabular_marl.numerics.kernels.lanes import WIDTH, address

#: status codes
CONVERGED, FLOOR, ITERATION_LIMIT, STALLED, INVALID = range(5)
#: steps that a lane waits for others, and Newton steps without progress that are borne
_PATIENCE, _TRIES = 3, 4


@njit
def _status(lane, tol, notes):
    """How this lane's game ended, or −1."""
    if not notes[SIZE * WIDTH + lane] < np.inf:
        return STALLED
    if notes[BOUND * WIDTH + lane] <= tol:
        return CONVERGED
    if notes[SIZE * WIDTH + lane] <= 0.5 * notes[NOISE * WIDTH + lane]:
        return FLOOR
    return -1


@njit
def _safeguard(lane, states, tries, value, saved, notes, turns):
    """Choose this lane's next move: a Newton step, a sweep, or back to the least residual.

    turns[lane] = (sweeps still to take, Newton steps since the residual last fell, runs of sweeps).
    """
    rest, constant, residual = value
    size, middle = SIZE * WIDTH + lane, MIDDLE * WIDTH + lane
    kept_size, kept_middle = KEPT_SIZE * WIDTH + lane, KEPT_MIDDLE * WIDTH + lane
    keeping = True
    if turns[lane, 0] > 0:
        turns[lane, 0] -= 1
    elif notes[size] <= 0.9 * notes[kept_size]:
        turns[lane, 1] = 0
    elif turns[lane, 1] < tries:
        turns[lane, 1] += 1
        keeping = False
    else:
        for s in range(states):
            rest[s * WIDTH + lane] = saved[s * WIDTH + lane]
            residual[s * WIDTH + lane] = saved[(states + s) * WIDTH + lane]
        constant[lane] = saved[2 * states * WIDTH + lane]
        notes[size], notes[middle] = notes[kept_size], notes[kept_middle]
        turns[lane, 0] = 10 << min(turns[lane, 2], 20)
        turns[lane, 1] = 0
        turns[lane, 2] += 1
    if keeping:
        notes[kept_size], notes[kept_middle] = notes[size], notes[middle]
    notes[KEEPING * WIDTH + lane] = 1.0 if keeping else 0.0
    notes[SWEEPING * WIDTH + lane] = 1.0 if turns[lane, 0] > 0 else 0.0


@njit
def _room(workspace, end, blocks):
    """The next ``blocks`` blocks of the workspace: where they begin, and where the rest does."""
    return address(workspace, end), end + blocks * WIDTH


def workspace(states: int, outer: int, inner: int) -> NDArray[np.float64]:
    """The doubles that `solve_games` works in, beginning at a cache line."""
    pairs, rows = states * outer, states * outer * inner
    blocks = rows * (states + 4) + 2 * pairs + states * (states + 5) + outer * inner + 2 + COUNT
    space = np.zeros(blocks * WIDTH + 8)
    skip = -space.ctypes.data % 64 // 8
    return space[skip : skip + blocks * WIDTH]


@njit(cache=True, nogil=True)
def solve_games(
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

    transitions and rewards are flat, [g, s, a, b(, t)]. betas = (inner β, 1/β, outer β, 1/β);
    priors [s, j, i] and [s, j], flat. noise_factors = (a, b, a', b', e): the two levels' rounding
    (batch_steps.py), and e X² for the error of β taken as 0.
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
    notes, end = _room(workspace, end, COUNT)
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
    iterations, turns = np.zeros(WIDTH, np.int64), np.zeros((WIDTH, 3), np.int64)
    tries = _TRIES if betas[0] * betas[2] < 0.0 else max_iterations
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
            lay(address(held, 0), fresh, count, moves, rows * states, transition)
            lay(address(held, 0), fresh, count, payoffs, rows, reward)
            inspect(rows, states, game, notes)
            for lane in range(WIDTH):
                if fresh[lane]:
                    iterations[lane], turns[lane] = 0, 0
                    fresh[lane] = False
                    if not begin(lane, states, value, notes):
                        out_counts[held[lane], 1] = INVALID
                        return False
            count = 0
        evaluate(sizes, gamma, betas, priors, places, game, value, work)
        judge(states, gamma, noise_factors, value, notes)
        going_on = False
        for lane in range(WIDTH):
            if fresh[lane] or not busy[lane]:
                continue
            iterations[lane] += 1
            status = _status(lane, tol, notes)
            if status < 0:
                if iterations[lane] < max_iterations:
                    _safeguard(lane, states, tries, value, saved, notes, turns)
                    going_on = True
                    continue
                status = ITERATION_LIMIT
            g = held[lane]
            give(lane, g, sizes, places, value, tilts, outs)
            out_certificate[g, 0] = notes[SIZE * WIDTH + lane]
            out_certificate[g, 1] = notes[BOUND * WIDTH + lane]
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
            newton_step(sizes, gamma, places, transition, tilts, residual, weights, matrix, step)
            move(states, value, saved, step, notes)
    # The addresses above must not outlive their arrays.
    return fine and held.size == WIDTH
