"""Following a branch of logit equilibria through its folds, compiled.

    x = (y, V, λ),    H(x) = 0,    dx/ds = ± (v, 1) / |(v, 1)|,    v = −J⁻¹ ∂H/∂λ       (logit.py)

The length |·| is that of (y, λ·unit), where ``unit`` turns λ into log-odds; V follows. Predictor:
the cubic through the last two points and their tangents. Corrector: Newton on the plane across the
prediction. A step is kept if the first correction is small, Newton contracts and the tangent
turns little; it grows or shrinks so that the first correction is about ``AIM``.

    fold          dλ/ds changes sign, located by regula falsi on dλ/ds along the step
    bifurcation   sign(det J) · sign(dλ/ds) changes, which it never does on a regular branch;
                  located by bisection (an even number of crossing branches leaves no sign)

A requested λ is landed on: the step is shortened to predict it and Newton goes to the floor there.
Marks of the points: PASSED, TARGET, FOLD, BIFURCATION (the last two are points near the located one).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.logit import newton, policies, residual, workspace

PASSED, TARGET, FOLD, BIFURCATION = 0, 1, 2, 3
#: How a path ended.
DONE, TOO_MANY_STEPS, STEP_TOO_SMALL, BACK_AT_ZERO = 0, 1, 2, 3

#: Wanted and largest first correction of the log-odds in a step.
AIM, MOST = 0.25, 0.7
#: On the way, Newton stops at corrections this small.
ON_THE_WAY = 1e-2
SMALLEST_STEP = 1e-9
#: Branches that cross do so within a step this short, in log-odds.
SMALLEST_JUMP = 2e-2


@njit(cache=True, nogil=True)
def _largest(step, prior, counts):  # type: ignore[no-untyped-def]
    """max |step| over the log-odds of actions in the prior's support."""
    worst = 0.0
    for s in range(step.shape[0]):
        own, at = 0, 0
        for i in range(counts.shape[0]):
            for a in range(1, counts[i]):
                if prior[s, at + a] > 0.0:
                    worst = max(worst, abs(step[s, own + a - 1]))
            own += counts[i] - 1
            at += counts[i]
    return worst


@njit(cache=True, nogil=True)
def polish(system, y, values, scale, work, limit):  # type: ignore[no-untyped-def]
    """Newton at fixed λ to the floor; (residual in y, in V, first correction, sign det J, good).

    Stops when a correction no longer halves; the last evaluation is only of the residual.
    """
    prior, counts = system[3], system[4]
    first, before = 0.0, np.inf
    sign = 0.0
    for k in range(30):
        _, _, turned = newton(system, y, values, scale, work)
        if turned == 0.0:
            return np.inf, np.inf, first, 0.0, False
        sign = turned
        size = _largest(work[11], prior, counts)
        moved = 0.0
        for i in range(values.shape[0]):
            for s in range(values.shape[1]):
                moved = max(moved, abs(work[12][i, s]) / (1.0 + abs(values[i, s])))
        if k == 0:
            first = size
        if not size < np.inf or (k == 0 and size > limit) or size > 2.0 * before + 1e-6:
            return np.inf, np.inf, first, sign, False
        y += work[11]
        values += work[12]
        size = max(size, moved)
        done = size < 1e-8 or (size < 1e-6 and size > 0.5 * before)
        before = size
        if done:
            break
    worst_y, worst_v = residual(system, y, values, scale, work)
    return worst_y, worst_v, first, sign, before < 1e-5


@njit(cache=True, nogil=True)
def _tangent(work, unit, direction, ty, tv):  # type: ignore[no-untyped-def]
    """The unit tangent from v, λ's share times ``direction``; returns dλ/ds."""
    slope_y, slope_v = work[13], work[14]
    length = unit * unit
    for s in range(slope_y.shape[0]):
        for c in range(slope_y.shape[1]):
            length += slope_y[s, c] * slope_y[s, c]
    share = direction / math.sqrt(length)
    for s in range(slope_y.shape[0]):
        for c in range(slope_y.shape[1]):
            ty[s, c] = slope_y[s, c] * share
    for k in range(slope_v.shape[0]):
        for s in range(slope_v.shape[1]):
            tv[k, s] = slope_v[k, s] * share
    return share


