"""When a discounted agent's policy closes in Figure 7a, and whether it is right to: values by step.

    .venv/bin/python examples/figure_7_values.py FOLDER [STEPS] [SEEDS A CONDITION]

LILI, and LILI with a trained gain or with q started at the top, in IBS against the Q-learner. Every
50 steps, at the present (s, ẑ), seed by seed: the level v, the gap q(commit) − q(comply), and the
rarer action's probability; beside them the exact discounted gap at the learner's table. A policy
has closed where the rarer action stays below one in a hundred from then on.
"""

import sys
from pathlib import Path

import figure_7_ablations as ablations
import matplotlib.pyplot as plt
import numpy as np
import torch

import tabular_marl as tm
from tabular_marl.active.discounted import discounted
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners import Grid, QLearning
from tabular_marl.deep.training import Run, Session
from tabular_marl.deep.training.experiments import AGENTS, read_experiment
from tabular_marl.deep.training.figures import level
from tabular_marl.deep.training.statistics import iqm, iqm_interval
from tabular_marl.study.style import CURVES, STYLE

INTERVAL, CLOSED = 50, 0.01
CONDITIONS = (
    ablations.Condition("LILI, γ = 0.99"),
    ablations.Condition("centred by a trained gain", centred=True),
    ablations.Condition("q starts at 200", first=200.0),
)


class Watched(ablations.Conditions):
    """LILI in three conditions."""

    conditions = CONDITIONS


AGENTS["watched"] = Watched


def exact_gaps(tables, discount=0.99):
    """Q*(commit) − Q*(comply) with the learner at ``tables`` [..., 2], to the grid's 0.1."""
    grid = Grid(0, 20, 201)
    learner = QLearning("every", step_size=1, discount=0.9, epsilon=0.05, grid=grid)
    process = explore(tm.games.bach_or_stravinsky(), {1: learner})
    q = discounted(process.decision, discount).q
    place = grid.project(np.ravel(tables))[0].reshape(-1, 2)
    at = process.names(np.column_stack([np.zeros(len(place), int), place]))
    return (q[at, 0] - q[at, 1]).reshape(tables.shape[:-1])


@torch.no_grad()
def look(session):
    """v, gap and the rarer action's probability [3, N] at the present state; the tables [N, 2]."""
    agent, learner = session.players
    obs, latent = session.env.observations[0], agent.inference.latent
    q, odds = agent.at_every_reply(agent.critics, obs, latent)
    gap = ((q[..., 0] - q[..., 1]) * odds).sum(1)
    value, rarer = agent._value(obs, latent), agent.policy(obs).amin(1)
    return torch.stack([value, gap, rarer]).numpy(), learner.q.numpy().copy()


def record(steps, seeds):
    """step [T]; v, gap and odds [3, T, conditions, seeds]; the learner's tables [T, …, 2]."""
    count = len(CONDITIONS)
    run = Run("ibs", "watched", "code", seeds * count, steps=steps, interval=INTERVAL)
    session, rows, tables = Session(run), [], []
    while session.step < steps:
        session.advance()
        found, table = look(session)
        rows.append(found.reshape(3, seeds, count).swapaxes(1, 2))
        tables.append(table.reshape(seeds, count, 2).swapaxes(0, 1))
    step = np.arange(1, len(rows) + 1) * INTERVAL
    return step, np.stack(rows, 1), np.stack(tables)


def closing(rarer):
    """The first row of [T, …] from which the rarer action stays below CLOSED; T for never."""
    still_open = rarer[::-1] >= CLOSED  # from the last row back
    return np.where(still_open.any(0), len(rarer) - still_open.argmax(0), 0)


def draw(step, value, size, rarer):
    """Three panels over the steps, a line a condition."""
    figure, axes = plt.subplots(3, 1, figsize=(6.4, 7.2), sharex=True, layout="constrained")
    titles = ("level of the values", "|gap| / entropy weight", "rarer action's probability")
    for axis, held, title in zip(axes, (value, size, np.maximum(rarer, 1e-6)), titles, strict=True):
        for n, condition in enumerate(CONDITIONS):
            low, high = iqm_interval(held[:, n])
            axis.fill_between(step, low, high, color=CURVES[n], alpha=0.2, lw=0)
            axis.plot(step, iqm(held[:, n]), color=CURVES[n], lw=1.4, label=condition.name)
        axis.set_ylabel(title)
    for axis in axes[1:]:
        axis.set_yscale("log")
    for worth, told in ((97.5, "complying for ever"), (195, "committing for ever")):
        level(axes[0], worth, told)
    level(axes[2], CLOSED, "closed", above=False)
    axes[2].set_xlabel("step")
    axes[2].legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=3)
    return figure


def main(folder, steps=5000, seeds=20):
    folder.mkdir(parents=True, exist_ok=True)
    step, (value, gap, rarer), tables = record(steps, seeds)
    best = exact_gaps(tables)
    assert (best > 0).all()  # whatever the learner's table, committing is best
    size = np.abs(gap) / read_experiment("ibs", "code").config("lili").temperature
    with plt.rc_context(STYLE):
        draw(step, value, size, rarer).savefig(folder / "figure-7-values.png", dpi=150)
    for n, condition in enumerate(CONDITIONS):
        row = closing(rarer[:, n])
        shut = np.flatnonzero(row < len(step))
        at = (row[shut], n, shut)
        when, high, far = (np.median(x) for x in (step[row[shut]], value[at], size[at]))
        told = (
            f"{len(shut)} of {seeds} closed, at step {when:.0f}, value {high:.1f}, gap {far:.1f} α"
        )
        wrong = np.sum(gap[-1, n] < 0)
        print(f"{condition.name:26} {told}; {wrong} prefer to comply at the end")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
