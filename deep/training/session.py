"""Train an experiment, many seeds at once, and stop or go on at any step.

    out/curve.csv, losses.csv   see :mod:`logs`
    out/checkpoint.pt           everything that the next step depends on; read with weights_only

A run that is killed loses at most the steps since its last checkpoint, and one that goes on from
it ends bit for bit where an unbroken run ends (on a CPU, with the same number of threads, in an
environment of this package).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from tabular_marl.deep.agents.base import CommonConfig
from tabular_marl.deep.parts.networks import keep_memory
from tabular_marl.deep.training.checkpoint import (
    clear,
    differences,
    not_finite,
    read_checkpoint,
    write_checkpoint,
)
from tabular_marl.deep.training.experiments import Experiment, read_experiment
from tabular_marl.deep.training.lineup import line_up
from tabular_marl.deep.training.logs import Logs
from tabular_marl.validation import InputError, one_of


class TrainingError(RuntimeError):
    """A loss stopped being finite; the last good checkpoint is untouched."""


@dataclass(frozen=True)
class Run:
    """A training run: which experiment, agent and preset, how many seeds and steps.

    ``experiment`` is a published name, a file, or an Experiment, which has no presets.
    ``settings`` override its numbers: pairs of a field's name and a value.
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

    def __post_init__(self) -> None:
        one_of("agent", self.agent, self.plan.agents)
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


class Session:
    """One run's players, environment and random stream, at some step.

    ``keep_going``: a seed whose weights or latents are no longer finite is given up and the others
    go on, each as if alone; otherwise a loss that is not finite stops all.
    """

    def __init__(self, run: Run, keep_going: bool = False) -> None:
        keep_memory()
        self.run, self.step, self.keep_going = run, 0, keep_going
        self.generator = torch.Generator().manual_seed(run.seed)
        self.env, self.players = line_up(run.plan, run.agent, run.seeds, self.generator)
        self.curve = torch.zeros(0, run.seeds, dtype=torch.float64)
        self.losses: dict[str, list[float]] = {}
        self.failed: dict[int, str] = {}

    def advance(self) -> None:
        """One interval of steps, and its row of the curve. Raises TrainingError."""
        total = torch.zeros(self.run.seeds, dtype=torch.float64)
        sums: dict[str, torch.Tensor] = {}
        trained = 0
        for _ in range(self.run.interval):
            losses = self._round(total)
            trained += bool(losses)
            for name, loss in losses.items():
                sums[name] = sums[name] + loss if name in sums else loss.double()
            self.step += 1
        total[list(self.failed)] = math.nan
        self.curve = torch.cat([self.curve, total[None] / self.run.interval])
        for name in {**self.losses, **sums}:
            rows = self.losses.setdefault(name, [math.nan] * (len(self.curve) - 1))
            rows.append(float(sums[name]) / trained if name in sums else math.nan)

    def _round(self, total: torch.Tensor) -> dict[str, torch.Tensor]:
        """One step of both; the losses by name."""
        seen = self.env.observations
        first, second = self._act(0, seen[0]), self._act(1, seen[1])
        rewards = self.env.step(first, second)
        after = self.env.arrivals
        found = {}
        for seat, own in enumerate(((first, second), (second, first))):
            player = self.players[seat]
            losses = player.observe(seen[seat], *own, rewards[seat], after[seat])
            wrong = [name for name, loss in losses.items() if not bool(torch.isfinite(loss))]
            # a loss may overflow where its gradient does not: that seed can go on
            if wrong and (not self.keep_going or not_finite(player.state_dict(), self.run.seeds)):
                self._fail(seat, f"{wrong[0]} loss", float(losses[wrong[0]]))
            for name in (name for name in losses if name not in wrong):
                found[f"opponent {name}" if seat else name] = losses[name]
        total += rewards[0]
        return found

    def _act(self, seat: int, seen: torch.Tensor) -> torch.Tensor:
        player = self.players[seat]
        try:
            action = player.act(seen)
        except RuntimeError:  # torch draws from no law that is not finite
            if not not_finite(player.state_dict(), self.run.seeds):
                raise
            self._fail(seat, "policy", math.nan)
            return player.act(seen)
        if not bool(action.isfinite().all()):  # of an interval; drawn anew it would differ for all
            self._fail(seat, "policy", math.nan)
            action = action.nan_to_num(getattr(self.env.actions[seat], "centre", 0.0))
        return action

    def _fail(self, seat: int, term: str, was: float) -> None:
        """Stop, or give up the seeds whose state is no longer finite. Raises TrainingError."""
        state = self.players[seat].state_dict()
        bad = not_finite(state, self.run.seeds)
        opponent = self.run.plan.opponent
        kind = self.run.agent if opponent == "self" else opponent
        who = f"the opponent ({kind})" if seat else self.run.agent
        told = f"the {term} of {who} on {self.run.plan.name} was {was} at step {self.step + 1}"
        if bad:
            told += f" in {'seed' if len(bad) == 1 else 'seeds'} {', '.join(map(str, bad))}"
        new = [n for n in bad if n not in self.failed]
        over = len(self.failed) + len(new) == self.run.seeds
        if not self.keep_going or not bad or over:
            _stop(told, hint=not over)
        for n in new:
            self.failed[n] = told
        for player in self.players:  # zeros are finite, so what is given up disturbs nobody
            clear(player.state_dict(), self.run.seeds, bad)

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        state = {
            "run": self.run.as_dict(),
            "step": self.step,
            "curve": self.curve,
            "losses": self.losses,
            "failed": self.failed,
            "generator": self.generator.get_state(),
            "env": self.env.state_dict(),
            "players": [player.state_dict() for player in self.players],
        }
        write_checkpoint(path, state)

    def as_curve(self) -> Curve:
        """The curve so far."""
        steps = np.arange(1, len(self.curve) + 1) * self.run.interval
        failed = tuple(dict.fromkeys(self.failed.values()))
        return Curve(steps, self.curve.numpy(), failed)

    @classmethod
    def open(cls, path: Path) -> Session:
        """The run that a checkpoint holds, at its step; the checkpoint alone says which it is.

        ``players[0]`` is the agent, ``players[1]`` the other. Raises InputError where the file is
        not a checkpoint of this package.
        """
        state = read_checkpoint(path)
        try:
            run = Run.of(state["run"])
        except (TypeError, KeyError) as error:
            was = f"{path} gave {type(error).__name__}: {error}"
            raise InputError("checkpoint", "be of this version of the package", was) from error
        return cls._restored(run, state, path)

    @classmethod
    def load(cls, path: Path, run: Run, keep_going: bool = False) -> Session:
        """Go on from a checkpoint of the same run, which may ask for more steps than it did.

        Raises InputError with what differs where it is of another.
        """
        state = read_checkpoint(path)
        wanted, held = ({**told, "steps": 0} for told in (run.as_dict(), state["run"]))
        for told in (wanted, held):
            told["experiment"] = {**told["experiment"], "steps": 0}
        differs = differences(held, wanted)
        if differs:
            raise InputError("checkpoint", "be of this run", f"{path} has {', '.join(differs)}")
        return cls._restored(run, state, path, keep_going)

    @classmethod
    def _restored(
        cls, run: Run, state: dict[str, Any], path: Path, keep_going: bool = False
    ) -> Session:
        session = cls(run, keep_going)
        session.step, session.curve = state["step"], state["curve"]
        session.losses, session.failed = state["losses"], state["failed"]
        try:
            session.generator.set_state(state["generator"])
            session.env.load_state_dict(state["env"])
            for player, kept in zip(session.players, state["players"], strict=True):
                player.load_state_dict(kept)
        except (KeyError, RuntimeError, ValueError, AttributeError) as error:
            was = f"{path} gave {type(error).__name__}: {error}"
            raise InputError("checkpoint", "be of this version of the agents", was) from error
        return session