@njit(cache=True, nogil=True)
def _dot(a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for s in range(a.shape[0]):
        for c in range(a.shape[1]):
            total += a[s, c] * b[s, c]
    return total


@njit(cache=True, nogil=True)
def _across(system, y, values, scale, offset, ty, tl, unit, tight, work):  # type: ignore[no-untyped-def]
    """Newton on a plane across the tangent; (λ, first correction, contraction, sign of det J).

    ``offset`` says how far beyond the plane (y, λ) is. y and values move in place; a contraction of
    inf says that it failed.
    """
    prior, counts = system[3], system[4]
    weight = unit * unit
    first, before, ratio = 0.0, 0.0, 0.0
    start = scale
    sign = 0.0
    for k in range(8):
        _, _, sign = newton(system, y, values, scale, work)
        step, slope = work[11], work[13]
        bottom = _dot(ty, slope) + tl * weight
        if sign == 0.0 or bottom == 0.0:
            return scale, first, np.inf, sign
        change = -(offset + _dot(ty, step) + tl * weight * (scale - start)) / bottom
        worst = 0.0
        for s in range(y.shape[0]):
            for c in range(y.shape[1]):
                moved = step[s, c] + change * slope[s, c]
                y[s, c] += moved
                offset += ty[s, c] * moved
                step[s, c] = moved
        worst = max(_largest(step, prior, counts), abs(change) * unit)
        values += work[12] + change * work[14]
        scale += change
        if k == 0:
            first = worst
            if not worst <= MOST:
                return scale, first, np.inf, sign
        else:
            ratio = max(ratio, worst / before)
            if not ratio < 0.7 and before > 1e-6:
                return scale, first, np.inf, sign
        before = worst
        if worst < tight:
            return scale, first, ratio, sign
    return scale, first, np.inf, sign


@njit(cache=True, nogil=True)
def _beyond(y1, lam1, y, lam, ty, tl, unit, h):  # type: ignore[no-untyped-def]
    """t·(x1 − x) − h: how far x1 is beyond the plane at distance h from x."""
    total = unit * unit * tl * (lam1 - lam) - h
    for s in range(y.shape[0]):
        for c in range(y.shape[1]):
            total += ty[s, c] * (y1[s, c] - y[s, c])
    return total


@njit(cache=True, nogil=True)
def _predict(h, y, v, lam, ty, tv, tl, y0, v0, lam0, ty0, tv0, tl0, h0, out_y, out_v):  # type: ignore[no-untyped-def]
    """The cubic through two points and tangents, h beyond the newer one; h0 = 0 is the tangent."""
    if h0 == 0.0:
        out_y[:] = y + h * ty
        out_v[:] = v + h * tv
        return lam + h * tl
    # Hermite basis on [0, h0], at h0 + h
    z = 1.0 + h / h0
    old = (1.0 + 2.0 * z) * (1.0 - z) * (1.0 - z)
    new = z * z * (3.0 - 2.0 * z)
    old_t = z * (1.0 - z) * (1.0 - z) * h0
    new_t = z * z * (z - 1.0) * h0
    for s in range(y.shape[0]):
        for c in range(y.shape[1]):
            out_y[s, c] = old * y0[s, c] + new * y[s, c] + old_t * ty0[s, c] + new_t * ty[s, c]
    for k in range(v.shape[0]):
        for s in range(v.shape[1]):
            out_v[k, s] = old * v0[k, s] + new * v[k, s] + old_t * tv0[k, s] + new_t * tv[k, s]
    return old * lam0 + new * lam + old_t * tl0 + new_t * tl


@njit(cache=True, nogil=True)
def _landing(h, goal, lam, tl, lam0, tl0, h0):  # type: ignore[no-untyped-def]
    """The step ≤ h whose predicted λ is ``goal``, by bisection on the cubic."""
    low, high = 0.0, h
    for _ in range(40):
        middle = 0.5 * (low + high)
        if h0 == 0.0:
            there = lam + middle * tl
        else:
            z = 1.0 + middle / h0
            there = (1.0 + 2.0 * z) * (1.0 - z) * (1.0 - z) * lam0 + z * z * (3.0 - 2.0 * z) * lam
            there += z * (1.0 - z) * (1.0 - z) * h0 * tl0 + z * z * (z - 1.0) * h0 * tl
        if (there - goal) * (lam - goal) > 0.0:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True, nogil=True)
