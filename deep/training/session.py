"""Train an experiment, many seeds at once, and stop or go on at any step.

    out/curve.csv, losses.csv   see :mod:`logs`
    out/checkpoint.pt           everything that the next step depends on; read with weights_only

A run that is killed loses at most the steps since its last checkpoint, and one that goes on from
it ends bit for bit where an unbroken run ends (on a CPU, with the same number of threads, both
compiled or neither, in an environment of this package; on a GPU nothing is promised to the last
bit, and products are in float32, not TF32, which is torch's own default). A checkpoint goes on on
any device, but with another random stream where that is of another kind.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.parts.devices import at_hand, device_named
from tabular_marl.deep.parts.networks import denormals_flushed, keep_memory
from tabular_marl.deep.training.checkpoint import (
    clear,
    differences,
    not_finite,
    read_checkpoint,
    write_checkpoint,
)
from tabular_marl.deep.training.compiled import compile_learning
from tabular_marl.deep.training.lineup import line_up
from tabular_marl.deep.training.logs import Logs
from tabular_marl.deep.training.run import Curve, Run
from tabular_marl.solution import NotConverged
from tabular_marl.validation import InputError

#: What the other player's losses are called, before their own names.
OPPONENT = "opponent "


class TrainingError(NotConverged):
    """A loss stopped being finite; the last good checkpoint is untouched."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, None)


