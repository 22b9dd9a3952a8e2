"""Soft agents trained from scratch, and how far they are from the exact answer at every step.

    .venv/bin/python examples/soft_agents.py [FOLDER]

Iterated Bach or Stravinsky, ten seeds a line at once, networks of two hidden layers, constant
learning rates; a few minutes on one core. Soft actor-critic and options answer tit for tat;
ROMMEO faces an opponent who mixes and estimates how; PR2 and Balancing-Q do not depend on how the
other plays, which here is evenly, so that every joint action is seen.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import tabular_marl as tm
from tabular_marl.deep.agents.balancing_q import BalancingQ
from tabular_marl.deep.agents.exact import gaps
from tabular_marl.deep.agents.options import Options
from tabular_marl.deep.agents.pr2 import Pr2
from tabular_marl.deep.agents.rommeo import Rommeo
from tabular_marl.deep.agents.sac import Sac
from tabular_marl.deep.environments.stochastic import Stationary, StochasticEnvironment
from tabular_marl.deep.training.statistics import iqm, iqm_interval
from tabular_marl.study.style import CURVES, STYLE

GAME = tm.iterated(tm.games.bach_or_stravinsky())
TIT_FOR_TAT = torch.eye(2)[[0, 0, 0, 1, 1]]
EVEN, MIXED = torch.full((5, 2), 0.5), torch.tensor([0.3, 0.7]).expand(5, -1)
SEEDS, STEPS, EVERY = 10, 3000, 100
SHARED = dict(critic_rate=0.003, actor_rate=0.003, target_rate=0.05, discount=0.7, window=64)

#: line -> agent, opponent, settings of its own
LINES = {
    "soft actor-critic": (Sac, TIT_FOR_TAT, {"beta": 1.0}),
    "options": (Options, TIT_FOR_TAT, {"beta": 1.0, "habit": 0.8}),
    "ROMMEO": (Rommeo, MIXED, {"beta": 1.0, "batch": 256}),
    "PR2": (Pr2, EVEN, {"beta": 1.0}),
    "Balancing-Q, β = 1 against −1": (BalancingQ, EVEN, {"beta": 1.0, "beta_opponent": -1.0}),
}


def distances(kind, opponent, settings):
    """The largest errors of q and of the policy by step, [T, N] each."""
    generator = torch.Generator().manual_seed(1)
    env = StochasticEnvironment(GAME, SEEDS, generator, episode=10)
    config = kind.settings(**SHARED, **settings)
    agent = kind(config, SEEDS, env.width, *env.actions, generator)
    other = Stationary(opponent, generator)
    found = {"q": [], "policy": []}
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            gap = gaps(agent, GAME, opponent)
            for name, held in found.items():
                held.append(gap[name])
        obs = env.observation
        action, played = agent.act(obs), other.act(obs)
        reward = env.step(action, played)[0]
        agent.observe(obs, action, played, reward, env.arrival)
    return {name: np.array(held) for name, held in found.items()}


def main(folder):
    torch.set_num_threads(1)
    steps = np.arange(0, STEPS + 1, EVERY)
    titles = {"q": "largest error of Q, reward units", "policy": "largest error of a probability"}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharex=True)
        for colour, (name, line) in zip(CURVES, LINES.items(), strict=False):
            found = distances(*line)
            for axis, (table, title) in zip(axes, titles.items(), strict=True):
                low, high = iqm_interval(found[table])
                axis.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
                axis.semilogy(steps, iqm(found[table]), color=colour, lw=1.6, label=name)
                axis.set(xlabel="step", title=title)
            last = {table: f"{float(iqm(gap[-1])):.2g}" for table, gap in found.items()}
            print(f"{name}: {last}", flush=True)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.savefig(folder / "deep-agents.png", metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
