"""Why the discounted method fails in Figure 7a where its exact optimum commits: six conditions.

    .venv/bin/python examples/figure_7_ablations.py FOLDER [STEPS] [SEEDS A CONDITION]

LILI in IBS against the Q-learner, preset "code". All conditions train at once: seed n of a batch
has condition n mod 6, and every setting is a column over seeds. With a gain ρ of its own the target
is y = r − ρ + γ v, whose optimum is the discounted one: only the offset of the values changes.
A run that is there already goes on.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from figure_7 import best_against_q

from tabular_marl.deep.agents.further import Further
from tabular_marl.deep.training import Curve, Run, train
from tabular_marl.deep.training.experiments import AGENTS
from tabular_marl.deep.training.figures import curves_on
from tabular_marl.study.style import STYLE


@dataclass(frozen=True)
class Condition:
    """γ; the rewards' and entropy weight's factor; q's first value; whether ρ is trained."""

    name: str
    discount: float = 0.99
    scale: float = 1.0
    first: float = 0.0
    centred: bool = False


CONDITIONS = (
    Condition("centred by a trained gain", centred=True),
    Condition("centred, γ = 0.8", discount=0.8, centred=True),
    Condition("q starts at 200", first=200.0),
    Condition("rewards and α times 1 − γ", scale=0.01),
    Condition("γ = 0.9", discount=0.9),
    Condition("γ = 0.999", discount=0.999),
)


class Conditions(Further):
    """FURTHER with y = κ r − ρ 1{centred} + γ v and entropy weight κ α, a condition a seed."""

    conditions = CONDITIONS

    def __init__(self, *sizes):
        super().__init__(*sizes)
        held = [self.conditions[n % len(self.conditions)] for n in range(self.seeds)]
        self.discount, self.scale, self.centred, first = torch.tensor(
            [[float(v) for v in (c.discount, c.scale, c.centred, c.first)] for c in held]
        ).T.unsqueeze(2)
        temperature = self.scale * self.config.temperature
        self.config = replace(self.config, temperature=temperature, optimistic=False)
        for critics in (self.critics, self.targets):
            critics.biases[-1].data += first.repeat_interleave(2, 0)[..., None]

    def _error(self, q, reward, value):
        gain = self.centred * self.gain[:, None]
        target = self.scale * reward - gain + self.discount * value.detach()
        return ((target - q) ** 2).mean()


AGENTS["conditions"] = Conditions


def main(folder, steps=20_000, copies=20):
    run = Run("ibs", "conditions", "code", seeds=copies * len(CONDITIONS), steps=steps)
    held = train(run, folder, resume=(folder / "checkpoint.pt").exists())
    curves = {
        condition.name: Curve(held.step, held.reward[:, n :: len(CONDITIONS)])
        for n, condition in enumerate(CONDITIONS)
    }
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
        curves_on(axis, curves, best_against_q())
        axis.set_title(f"LILI in iterated Bach or Stravinsky, {copies} seeds a condition")
        figure.savefig(folder / "figure-7-ablations.png", dpi=150)
    for name, curve in curves.items():
        last = curve.reward[-8:].mean(0)
        print(f"{name:28} reward {last.mean():.3f}, {np.sum(last > 1.6)} of {copies} commit")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
