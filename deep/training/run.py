"""What a training run is, and what it leaves: two plain values.

Run      experiment, agent, preset, settings; seeds, steps, stream     told apart by ``as_dict``
Curve    step [T], reward [T, N]
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.parts.devices import device_named
from tabular_marl.deep.training.experiments import EXPERIMENTS, Experiment, read_experiment
from tabular_marl.validation import InputError, one_of

#: Environments of published experiments that are not part of this package, and what they need.
ABSENT = {"robosumo": "MuJoCo (pip install mujoco)", "battle": "MAgent (pip install magent2)"}


@dataclass(frozen=True)
class Run:
    """A training run: which experiment, agent and preset, how many seeds and steps.

    ``experiment`` is a published name, a file, or an Experiment, which has no presets.
    ``settings`` override its numbers: pairs of a field's name and a value. On ``device``, ``cpu``
    or ``cuda``, live its environment and players, who learn by ``compiled`` programs or not; both
    are no part of what the run is.
    Raises InputError where one of these is wrong.
    """

    experiment: str | Experiment
    agent: str = "further"
    preset: str = "paper"
    seeds: int = 20
    steps: int | None = None
    seed: int = 1
    interval: int = 250
    settings: tuple[tuple[str, Any], ...] = ()
    device: str = "cpu"
    compiled: bool = False

    def __post_init__(self) -> None:
        device_named(self.device)
        one_of("agent", self.agent, self.plan.agents)
        if needs := ABSENT.get(self.plan.environment):
            told = f"it was {self.plan.environment!r}, which needs {needs} and one of your own"
            raise InputError("environment", "be part of this package", told)
        for name in ("seeds", "interval"):
            if getattr(self, name) < 1:
                raise InputError(name, "be at least 1", f"it was {getattr(self, name)}")
        if self.last < self.interval or self.last % self.interval:
            must = f"be one interval of {self.interval} or a multiple"
            raise InputError("steps", must, f"it was {self.last}")

    @cached_property
    def plan(self) -> Experiment:
        """The experiment in this preset, with this run's settings."""
        given = self.experiment
        plan = given if isinstance(given, Experiment) else read_experiment(given, self.preset)
        return plan.changed(dict(self.settings), self.agent) if self.settings else plan

    @property
    def last(self) -> int:
        """The number of steps: those of the experiment, or as asked."""
        return self.plan.steps if self.steps is None else self.steps

    @property
    def config(self) -> CommonConfig:
        """The agent's numbers."""
        return self.plan.config(self.agent)

    @property
    def title(self) -> str:
        """What a picture of it is called."""
        published = self.experiment in EXPERIMENTS and not self.settings
        return f"{self.plan.source}, {self.preset} preset" if published else self.plan.name

    def as_dict(self) -> dict[str, Any]:
        """All that it comes to, without the files it came from."""
        same = {name: getattr(self, name) for name in ("agent", "seeds", "seed", "interval")}
        return {**same, "steps": self.last, "experiment": asdict(self.plan)}

    @classmethod
    def of(cls, held: dict[str, Any]) -> Run:
        """From :meth:`as_dict`."""
        return cls(**{**held, "experiment": Experiment.of(held["experiment"], "the checkpoint")})


@dataclass(frozen=True)
class Curve:
    """step [T], and reward [T, N]: each seed's mean since the row before, NaN once it failed.

    ``failed`` tells when and why, seed by seed.
    """

    step: NDArray[np.int64]
    reward: NDArray[np.float64]
    failed: tuple[str, ...] = ()
