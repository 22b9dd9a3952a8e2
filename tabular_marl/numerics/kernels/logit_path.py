"""Following a branch of logit equilibria through its folds, compiled.

    x = (y, V, λ),    H(x) = 0                                   report (17)-(19); logit_steps.py

A step is kept if the first correction is small, Newton contracts and the tangent turns little; it
grows or shrinks so that the first correction is about ``AIM``.

    fold          dλ/ds changes sign, located by regula falsi on dλ/ds along the step
    bifurcation   sign(det J) · sign(dλ/ds) changes, which it never does on a regular branch;
                  located by bisection (an even number of crossing branches leaves no sign)

A requested λ is landed on: the step is shortened to predict it and Newton goes to the floor there.
Marks of the points: PASSED, TARGET, FOLD, BIFURCATION (a point near it).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.logit import policies, residual, workspace
from tabular_marl.numerics.kernels.logit_steps import (
    AIM,
    MOST,
    ON_THE_WAY,
    advance,
    crossing_on,
    dot,
    fold_on,
    landing,
    polish,
    predict,
    tangent,
)

PASSED, TARGET, FOLD, BIFURCATION = 0, 1, 2, 3
#: How a path ended.
DONE, TOO_MANY_STEPS, STEP_TOO_SMALL, BACK_AT_ZERO = 0, 1, 2, 3

#: Length of the first step, in log-odds.
FIRST = 1.0
SMALLEST_STEP = 1e-9
#: Branches that cross do so within a step this short, in log-odds.
SMALLEST_JUMP = 2e-2


@njit(cache=True, nogil=True)
def _least_slope(first, last, chord):
    """The least derivative, relative to the ends' least, of the cubic with these slopes; − 0.2.

    first, last > 0 are its slopes at 0 and 1, chord its rise.
    """
    # p'(z) = first + 2 (3 chord − 2 first − last) z + 3 (first + last − 2 chord) z²
    linear, square = 2.0 * (3.0 * chord - 2.0 * first - last), 3.0 * (first + last - 2.0 * chord)
    ends = min(first, last)
    if square <= 0.0 or linear >= 0.0 or linear <= -2.0 * square:
        return ends
    return first - linear * linear / (4.0 * square) - 0.2 * ends


@njit(cache=True, nogil=True)
def _next_target(targets, lam, direction):
    """The first requested λ ahead (targets ascend); nan where there is none."""
    if direction > 0.0:
        for k in range(targets.shape[0]):
            if targets[k] > lam:
                return targets[k]
    else:
        for k in range(targets.shape[0] - 1, -1, -1):
            if targets[k] < lam:
                return targets[k]
    return np.nan


@njit(cache=True, nogil=True)
def _between(targets, low, high):
    """Whether a requested λ lies strictly inside (low, high)."""
    inside = False
    for k in range(targets.shape[0]):
        inside |= low < targets[k] < high
    return inside


@njit(cache=True, nogil=True)
def _grown(array, count):
    """``array`` with room for twice as many entries."""
    larger = np.empty((2 * count, array.shape[1], array.shape[2]))
    larger[:count] = array[:count]
    return larger


@njit(cache=True, nogil=True)
def trace(system, y_start, v_start, lam_start, direction, targets, unit, longest, most, detours):
    """Follow the branch from an equilibrium until the last target, or ``most`` steps.

    ``direction`` is the sign of dλ/ds at the start; ``targets`` ascend. Returns (points, marks [k],
    λ [k], y [k, S, D], V [k, m, S], residuals [k, 2] (y, V; of targets only), steps, how it ended).
    ``longest`` limits a step in units of the first one (figures want points closer together).
    ``detours`` = False ends the path at its first fold or bifurcation.
    """
    work = workspace(system)
    room = 64
    marks = np.empty(room, dtype=np.int64)
    lams = np.empty(room)
    gaps = np.empty((room, 2))
    ys = np.empty((room, y_start.shape[0], y_start.shape[1]))
    vs = np.empty((room, v_start.shape[0], v_start.shape[1]))
    lam = lam_start
    y, v = y_start.copy(), v_start.copy()
    worst_y, worst_v, _, sign, good = polish(system, y, v, lam, work, np.inf)
    ty, tv = np.empty_like(y), np.empty_like(v)
    y0, v0, ty0, tv0 = np.empty_like(y), np.empty_like(v), np.empty_like(y), np.empty_like(v)
    y1, v1, ty1, tv1 = np.empty_like(y), np.empty_like(v), np.empty_like(y), np.empty_like(v)
    y2, v2 = np.empty_like(y), np.empty_like(v)
    tl = tangent(work, unit, direction, ty, tv)
    lam0, tl0, h0 = 0.0, 0.0, 0.0
    marks[0], lams[0] = PASSED, lam
    for k in range(targets.shape[0]):
        if targets[k] == lam:
            marks[0] = TARGET
    gaps[0, 0], gaps[0, 1] = worst_y, worst_v
    ys[0], vs[0] = y, v
    points, steps = 1, 0
    index = sign * direction
    h = min(FIRST, longest) / (unit * abs(tl))
    reach = longest / (unit * abs(tl))
    end = targets[targets.shape[0] - 1]
    if not good:
        return points, marks, lams, ys, vs, gaps, steps, STEP_TOO_SMALL
    while lam < end:
        if points + 4 > room:
            ys, vs = _grown(ys, room), _grown(vs, room)
            marks = np.concatenate((marks, np.empty(room, dtype=np.int64)))
            lams = np.concatenate((lams, np.empty(room)))
            gaps = np.concatenate((gaps, np.empty((room, 2))))
            room *= 2
        if steps >= most:
            return points, marks, lams, ys, vs, gaps, steps, TOO_MANY_STEPS
        if h * unit < SMALLEST_STEP * (1.0 + unit * lam):
            return points, marks, lams, ys, vs, gaps, steps, STEP_TOO_SMALL
        steps += 1
        h = min(h, reach)
        if h0 > 0.0:
            h = min(h, 2.5 * h0)
        goal = _next_target(targets, lam, direction)
        arc = (y, v, lam, ty, tv, tl, y0, v0, lam0, ty0, tv0, tl0, h0)
        lands = (predict(h, arc, y1, v1) - goal) * direction >= 0.0
        if lands:
            shorter, lam1, mark = landing(h, goal, arc), goal, TARGET
            predict(shorter, arc, y1, v1)
            worst_y, worst_v, first, sign, good = polish(system, y1, v1, goal, work, MOST)
        else:
            shorter, mark = h, PASSED
            lam1, first, ratio, sign = advance(system, h, arc, unit, ON_THE_WAY, y1, v1, work)
            good = ratio < np.inf and lam1 > -1e-300
        if lands and sign == 0.0 and worst_y < 1e-11:
            # an equilibrium where J is singular to the last bit: kept, but the path goes past it
            for kind in (TARGET, BIFURCATION):
                marks[points], lams[points] = kind, goal
                gaps[points, 0], gaps[points, 1] = worst_y, worst_v
                ys[points], vs[points] = y1, v1
                points += 1 if kind == TARGET or goal == end else 0
            if goal == end:
                return points, marks, lams, ys, vs, gaps, steps, DONE
            targets = targets[targets != goal]
            continue
        if not good:
            h = 0.5 * shorter
            continue
        tl1 = tangent(work, unit, direction, ty1, tv1)
        turn = dot(ty, ty1) + unit * unit * tl * tl1
        onward = direction
        if turn < 0.0:
            ty1 *= -1.0
            tv1 *= -1.0
            tl1, turn, onward = -tl1, -turn, -direction
        if turn < 0.6 or (lands and onward != direction):
            h = 0.5 * shorter
            continue
        if onward == direction and shorter * unit > SMALLEST_JUMP:
            # the cubic through both ends: does λ turn back and forth between them?
            chord = (lam1 - lam) / shorter
            if _least_slope(tl * direction, tl1 * direction, chord * direction) < 0.0:
                h = 0.5 * shorter
                continue
        if onward == direction and (lam1 - goal) * direction > 0.0:
            h *= 0.7
            continue
        crossed = index * sign * onward < 0.0
        if crossed and shorter * unit > SMALLEST_JUMP:
            h = 0.25 * shorter  # more likely a jump to another branch than a bifurcation
            continue
        fold = np.nan
        if onward != direction:
            fold = fold_on(system, shorter, arc, direction, unit, y2, v2, work)
            near = 1e-9 * (1.0 + abs(fold))
            lows, highs = min(lam, lam1), max(lam, lam1)
            missed = (
                _between(targets, lows, fold - near)
                if direction > 0.0
                else _between(targets, fold + near, highs)
            )
            if np.isnan(fold) or missed:
                h = 0.5 * shorter
                continue
            marks[points], lams[points] = FOLD, fold
            gaps[points, 0], gaps[points, 1] = 0.0, 0.0
            ys[points], vs[points] = y2, v2
            points += 1
        if crossed:
            lam2 = crossing_on(system, shorter, arc, index, unit, y2, v2, work)
            marks[points], lams[points] = BIFURCATION, lam2
            gaps[points, 0], gaps[points, 1] = 0.0, 0.0
            ys[points], vs[points] = y2, v2
            points += 1
            index = -index
        if shorter > 0.3 * h0:  # else the older point is the better neighbour for the cubic
            y0[:], v0[:], ty0[:], tv0[:] = y, v, ty, tv
            lam0, tl0, h0 = lam, tl, shorter
        else:
            h0 += shorter
        y[:], v[:], ty[:], tv[:] = y1, v1, ty1, tv1
        lam, tl, direction = lam1, tl1, onward
        marks[points], lams[points] = mark, lam
        gaps[points, 0], gaps[points, 1] = (worst_y, worst_v) if lands else (0.0, 0.0)
        ys[points], vs[points] = y, v
        points += 1
        if not detours and (crossed or not np.isnan(fold)):
            return points, marks, lams, ys, vs, gaps, steps, DONE
        if direction < 0.0 and lam * unit < 1e-3:
            return points, marks, lams, ys, vs, gaps, steps, BACK_AT_ZERO
        factor = (AIM / max(first, 1e-12)) ** 0.25 if h0 > 0.0 else 1.0
        grown = shorter * min(max(factor, 0.4), 2.5)
        h = max(h, grown) if lands else grown
    return points, marks, lams, ys, vs, gaps, steps, DONE


@njit(cache=True, nogil=True)
def landed(system, ys, vs, lams):
    """Of each point: π [k, S, ΣA], max |π − p e^{λ w q(π)} / Σ|, and its V's largest |H_V|."""
    prior, counts, owner, weights = system[3], system[4], system[5], system[6]
    work = workspace(system)
    count, states, total = ys.shape[0], prior.shape[0], prior.shape[1]
    found = np.empty((count, states, total))
    gaps = np.empty((count, 2))
    answer = np.empty((states, total))
    y = np.empty((states, ys.shape[2]))
    for k in range(count):
        _, gaps[k, 1] = residual(system, ys[k], vs[k], lams[k], work)
        found[k] = work[0]
        for s in range(states):
            own, at = 0, 0
            for i in range(counts.shape[0]):
                mine = work[3][owner[i], s]
                for a in range(1, counts[i]):
                    y[s, own + a - 1] = lams[k] * weights[i] * (mine[at + a] - mine[at])
                own += counts[i] - 1
                at += counts[i]
        policies(y, prior, counts, answer, work[1])
        worst = 0.0
        for s in range(states):
            for a in range(total):
                worst = max(worst, abs(answer[s, a] - found[k, s, a]))
        gaps[k, 0] = worst
    return found, gaps
