"""FURTHER's Figure 7 with exact lines in each panel: five agents, twenty seeds.

    .venv/bin/python examples/figure_7.py --panel a|b|c [--steps N] [--compile] [--out FOLDER]

(a) IBS against the Q-learner of Question 1, (b) IC in self-play, (c) IMP against LILI; preset
"code", and the published number of steps unless told otherwise. A run that is there already is only
drawn, a shorter one goes on from its checkpoint, bit for bit.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tabular_marl as tm
from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.active.influence import influence
from tabular_marl.active.learners import FictitiousPlay, Grid, QLearning, best_response
from tabular_marl.deep.training import Curve, Run, train
from tabular_marl.deep.training.experiments import read_experiment
from tabular_marl.deep.training.figures import curves_on, level
from tabular_marl.deep.training.logs import read_curve
from tabular_marl.study.style import STYLE

AGENTS = {name.upper(): (name, ()) for name in ("further", "lili", "masac", "dron", "moa")}
#: what panel (a) hangs on: line -> agent, settings
HANGS_ON = {
    "FURTHER, gain from 0": ("further", (("optimistic", 0.0),)),
    "FURTHER, α = 0.04": ("further", (("temperature", 0.04),)),
    "LILI, α = 4": ("lili", (("temperature", 4.0),)),
    "LILI, α = 40": ("lili", (("temperature", 40.0),)),
}


def best_against_q():
    """The best average reward against Question 1's learner, from where it starts."""
    learner = QLearning([10, 20], step_size=1, discount=0.9, epsilon=0.05, grid=Grid(0, 20, 201))
    return influence(tm.games.bach_or_stravinsky(), {1: learner}).gain[0]


def coordination_values():
    """What IC pays at best, and at its three equilibria, which are checked in rationals."""
    matrix = tm.games.coordination()
    game = tm.iterated(matrix, discount=0.99)
    reward = game.reward.reshape(game.num_states, -1)  # one controller of both
    together = DecisionProcess(reward, game.transition.reshape(*reward.shape, -1))
    values = {"exact optimum, both players together": average_reward(together).gain[0]}
    third = Fraction(1, 3)
    profiles = {"the other pure equilibrium": [1, 0], "mixed equilibrium": [2 * third, third]}
    for name, policy in {"best": [0, 1], **profiles}.items():
        assert tm.exploitability(matrix, [policy, policy], exact=True).largest == 0, name
        paid = np.array(policy, float) @ game.reward[0] @ np.array(policy, float)
        values |= {name: paid} if name in profiles else {}
    return values


def pennies_values():
    """Bounds for IMP against any learner, and exact optima against three that stand for LILI."""
    game = tm.games.matching_pennies()
    own = {"step_size": 0.5, "discount": 0.9, "epsilon": 0.05, "grid": Grid(-10, 10, 201)}
    smooth = FictitiousPlay(8, beta=1 / read_experiment("imp", "code").config("lili").temperature)
    return {
        "best response: the largest payoff": influence(game, {1: best_response()}).gain.min(),
        "ε-greedy Q-learner": influence(game, {1: QLearning([0, 0], **own)}).gain[0],
        "smooth fictitious play, memory 8": influence(game, {1: smooth}).gain.min(),
        "value of the stage game": 0.0,
    }


def curve(experiment, name, agent, settings, steps, folder, compiled=False):
    """Train the line as far as asked, or read what is there; a seed that fails is left out."""
    steps = read_experiment(experiment, "code").steps if steps is None else steps
    run = Run(experiment, agent, "code", steps=steps, settings=settings, compiled=compiled)
    out = folder / experiment / name.lower().replace(", ", "-").replace(" ", "-")
    if not (out / "curve.csv").exists() or read_curve(out).step[-1] < steps:
        train(run, out, resume=(out / "checkpoint.pt").exists(), keep_going=True)
    held = read_curve(out)
    kept = held.step <= steps
    step, reward = held.step[kept], held.reward[kept]
    last = reward[-8:]
    told = f"{np.nanmean(last):.3f} at step {step[-1]}, {np.isfinite(last[-1]).sum()} seeds"
    print(f"{name:22} reward {told}")
    return Curve(step, reward)


def panel_a(steps, folder, compiled):
    """IBS, and what its curves hang on."""
    best = best_against_q()
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    short = min(steps or 20_000, 20_000)
    for axis, lines, last in zip(axes, (AGENTS, HANGS_ON), (steps, short), strict=True):
        how = last, folder, compiled
        curves = {name: curve("ibs", name, *line, *how) for name, line in lines.items()}
        curves_on(axis, curves, best)
    axes[0].set_title("Iterated Bach or Stravinsky, 20 seeds")
    axes[1].set(title="What it hangs on", ylabel="")
    figure.savefig(folder / "figure-7a.png", dpi=150)


def panel_b(steps, folder, compiled):
    """IC in self-play."""
    axis = plt.figure(figsize=(6.4, 4.2), layout="constrained").subplots()
    lines_on(axis, "ic", (steps, folder, compiled), coordination_values())
    axis.set_title("Iterated coordination, self-play, 20 seeds")
    axis.figure.savefig(folder / "figure-7b.png", dpi=150)


def panel_c(steps, folder, compiled):
    """IMP against LILI, and FURTHER close up."""
    figure, (axis, near) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    curves = lines_on(axis, "imp", (steps, folder, compiled), pennies_values())
    axis.set(title="Iterated matching pennies against LILI, 20 seeds", xscale="log")
    curves_on(near, {"FURTHER": curves["FURTHER"]}, rows=20)
    level(near, 0, "value of the stage game", above=False)
    near.set(title="FURTHER, close up", ylabel="")
    near.locator_params(axis="x", nbins=5)
    figure.savefig(folder / "figure-7c.png", dpi=150)


def lines_on(axis, experiment, how, levels):
    """All five agents' curves, and exact levels from the highest down; the curves by name."""
    curves = {name: curve(experiment, name, *line, *how) for name, line in AGENTS.items()}
    curves_on(axis, curves)
    for name, value in levels.items():
        level(axis, value, f"{name}: {value:.4g}", above=value > 0)  # curves lie on 0
    return curves


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--panel", choices="abc", required=True)
    parser.add_argument("--steps", type=int, help="the published number unless given")
    parser.add_argument("--compile", action="store_true", help="pays from some 15 000 steps on")
    parser.add_argument("--out", type=Path, default=Path("runs/figure-7"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        panel = {"a": panel_a, "b": panel_b, "c": panel_c}[given.panel]
        panel(given.steps, given.out, given.compile)
