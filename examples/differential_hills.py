"""Who finds the better hill of the max of two quadratics, and whether annealing helps: 20 seeds.

    .venv/bin/python examples/differential_hills.py [FOLDER] [AGENT …]

ROMMEO and PR2 against a uniform opponent, the temperature fixed or annealed as in ROMMEO's code,
ROMMEO annealed slowly too; five minutes on one core. What is there already is only drawn.
"""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from differential_games import GAMES, KINDS, RATES, TEN
from scipy.optimize import minimize

from tabular_marl.deep.environments.differential import RepeatedGame, Steady, exact
from tabular_marl.deep.parts.squashed import Squashed
from tabular_marl.study.style import CURVES, INK, STYLE

GAME, BETA, SEEDS, STEPS, EVERY = GAMES["two-quadratics"], 0.5, 20, 3000, 100
SCHEDULES = {
    "fixed": {},
    "as in ROMMEO's code": {"anneal": 500.0, "anneal_rate": 0.1},
    "slow": {"anneal": 10.0, "anneal_rate": 0.004},
}
AGENTS = {"ROMMEO": tuple(SCHEDULES), "PR2": tuple(SCHEDULES)[:2]}
SHARE = 0.5  # of a seed's own law, for the seed to be there


@torch.no_grad()
def on_the_better_hill(agent):
    """The share of the pairs that each seed imagines which is on the better hill, [N]."""
    pairs = torch.cat(agent.imagine(torch.ones(SEEDS, 1000, 1)), -1)
    return (pairs > 0).all(-1).float().mean(1)


def train(label, schedule):
    """Shares [T, N] by rounds."""
    kind = KINDS[label]
    config = kind.settings(**RATES, beta=BETA, **SCHEDULES[schedule])
    if label == "PR2":
        config = replace(config, samples=4)  # of each action: 16 pairs
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
        for schedule in AGENTS[label]:
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


def nearest_shares(temperatures):
    """The same of b alone: of the exact ρ(b), and of the squashed Gaussian of least KL to it.

    Each search starts from the answer at the temperature before, the first from a spread law.
    """
    line, start, rows = TEN.cells(200).double(), [0.0, -0.1], []
    for temperature in temperatures:
        system = exact(GAME, "rommeo", 200, beta=1 / temperature).exact
        wanted = system.log_opponent.exp()[0, 0].double()

        def law(point):
            mean, log_std = torch.tensor(point).split(1)
            return Squashed(mean, log_std.clamp(-5, 2), TEN).on(line)

        def divergence(point, law=law, wanted=wanted):
            return float((torch.xlogy(law(point), law(point)) - law(point) * wanted.log()).sum())

        start = minimize(divergence, start, method="Nelder-Mead", tol=1e-6).x
        rows.append((float(wanted[100:].sum()), float(law(start)[100:].sum())))
    return rows


def draw(found):
    """Seeds on the better hill by rounds; the exact share by temperature."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
        rounds = np.arange(EVERY, STEPS + 1, EVERY)
        for axis, label in zip(axes, AGENTS, strict=False):
            for colour, schedule in zip(CURVES, AGENTS[label], strict=False):
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
    found = studied(folder, labels or AGENTS)
    if not labels:
        draw(found).savefig(folder / "differential-hills.png")
        hot = (500, 20, 10, 5, 4, 3, 2, 0.5)
        for temperature, (law, near) in zip(hot, nearest_shares(hot), strict=True):
            print(f"1/β = {temperature}: exact {law:.2f}, nearest squashed Gaussian {near:.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/differential-games"), sys.argv[2:])
