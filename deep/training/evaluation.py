"""What trained agents are worth: against their own opponent, against others, and all against all.

    reward of both, average over T steps from a fresh episode       [2, N], by seed
    IQM over seeds, with its 95 % bootstrap interval

Who is *learning* goes on as it was trained; whoever is not is frozen: its weights do not change,
though it still infers what the other does. Row players are the agents of a run (seat 0), column
players what a run had in seat 1, so a game need not be symmetric. Seeds are paired: seed n meets
seed n.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.training.checkpoint import differences, not_finite
from tabular_marl.deep.training.lineup import (
    Environment,
    Player,
    introduce,
    make_environment,
    make_q_learner,
)
from tabular_marl.deep.training.session import Session, TrainingError
from tabular_marl.deep.training.statistics import iqm, iqm_interval, stratified_interval
from tabular_marl.validation import InputError, integer, one_of

#: Who may be learning.
LEARNING = ("nobody", "agent", "opponent", "both")
#: The fresh tabular Q-learner of the experiment, instead of a run's own second player.
Q_LEARNER = "q-learner"


@dataclass(frozen=True)
class Score:
    """Average reward a step by seed [N], NaN where a seed failed; after ``trained`` steps."""

    reward: NDArray[np.float64]
    trained: int = 0

    @property
    def seeds(self) -> int:
        """How many did not fail."""
        return int(np.isfinite(self.reward).sum())

    @property
    def iqm(self) -> float:
        """The interquartile mean over seeds."""
        return float(iqm(self.reward))

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % bootstrap interval."""
        low, high = iqm_interval(self.reward)
        return float(low), float(high)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = {"iqm": self.iqm, "interval": self.interval, "seeds": self.seeds}
        return {**told, "trained": self.trained, "reward_by_seed": _or_none(self.reward)}


def _or_none(reward: NDArray[np.float64]) -> Any:
    return np.where(np.isnan(reward), None, reward).tolist()  # type: ignore[call-overload]


def evaluate(
    run: Path,
    against: Path | str | None = None,
    steps: int = 1000,
    learning: str = "nobody",
    seed: int = 0,
    device: str = "cpu",
) -> tuple[Score, Score]:
    """The agent of the run in folder ``run`` and its opponent over ``steps`` steps.

    ``against`` is the folder of the run whose second player it meets, "q-learner" for the
    experiment's fresh Q-learner, or None for its own. Raises InputError where the two were trained
    in different environments or with other numbers of seeds, or ``device`` is not there;
    TrainingError where one who learns breaks down.
    """
    integer("steps", steps)
    one_of("learning", learning, LEARNING)
    mine = Session.open(run / "checkpoint.pt", device)
    first, second = mine.players
    failed, trained = set(mine.failed), mine.step
    mine.generator.manual_seed(seed)
    if against == Q_LEARNER:
        second = make_q_learner(mine.run.plan.q_learner, mine.env, mine.generator)
        trained = 0
    elif against is not None:
        theirs = Session.open(Path(against) / "checkpoint.pt", device)
        _same_world(run, mine, Path(against), theirs)
        theirs.generator.manual_seed(seed + 1)
        second, trained = theirs.players[1], theirs.step
        failed |= set(theirs.failed)
    env = make_environment(mine.run.plan, mine.run.seeds, mine.generator)
    players = (first, second)
    introduce(*players)
    first.learns = learning in ("agent", "both")
    second.learns = learning in ("opponent", "both")
    reward = play(env, players, steps, f"{run}, {learning} learning")
    reward[:, sorted(failed)] = torch.nan
    one, two = reward.cpu().numpy()
    return Score(one, mine.step), Score(two, trained)


