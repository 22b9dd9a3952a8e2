"""Train the published experiments, many seeds at once, and stop or go on at any step.

    out/curve.csv        step, then each seed's mean reward since the row before
    out/checkpoint.pt    everything that the next step depends on; read with weights_only

A run that is killed loses at most the steps since its last checkpoint, and one that goes on from
it ends bit for bit where an unbroken run ends (on a CPU, with the same number of threads).
Checkpoints are written beside the old one and then take its place, so that there is always one.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabular_marl.deep.agents.base import AgentConfig
from tabular_marl.deep.experiments import EXPERIMENTS, Experiment, line_up
from tabular_marl.deep.networks import keep_memory
from tabular_marl.validation import InputError, one_of


class TrainingError(RuntimeError):
    """A loss stopped being finite; the last good checkpoint is untouched."""


@dataclass(frozen=True)
class Run:
    """A training run: which experiment, agent and preset, how many seeds and steps.

    ``settings`` override the published config: pairs of a field's name and a number.
    """

    experiment: str
    agent: str = "further"
    preset: str = "paper"
    seeds: int = 20
    steps: int | None = None
    seed: int = 1
    interval: int = 250
    settings: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        one_of("experiment", self.experiment, EXPERIMENTS)
        for name in ("seeds", "interval"):
            if getattr(self, name) < 1:
                raise InputError(name, "be at least 1", f"it was {getattr(self, name)}")
        if self.last < self.interval:
            was = f"it was {self.last}"
            raise InputError("steps", f"be at least one interval of {self.interval}", was)

        known = {f.name: f.type for f in fields(self.published.config)}
        for name, value in self.settings:
            one_of("setting", name, known)
            if not math.isfinite(value) or (known[name] == "int" and value != int(value)):
                raise InputError(name, f"be a finite {known[name]}", f"it was {value}")

    @property
    def last(self) -> int:
        """The number of steps: those of the publication, or as asked."""
        return self.published.steps if self.steps is None else self.steps

    @property
    def published(self) -> Experiment:
        """The experiment as published."""
        return EXPERIMENTS[self.experiment]

    @property
    def config(self) -> AgentConfig:
        """The published config with this run's settings."""
        config = self.published.config
        kinds = {name: type(getattr(config, name)) for name, _ in self.settings}
        return replace(config, **{name: kinds[name](value) for name, value in self.settings})


@dataclass(frozen=True)
class Curve:
    """step [T], and reward [T, N]: each seed's mean since the row before."""

    step: NDArray[np.int64]
    reward: NDArray[np.float64]


class Session:
    """One run's players, environment and random stream, at some step."""

    def __init__(self, run: Run) -> None:
        keep_memory()
        self.run, self.step = run, 0
        self.generator = torch.Generator().manual_seed(run.seed)
        parts = (run.published, run.config, run.agent, run.preset, run.seeds, self.generator)
        self.env, self.players = line_up(*parts)
        self.curve = torch.zeros(0, run.seeds, dtype=torch.float64)

    def advance(self) -> None:
        """One interval of steps, and its row of the curve. Raises TrainingError."""
        total = torch.zeros(self.run.seeds, dtype=torch.float64)
        for _ in range(self.run.interval):
            obs = self.env.observation
            first, second = (player.act(obs) for player in self.players)
            rewards = self.env.step(first, second)
            after = self.env.observation
            actions = ((first, second), (second, first))
            for player, own, reward in zip(self.players, actions, rewards, strict=True):
                self._check(player.observe(obs, *own, reward, after))
            total += rewards[0]
            self.step += 1
        self.curve = torch.cat([self.curve, total[None] / self.run.interval])

    def _check(self, losses: dict[str, torch.Tensor]) -> None:
        for name, loss in losses.items():
            if not bool(torch.isfinite(loss)):
                raise TrainingError(
                    f"the {name} loss of {self.run.agent} on {self.run.experiment} was "
                    f"{float(loss)} at step {self.step + 1}; the last good checkpoint is kept"
                )

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        state = {
            "run": asdict(self.run),
            "step": self.step,
            "curve": self.curve,
            "generator": self.generator.get_state(),
            "env": self.env.state_dict(),
            "players": [player.state_dict() for player in self.players],
        }
        beside = path.with_suffix(".tmp")
        torch.save(state, beside)
        os.replace(beside, path)

    def as_curve(self) -> Curve:
        """The curve so far."""
        steps = np.arange(1, len(self.curve) + 1) * self.run.interval
        return Curve(steps, self.curve.numpy())

    @classmethod
    def load(cls, path: Path, run: Run) -> Session:
        """Go on from a checkpoint of the same run, which may ask for more steps than it did."""
        state = torch.load(path, weights_only=True)
        wanted, held = asdict(run), state["run"]
        differs = [k for k in wanted if k != "steps" and wanted[k] != held.get(k)]
        if differs:
            told = ", ".join(f"{k} {held.get(k)!r} not {wanted[k]!r}" for k in differs)
            raise InputError("checkpoint", "be of this run", f"{path} has {told}")
        session = cls(run)
        session.step, session.curve = state["step"], state["curve"]
        session.generator.set_state(state["generator"])
        session.env.load_state_dict(state["env"])
        for player, kept in zip(session.players, state["players"], strict=True):
            player.load_state_dict(kept)
        return session


def train(
    run: Run,
    out: Path | None = None,
    resume: bool = False,
    told: Callable[[int, float], Any] | None = None,
    seconds_between_checkpoints: float = 30.0,
) -> Curve:
    """Run to the last step; ``told(step, mean reward)`` is called after every interval.

    With ``out`` a curve and checkpoints are written there; ``resume`` goes on from its checkpoint.
    Raises InputError where ``out`` already holds a run and ``resume`` is not given, or the
    checkpoint is of another run; TrainingError where a loss is not finite.
    """
    path = None if out is None else out / "checkpoint.pt"
    if resume and (path is None or not path.is_file()):
        raise InputError("--resume", "find a checkpoint in the output folder", f"{path} is none")
    if path is not None and path.is_file() and not resume:
        raise InputError("out", "be a new folder, or be resumed", f"{path} exists")
    session = Session.load(path, run) if resume and path is not None else Session(run)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    saved = time.monotonic()
    while session.step < run.last:
        session.advance()
        if told is not None:
            told(session.step, float(session.curve[-1].mean()))
        due = time.monotonic() - saved > seconds_between_checkpoints
        if out is not None and (due or session.step >= run.last):
            session.save(out / "checkpoint.pt")
            _write_curve(session, out / "curve.csv")
            saved = time.monotonic()
    return session.as_curve()


def _write_curve(session: Session, path: Path) -> None:
    curve, seeds = session.as_curve(), range(session.run.seeds)
    np.savetxt(
        path,
        np.hstack([curve.step[:, None], curve.reward]),
        fmt=["%d", *["%.6g" for _ in seeds]],
        header=",".join(["step", *[f"seed {n}" for n in seeds]]),
        delimiter=",",
        comments="",
    )