def _least_slope(first, last, chord):  # type: ignore[no-untyped-def]
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
def _next_target(targets, lam, direction):  # type: ignore[no-untyped-def]
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
def _between(targets, low, high):  # type: ignore[no-untyped-def]
    """Whether a requested λ lies strictly inside (low, high)."""
    for k in range(targets.shape[0]):
        if low < targets[k] < high:
            return True
    return False


@njit(cache=True, nogil=True)
def _grown(array, count):  # type: ignore[no-untyped-def]
    """``array`` with room for twice as many entries."""
    larger = np.empty((2 * count, array.shape[1], array.shape[2]))
    larger[:count] = array[:count]
    return larger


@njit(cache=True, nogil=True)
def trace(system, y_start, v_start, lam_start, direction, targets, unit, longest, most, detours):  # type: ignore[no-untyped-def]
    """Follow the branch from an equilibrium until the last target, or ``most`` steps.

    ``direction`` is the sign of dλ/ds at the start; ``targets`` ascend. Returns (points, marks [k],
    λ [k], y [k, S, D], V [k, m, S], residuals [k, 2] (y, V; of targets only), steps, how it ended).
    ``longest`` limits a step in units of the first one (figures want points closer together).
    ``detours`` = False ends the path at its first fold or bifurcation.
    """
    prior, counts = system[3], system[4]
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
    tl = _tangent(work, unit, direction, ty, tv)
    lam0, tl0, h0 = 0.0, 0.0, 0.0
    marks[0], lams[0] = PASSED, lam
    for k in range(targets.shape[0]):
        if targets[k] == lam:
            marks[0] = TARGET
    gaps[0, 0], gaps[0, 1] = worst_y, worst_v
    ys[0], vs[0] = y, v
    points, steps = 1, 0
    index = sign * direction
    h = min(0.5, longest) / (unit * abs(tl))
    reach = longest / (unit * abs(tl))
    end = targets[targets.shape[0] - 1]
    if not good:
        return points, marks, lams, ys, vs, gaps, steps, STEP_TOO_SMALL
    while lam < end:
        if points + 3 > room:
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
        lam1 = _predict(h, y, v, lam, ty, tv, tl, y0, v0, lam0, ty0, tv0, tl0, h0, y1, v1)
        landing = (lam1 - goal) * direction >= 0.0
        mark = PASSED
        if landing:
            shorter = _landing(h, goal, lam, tl, lam0, tl0, h0)
            _predict(shorter, y, v, lam, ty, tv, tl, y0, v0, lam0, ty0, tv0, tl0, h0, y1, v1)
            lam1 = goal
            worst_y, worst_v, first, sign, good = polish(system, y1, v1, lam1, work, MOST)
            if not good:
                h = 0.5 * shorter
                continue
            mark = TARGET
        else:
            shorter = h
            offset = _beyond(y1, lam1, y, lam, ty, tl, unit, h)
            lam1, first, ratio, sign = _across(
                system, y1, v1, lam1, offset, ty, tl, unit, ON_THE_WAY, work
            )
            first = max(first, abs(offset))
            if ratio == np.inf or not lam1 > -1e-300:
                h *= 0.5
                continue
        tl1 = _tangent(work, unit, direction, ty1, tv1)
        turn = _dot(ty, ty1) + unit * unit * tl * tl1
        onward = direction
        if turn < 0.0:
            ty1 *= -1.0
            tv1 *= -1.0
            tl1, turn, onward = -tl1, -turn, -direction
        if turn < 0.6 or (landing and onward != direction):
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
            # dλ/ds changes sign between 0 and h, or (its values there being rough) just beside
            low, high, f_low, f_high, side = 0.0, shorter, 1.0, -1.0, 0
            for probe in range(60):
                if probe == 0:
                    middle = -0.3 * min(shorter, h0)
                elif probe == 1:
                    middle = 1.3 * shorter
                else:
                    middle = (low * f_high - high * f_low) / (f_high - f_low)
                lam2 = _predict(
                    middle, y, v, lam, ty, tv, tl, y0, v0, lam0, ty0, tv0, tl0, h0, y2, v2
                )
                offset = _beyond(y2, lam2, y, lam, ty, tl, unit, middle)
                lam2, _, ratio, _ = _across(system, y2, v2, lam2, offset, ty, tl, unit, 1e-7, work)
                f = _slope(work, unit, ty, tl) * direction
                if ratio == np.inf or (probe == 0 and f <= 0.0) or (probe == 1 and f >= 0.0):
                    break
                if abs(f) * unit < 1e-6 or (probe > 1 and high - low < 1e-13 * shorter):
                    fold = lam2
                    break
                if probe == 0 or (probe > 1 and f > 0.0):
                    low, f_low = middle, f
                    f_high = 0.5 * f_high if side == 1 else f_high
                    side = 1 if probe > 1 else 0
                else:
                    high, f_high = middle, f
                    f_low = 0.5 * f_low if side == -1 else f_low
                    side = -1 if probe > 1 else 0
            near = 1e-9 * (1.0 + abs(fold))
            lows, highs = min(lam, lam1), max(lam, lam1)
            missed = (
                _between(targets, lows, fold - near)
                if direction > 0.0
                else _between(targets, fold + near, highs)
            )
            if not fold == fold or missed:
                h = 0.5 * shorter
                continue
            marks[points], lams[points] = FOLD, fold
            gaps[points, 0], gaps[points, 1] = 0.0, 0.0
            ys[points], vs[points] = y2, v2
            points += 1
        if crossed:
            low, high = 0.0, shorter
            lam2 = 0.5 * (lam + lam1)
            y2[:], v2[:] = y, v
            for _ in range(34):
                middle = 0.5 * (low + high)
                lam3 = _predict(
                    middle, y, v, lam, ty, tv, tl, y0, v0, lam0, ty0, tv0, tl0, h0, y2, v2
                )
                offset = _beyond(y2, lam3, y, lam, ty, tl, unit, middle)
                lam3, _, ratio, turned = _across(
                    system, y2, v2, lam3, offset, ty, tl, unit, 1e-7, work
                )
                if ratio == np.inf:
                    break
                lam2 = lam3
                f = _slope(work, unit, ty, tl)
                if turned * (1.0 if f > 0.0 else -1.0) * index > 0.0:
                    low = middle
                else:
                    high = middle
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
        gaps[points, 0], gaps[points, 1] = (worst_y, worst_v) if landing else (0.0, 0.0)
        ys[points], vs[points] = y, v
        points += 1
        if not detours and (crossed or fold == fold):
            return points, marks, lams, ys, vs, gaps, steps, DONE
        if direction < 0.0 and lam * unit < 1e-3:
            return points, marks, lams, ys, vs, gaps, steps, BACK_AT_ZERO
        factor = (AIM / max(first, 1e-12)) ** 0.25 if h0 > 0.0 else 1.0
        grown = shorter * min(max(factor, 0.4), 2.5)
        h = max(h, grown) if landing else grown
    return points, marks, lams, ys, vs, gaps, steps, DONE


@njit(cache=True, nogil=True)
def _slope(work, unit, ty, tl):  # type: ignore[no-untyped-def]
    """dλ/ds at the last Newton evaluation, oriented along the tangent (ty, tl)."""
    slope = work[13]
    length, along = unit * unit, unit * unit * tl
    for s in range(slope.shape[0]):
        for c in range(slope.shape[1]):
            length += slope[s, c] * slope[s, c]
            along += slope[s, c] * ty[s, c]
    return (1.0 if along > 0.0 else -1.0) / math.sqrt(length)


@njit(cache=True, nogil=True)
def landed(system, ys, vs, lams):  # type: ignore[no-untyped-def]
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