class Session:
    """One run's players, environment and random stream, at some step.

    ``keep_going``: a seed whose weights or latents are no longer finite is given up and the others
    go on, each as if alone; otherwise a loss that is not finite stops all.
    """

    def __init__(self, run: Run, keep_going: bool = False) -> None:
        keep_memory()
        self.run, self.step, self.keep_going = run, 0, keep_going
        self.device = device_named(run.device)
        self.generator = torch.Generator(self.device).manual_seed(run.seed)
        self.env, self.players = line_up(run.plan, run.agent, run.seeds, self.generator)
        if run.compiled:
            for player in self.players:
                if isinstance(player, Agent):
                    compile_learning(player)
        self.curve = torch.zeros(0, run.seeds, dtype=torch.float64, device="cpu")
        self.losses: dict[str, list[float]] = {}
        self.failed: dict[int, str] = {}

    @denormals_flushed()
    def advance(self) -> None:
        """One interval of steps, and its row of the curve. Raises TrainingError."""
        total = torch.zeros(self.run.seeds, dtype=torch.float64, device=self.device)
        rows: list[dict[str, torch.Tensor]] = []
        for _ in range(self.run.interval):
            rows.append(self._round(total))
            self.step += 1
        told = self._numbers(rows)
        reward = total.cpu() / self.run.interval
        reward[list(self.failed)] = math.nan
        self.curve = torch.cat([self.curve, reward[None]])
        for name in {**self.losses, **{name: None for row in told for name in row}}:
            held = self.losses.setdefault(name, [math.nan] * (len(self.curve) - 1))
            finite = [row[name] for row in told if math.isfinite(row.get(name, math.nan))]
            held.append(sum(finite) / len(finite) if finite else math.nan)

    def _numbers(self, rows: list[dict[str, torch.Tensor]]) -> list[dict[str, float]]:
        """The losses of an interval, asked for at once; what :meth:`_round` could not see of them.

        Raises TrainingError.
        """
        every = [loss for row in rows for loss in row.values()]
        values = iter(torch.stack(every).tolist() if every else ())
        told = [{name: next(values) for name in row} for row in rows]
        if self.device.type != "cpu":
            for step, row in enumerate(told, self.step - len(told) + 1):
                wrong = [name for name, loss in row.items() if not math.isfinite(loss)]
                if wrong:
                    seat = int(wrong[0].startswith(OPPONENT))
                    self._broke(seat, wrong[0].removeprefix(OPPONENT), row[wrong[0]], step)
                    break
        return told

    def _round(self, total: torch.Tensor) -> dict[str, torch.Tensor]:
        """One step of both; the losses by name."""
        seen = self.env.observations
        first, second = self._act(0, seen[0]), self._act(1, seen[1])
        rewards = self.env.step(first, second)
        after = self.env.arrivals
        found = {}
        for seat, own in enumerate(((first, second), (second, first))):
            losses = self.players[seat].observe(seen[seat], *own, rewards[seat], after[seat])
            for name, loss in losses.items():
                found[f"{OPPONENT}{name}" if seat else name] = loss
            if self.device.type == "cpu":
                wrong = [name for name, loss in losses.items() if not math.isfinite(float(loss))]
                if wrong:
                    self._broke(seat, wrong[0], float(losses[wrong[0]]), self.step + 1)
        total += rewards[0]
        return found

    def _broke(self, seat: int, term: str, was: float, step: int) -> None:
        """Fail for a loss that is not finite. Raises TrainingError."""
        # it may overflow where its gradient does not: that seed can go on
        if not self.keep_going or not_finite(self.players[seat].state_dict(), self.run.seeds):
            self._fail(seat, f"{term} loss", was, step)

    def _act(self, seat: int, seen: torch.Tensor) -> torch.Tensor:
        player = self.players[seat]
        if not at_hand(seen):  # a law that is not finite shows in the losses
            return player.act(seen)
        try:
            action = player.act(seen)
        except RuntimeError:  # torch draws from no law that is not finite
            if not not_finite(player.state_dict(), self.run.seeds):
                raise
            self._fail(seat, "policy", math.nan, self.step + 1)
            return player.act(seen)
        if not bool(action.isfinite().all()):  # of an interval; drawn anew it would differ for all
            self._fail(seat, "policy", math.nan, self.step + 1)
            action = action.nan_to_num(getattr(self.env.actions[seat], "centre", 0.0))
        return action

    def _fail(self, seat: int, term: str, was: float, step: int) -> None:
        """Stop, or give up the seeds whose state is no longer finite. Raises TrainingError."""
        state = self.players[seat].state_dict()
        bad = not_finite(state, self.run.seeds)
        opponent = self.run.plan.opponent
        kind = self.run.agent if opponent == "self" else opponent
        who = f"the opponent ({kind})" if seat else self.run.agent
        told = f"the {term} of {who} on {self.run.plan.name} was {was} at step {step}"
        if bad:
            told += f" in {'seed' if len(bad) == 1 else 'seeds'} {', '.join(map(str, bad))}"
        new = [n for n in bad if n not in self.failed]
        over = len(self.failed) + len(new) == self.run.seeds
        if over and self.failed:
            told += f", after seeds {', '.join(map(str, self.failed))}: none is left"
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
            "device": self.device.type,
            "generator": self.generator.get_state(),
            "env": self.env.state_dict(),
            "game": self.env.digest,
            "players": [player.state_dict() for player in self.players],
        }
        write_checkpoint(path, state)

    def as_curve(self) -> Curve:
        """The curve so far."""
        steps = np.arange(1, len(self.curve) + 1) * self.run.interval
        failed = tuple(dict.fromkeys(self.failed.values()))
        return Curve(steps, self.curve.numpy(), failed)

    @classmethod
    def open(cls, path: Path, device: str = "cpu") -> Session:
        """The run that a checkpoint holds, at its step; the checkpoint alone says which it is.

        ``players[0]`` is the agent, ``players[1]`` the other. Raises InputError where the file is
        not a checkpoint of this package, or ``device`` is not there.
        """
        state = read_checkpoint(path, device_named(device))
        try:
            run = replace(Run.of(state["run"]), device=device)
        except (TypeError, KeyError) as error:
            was = f"{path} gave {type(error).__name__}: {error}"
            raise InputError("checkpoint", "be of this version of the package", was) from error
        return cls._restored(run, state, path)

    @classmethod
    def load(cls, path: Path, run: Run, keep_going: bool = False) -> Session:
        """Go on from a checkpoint of the same run, which may ask for more steps than it did.

        Raises InputError with what differs where it is of another.
        """
        state = read_checkpoint(path, device_named(run.device))
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
        session.step, session.curve = state["step"], state["curve"].cpu()
        session.losses, session.failed = state["losses"], state["failed"]
        digest = session.env.digest
        if state.get("game", digest) != digest:
            was = f"{run.plan.environment} has changed since {path} was written"
            raise InputError("checkpoint", "be of the game as it is now", was)
        try:
            if state.get("device", "cpu") == session.device.type:
                session.generator.set_state(state["generator"].cpu())
            else:  # whose states the other kind of device cannot take
                session.generator.manual_seed(run.seed + session.step)
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
        if session.step > run.last:
            must = f"be at least the checkpoint's {session.step}"
            raise InputError("steps", must, f"it was {run.last}")
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