def _stop(told: str, hint: bool) -> NoReturn:
    also = "; --resume --keep-going goes on from it without what failed" if hint else ""
    raise TrainingError(f"{told}; the last good checkpoint is kept{also}")


def train(
    run: Run,
    out: Path | None = None,
    resume: bool = False,
    told: Callable[[int, float], Any] | None = None,
    seconds_between_checkpoints: float = 30.0,
    keep_going: bool = False,
) -> Curve:
    """Run to the last step; ``told(step, mean reward)`` is called first and after every interval.

    With ``out`` logs and checkpoints are written there; ``resume`` goes on from its checkpoint.
    Raises InputError where ``out`` already holds a run and ``resume`` is not given, or the
    checkpoint is of another run; TrainingError where a loss is not finite, with ``keep_going``
    only where that is so of every seed.
    """
    path = None if out is None else out / "checkpoint.pt"
    if resume and (path is None or not path.is_file()):
        raise InputError("--resume", "find a checkpoint in the output folder", f"{path} is none")
    if path is not None and path.is_file() and not resume:
        raise InputError("out", "be a new folder, or be resumed", f"{path} exists")
    if resume and path is not None:
        session = Session.load(path, run, keep_going)
    else:
        session = Session(run, keep_going)
    if out is None or path is None:
        _advance(session, told, None)
        return session.as_curve()

    out.mkdir(parents=True, exist_ok=True)
    logs, begun = Logs(out, session.step), session.step
    saved = -math.inf

    def keep() -> None:
        nonlocal saved
        if session.step > begun:
            logs.row(session)
        due = time.monotonic() - saved >= seconds_between_checkpoints
        if due or session.step >= run.last:
            session.save(path)
            logs.write(session)
            saved = time.monotonic()

    try:
        _advance(session, told, keep)
    finally:
        logs.close()
    return session.as_curve()


def _advance(
    session: Session,
    told: Callable[[int, float], Any] | None,
    keep: Callable[[], None] | None,
) -> None:
    """To the last step; both are called before the first interval and after each."""
    while True:
        if told is not None:
            latest = session.curve[-1].nanmean() if len(session.curve) else math.nan
            told(session.step, float(latest))
        if keep is not None:
            keep()
        if session.step >= session.run.last:
            return
        session.advance()
