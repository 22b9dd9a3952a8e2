"""10 000 games of 5 states and 3 × 3 actions in one call, against NumPy's own batched Newton.

    python benchmarks/batch.py

The rival is Newton's method on stacked arrays, `np.matmul` and `np.linalg.solve` over all games
that have not converged, to the same bound max |TV − V| / (1 − γ) ≤ tol and with the same outputs
(values and both tilts). Both run on one thread, in turns. The floor counts the vector instructions
that the arithmetic of the method needs at least (`slots`), at this machine's rate, measured in the
same run.
"""

from __future__ import annotations

import time

import _harness as harness  # first: it fixes the threads
import numpy as np
from _harness import OURS, Report, Target

import tabular_marl as tm
from tabular_marl.models.batch import solve_batch

GAMES, STATES, ACTIONS, TOL = 10_000, 5, 3, 1e-10


def games(rng, count=GAMES, states=STATES, actions=ACTIONS):
    """Dense random games: transition[g, s, a, b, t], reward[g, s, a, b] in [0, 1)."""
    transition = rng.random((count, states, actions, actions, states))
    transition /= transition.sum(axis=-1, keepdims=True)
    return transition, rng.random((count, states, actions, actions))


def level(x, beta, axis):
    """Free energy under a uniform prior, and the tilt, along ``axis``."""
    top = x.max(axis=axis, keepdims=True) if beta > 0 else x.min(axis=axis, keepdims=True)
    tilt = np.exp(beta * (x - top))
    total = tilt.mean(axis=axis, keepdims=True)
    tilt /= total * x.shape[axis]
    return np.squeeze(top + np.log(total) / beta, axis), tilt


def stacked_newton(transition, reward, betas, discount, tol):
    """ROMMEO's order, a given b and then b, for all games; (value, agent tilt, opponent tilt)."""
    count, states, agents, opponents = reward.shape
    rows = agents * opponents
    moves = transition.reshape(count, states * rows, states)
    value = np.zeros((count, states))
    out = np.empty((count, states))
    given = np.empty((count, states, agents, opponents))
    free = np.empty((count, states, opponents))
    active = np.arange(count)
    eye = np.eye(states)
    while active.size:
        q = reward + discount * np.matmul(moves, value[..., None]).reshape(reward.shape)
        inner, agent = level(q, betas[0], axis=2)
        backup, opponent = level(inner, betas[1], axis=2)
        residual = backup - value
        done = np.abs(residual).max(axis=1) <= tol * (1 - discount)
        if done.any():
            finished = active[done]
            out[finished], given[finished], free[finished] = (
                value[done],
                agent[done],
                opponent[done],
            )
            going = ~done
            active, moves, reward, value = active[going], moves[going], reward[going], value[going]
            agent, opponent, residual = agent[going], opponent[going], residual[going]
        if active.size:
            joint = (agent * opponent[:, :, None, :]).reshape(-1, states, 1, rows)
            policy = np.matmul(joint, moves.reshape(-1, states, rows, states))[:, :, 0]
            step = np.linalg.solve(eye - discount * policy, residual[..., None])[..., 0]
            value = value + step
    return out, given, free


def vector_rate():
    """Multiply-adds of one vector of lanes per second: ten independent chains, no memory."""
    from numba import njit

    from tabular_marl.numerics.kernels.lanes import WIDTH, address, fma, load, splat, store

    @njit
    def chains(count, array):
        at = address(array, 0)
        x, y = splat(0.999), splat(1e-3)
        a = load(at, 0)
        b, c, d, e, f, g, h, i, j = a, a * x, a * y, x, y, x * y, x + y, x - y, a + x
        for _ in range(count):
            a, b, c, d, e = fma(a, x, y), fma(b, x, y), fma(c, x, y), fma(d, x, y), fma(e, x, y)
            f, g, h, i, j = fma(f, x, y), fma(g, x, y), fma(h, x, y), fma(i, x, y), fma(j, x, y)
        store(at, 0, a + b + c + d + e + f + g + h + i + j)

    array = np.linspace(0.1, 0.9, WIDTH)
    chains(1, array)
    best = np.inf
    for _ in range(7):
        start = time.perf_counter()
        chains(200_000, array)
        best = min(best, time.perf_counter() - start)
    return 2_000_000 / best


def slots(states, agents, opponents, iterations):
    """Vector instructions for eight games: arithmetic only, no loads, stores or loop control.

    An outcome costs 30 (22 of them its exponentials), a group 31 (its log) and a division, which
    keeps a unit busy for 16 slots; a row of q and of P_w costs a multiply-add a state.
    """
    rows, groups = states * agents * opponents, states * opponents
    division = 16
    outcomes = rows + groups
    evaluate = rows * (states + 2) + 30 * outcomes + (31 + division) * (groups + states)
    elimination = states**3 // 3 + 2 * states**2 + division * states
    newton = rows * (states + 2) + elimination
    entry = rows * (4 * states + 6) + 3 * rows * (states + 1)
    return iterations * evaluate + (iterations - 1) * newton + entry


def main() -> None:
    repeats = harness.repeats_from_arguments(9)
    report = Report("batch", f"{GAMES} games of {STATES} states, {ACTIONS} × {ACTIONS} actions")
    transition, reward = games(np.random.default_rng(1))
    rate = vector_rate()
    for betas in ((5.0, 3.0), (5.0, -3.0), (50.0, 50.0), (50.0, -50.0)):
        recipe = (tm.Aggregation(0, betas[0]), tm.Aggregation(1, betas[1]))
        for discount in (0.95, 0.99):
            exact = solve_batch(transition, reward, discount, recipe, tol=1e-14)
            bound = exact.error_bound.max()
            ours = solve_batch(transition, reward, discount, recipe, tol=TOL)

            def rival(discount=discount, betas=betas):
                return stacked_newton(transition, reward, betas, discount, TOL)[0]

            rows = report.measure(
                f"β=({betas[0]:g}, {betas[1]:g}) γ={discount}",
                {
                    OURS: lambda d=discount, r=recipe: (
                        solve_batch(transition, reward, d, r, tol=TOL).value
                    ),
                    "NumPy stacked Newton": rival,
                },
                exact.value,
                repeats,
                {OURS: f"bound {ours.error_bound.max():.1e}; reference within {bound:.1e}"},
            )
            us, numpy = rows[OURS].median, rows["NumPy stacked Newton"].median
            steps = float(ours.iterations.mean())
            floor = slots(STATES, ACTIONS, ACTIONS, steps) / 8 / rate
            remark = (
                f"β={betas}, γ={discount}: {us / GAMES * 1e6:.2f} µs a game against "
                f"{numpy / GAMES * 1e6:.1f}, {steps:.2f} evaluations a game; arithmetic floor "
                f"{floor * 1e6:.2f} µs, {floor * GAMES / us:.0%} of it reached"
            )
            print(remark, flush=True)
            report.remarks.append(remark)
            report.targets.append(
                Target(f"times NumPy's batched Newton, β={betas}, γ={discount}", 10.0, numpy / us)
            )
    report.remarks.append(f"{rate / 1e9:.2f} vector multiply-adds a nanosecond on this machine.")
    report.write()


if __name__ == "__main__":
    main()