def play(env: Environment, players: tuple[Agent, Player], steps: int, what: str) -> torch.Tensor:
    """Play on: the mean reward of both, [2, N]. ``what`` is its name in an error.

    Raises TrainingError where weights or latents are no longer finite.
    """
    total = torch.zeros(2, env.seeds, dtype=torch.float64, device=players[0].device)
    for step in range(steps):
        try:
            total += _round(env, players)
        except RuntimeError as error:  # torch draws from no law that is not finite
            bad = {n for p in players for n in not_finite(p.state_dict(), env.seeds)}
            if not bad:
                raise
            seeds = ", ".join(map(str, sorted(bad)))
            told = f"weights or latents were no longer finite at step {step + 1} in seeds {seeds}"
            raise TrainingError(f"{what}: {told}") from error
    return total / steps


def _round(env: Environment, players: tuple[Agent, Player]) -> torch.Tensor:
    """One step of both; their rewards, [2, N]."""
    seen = env.observations
    actions = players[0].act(seen[0]), players[1].act(seen[1])
    rewards = env.step(*actions)
    after = env.arrivals
    for seat, player in enumerate(players):
        own = (actions[seat], actions[1 - seat])
        player.observe(seen[seat], *own, rewards[seat], after[seat])
    return rewards


def _same_world(run: Path, mine: Session, against: Path, theirs: Session) -> None:
    names = ("environment", "episode")
    held, wanted = (
        {"seeds": s.run.seeds, **{name: getattr(s.run.plan, name) for name in names}}
        for s in (theirs, mine)
    )
    differs = differences(held, wanted)
    if differs:
        raise InputError(str(against), f"be of the world of {run}", f"it has {', '.join(differs)}")


@dataclass(frozen=True)
class CrossPlay:
    """Every row player against every column player: reward of the row player, [R, R, N]."""

    names: tuple[str, ...]
    reward: NDArray[np.float64]
    steps: int
    learning: str

    @property
    def iqm(self) -> NDArray[np.float64]:
        """[R, R]: the interquartile means over seeds."""
        return iqm(self.reward)

    @property
    def interval(self) -> NDArray[np.float64]:
        """[2, R, R]: their 95 % bootstrap intervals."""
        return iqm_interval(self.reward)

    def against_all(self, row: int) -> tuple[float, float, float]:
        """A row player's IQM over all columns and seeds, with its stratified interval."""
        low, high = stratified_interval(self.reward[row])
        return float(iqm(self.reward[row].ravel())), float(low), float(high)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: ``iqm[row][column]``, and by row the aggregate against all."""
        every = [self.against_all(row) for row in range(len(self.names))]
        return {
            "names": list(self.names),
            "steps": self.steps,
            "learning": self.learning,
            "iqm": self.iqm.tolist(),
            "interval": np.moveaxis(self.interval, 0, -1).tolist(),
            "against_all": [{"iqm": k, "interval": [low, high]} for k, low, high in every],
            "reward_by_seed": _or_none(self.reward),
        }

    def write_csv(self, path: Path) -> None:
        """One line a pair: row, column, iqm, low, high."""
        with path.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(["row", "column", "iqm", "low", "high"])
            low, high = self.interval
            for i, row in enumerate(self.names):
                for j, column in enumerate(self.names):
                    numbers = (self.iqm[i, j], low[i, j], high[i, j])
                    lines.writerow([row, column, *(f"{x:.6g}" for x in numbers)])


def cross_play(
    runs: Mapping[str, Path],
    steps: int = 1000,
    learning: str = "nobody",
    seed: int = 0,
    device: str = "cpu",
) -> CrossPlay:
    """Every run's agent against every run's second player; ``runs`` are folders by name.

    Raises InputError as :func:`evaluate` does.
    """
    rows = [
        [evaluate(one, other, steps, learning, seed, device)[0].reward for other in runs.values()]
        for one in runs.values()
    ]
    return CrossPlay(tuple(runs), np.array(rows), steps, learning)


def short_names(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by the shortest endings of their paths that tell them apart.

    >>> list(short_names([Path("a/further"), Path("b/further"), Path("b/lili")]))
    ['a/further', 'b/further', 'b/lili']
    """
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise InputError("DIR", "name each run once", "one was there twice")
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, folders, strict=True))
