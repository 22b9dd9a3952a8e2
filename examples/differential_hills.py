"""Who finds the better hill of the max of two quadratics, and whether annealing helps: 20 seeds.

    .venv/bin/python examples/differential_hills.py [FOLDER] [AGENT …]

Every agent against a uniform opponent, its temperature fixed, annealed as in ROMMEO's code, and
annealed slowly; half an hour on one core. What is there already is only drawn.
"""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from differential_games import GAMES, KINDS, RATES, TEN

from tabular_marl.deep.agents.continuous.balancing_q import ContinuousBalancingQ
from tabular_marl.deep.environments.differential import RepeatedGame, Steady, exact
from tabular_marl.study.style import CURVES, INK, STYLE

GAME, BETA, SEEDS, STEPS, EVERY = GAMES["two-quadratics"], 0.5, 20, 3000, 100
SCHEDULES = {
    "fixed": {},
    "as in ROMMEO's code": {"anneal": 500.0, "anneal_rate": 0.1},
    "slow": {"anneal": 10.0, "anneal_rate": 0.004},
}
#: Those without an exact answer on the better hill, or without a choice of hills, are not annealed.
ANNEALED = ("ROMMEO", "PR2")
SHARE = 0.5  # of a seed's own law, for the seed to be there


@torch.no_grad()
def on_the_better_hill(agent):
    """The share of what each seed imagines or does that is on the better hill, [N]."""
    obs = torch.ones(SEEDS, 1000, 1)
    actions = agent.imagine(obs) if hasattr(agent, "imagine") else (agent.choose(obs),)
    return (torch.cat(actions, -1) > 0).all(-1).float().mean(1)


def train(label, schedule):
    """Shares [T, N] by rounds."""
    kind = KINDS[label]
    config = kind.settings(**RATES, beta=BETA, **SCHEDULES[schedule])
    if issubclass(kind, ContinuousBalancingQ):
        config = replace(config, samples=8)
    if label == "Balancing-Q":
        config = replace(config, beta_opponent=-BETA)
    generator = torch.Generator().manual_seed(0)
    agent = kind(config, SEEDS, 1, TEN, TEN, generator)
    env, other = RepeatedGame(GAME, SEEDS), Steady(TEN, SEEDS, generator)
    shares = []
    for step in range(STEPS):
        seen = env.observation
        actions = agent.act(seen), other.act(seen)
        agent.observe(seen, *actions, env.step(*actions)[0], env.arrival)
        if (step + 1) % EVERY == 0:
            shares.append(on_the_better_hill(agent).numpy())
    return np.array(shares)


def studied(folder, labels):
    """label, schedule -> shares, from files where there are some."""
    found = {}
    for label in labels:
        for schedule in SCHEDULES if label in ANNEALED else ("fixed",):
            path = folder / f"hills {label} {schedule}.npy"
            if not path.exists():
                np.save(path, train(label, schedule))
            found[label, schedule] = np.load(path)
            there = (found[label, schedule] > SHARE).sum(1)
            told = ", ".join(f"{there[k // EVERY - 1]} after {k}" for k in (1000, 2000, 3000))
            print(f"{label}, {schedule}: of {SEEDS} seeds {told}", flush=True)
    return found


def exact_shares(temperatures):
    """The exact joint law's share of the better hill at each temperature."""
    shares = []
    for temperature in temperatures:
        law = exact(GAME, "rommeo", beta=1 / temperature).exact
        pair = (law.log_agent + law.log_opponent).exp()[0]
        half = len(pair) // 2
        shares.append(float(pair[half:, half:].sum()))
    return shares


def draw(found):
    """Seeds on the better hill by rounds; the exact share by temperature."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
        rounds = np.arange(EVERY, STEPS + 1, EVERY)
        for axis, label in zip(axes, ANNEALED, strict=False):
            for colour, schedule in zip(CURVES, SCHEDULES, strict=False):
                there = (found[label, schedule] > SHARE).mean(1)
                axis.plot(rounds, there, color=colour, label=schedule)
            axis.set(xlabel="rounds", ylim=(0, 1.03), title=label)
        axes[0].set(ylabel=f"seeds of {SEEDS} on the better hill")
        axes[0].legend(title="temperature")
        temperatures = np.geomspace(0.1, 500, 60)
        axes[2].semilogx(temperatures, exact_shares(temperatures), color=INK)
        axes[2].axvline(1 / BETA, color=CURVES[0], lw=0.9, ls=":")
        axes[2].annotate(" trained", (1 / BETA, 0.05), color=CURVES[0])
        axes[2].set(xlabel="temperature 1/β", ylim=(0, 1.03), title="exact: share of the law")
    return figure


def main(folder, labels):
    folder.mkdir(parents=True, exist_ok=True)
    found = studied(folder, labels or KINDS)
    if not labels:
        draw(found).savefig(folder / "differential-hills.png")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/differential-games"), sys.argv[2:])
