"""FURTHER's Figure 7a with the exact optimum as a line, and why the discounted method fails.

    .venv/bin/python examples/figure_7a.py [FOLDER]

Twenty seeds a line, IBS against the Q-learner of Question 1 in the "code" preset. About an hour on
one core; a run that is there already is only drawn, one that was stopped goes on.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tabular_marl as tm
from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners.grid import Grid
from tabular_marl.active.learners.q_learning import QLearning
from tabular_marl.deep.figures import curves_on
from tabular_marl.deep.logs import read_curve
from tabular_marl.deep.train import Run, TrainingError, train
from tabular_marl.study.style import STYLE

#: line -> agent, steps, settings
LINES = {
    "FURTHER": ("further", 50_000, ()),
    "LILI": ("lili", 50_000, ()),
    "FURTHER, gain from 0": ("further", 20_000, (("optimistic", 0.0),)),
    "FURTHER, α = 0.04": ("further", 20_000, (("temperature", 0.04),)),
    "LILI, α = 4": ("lili", 20_000, (("temperature", 4.0),)),
    "LILI, α = 40": ("lili", 20_000, (("temperature", 40.0),)),
}


def optimum():
    """The exact best average reward against this learner, from where it starts."""
    learner = QLearning([10, 20], step_size=1, discount=0.9, epsilon=0.05, grid=Grid(0, 20, 201))
    process = explore(tm.games.bach_or_stravinsky(), {1: learner})
    return float(average_reward(process.decision).gain[process.starts[0]])


def curve(name, folder):
    """Train the line, or read what is there."""
    agent, steps, settings = LINES[name]
    run = Run("ibs", agent, "code", steps=steps, settings=settings)
    out = folder / name.lower().replace(" ", "-").replace(",", "").replace("α-=-", "")
    if not (out / "curve.csv").exists() or read_curve(out).step[-1] < steps:
        try:
            return train(run, out, resume=(out / "checkpoint.pt").exists())
        except TrainingError as error:  # what it had is drawn
            print(f"{name}: {error}")
    return read_curve(out)


def main(folder):
    curves = {name: curve(name, folder) for name in LINES}
    best = optimum()
    panels = (
        ("Iterated Bach or Stravinsky, 20 seeds", list(LINES)[:2]),
        ("What it hangs on", list(LINES)[2:]),
    )
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
        for axis, (title, names) in zip(axes, panels, strict=True):
            curves_on(axis, {name: curves[name] for name in names}, best)
            axis.set_title(title)
        axes[1].set_ylabel("")
        figure.savefig(folder / "figure-7a.png", dpi=150)
    for name, held in curves.items():
        last = held.reward[-8:].mean(0)
        told = f"{np.mean(last > 1.6):.0%} of seeds commit at step {held.step[-1]}"
        print(f"{name:22} reward {last.mean():.3f} of {best:.3f}, {told}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/figure-7a"))
