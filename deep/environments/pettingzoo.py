"""PettingZoo's two-agent ParallelEnvs as our batched environments, and ours as a ParallelEnv.

    PettingZooGame(make, N)      N copies of make(), stepped together    [N, O_i], [N] → [2, N]
    parallel_env(game)           one copy of an iterated matrix game, for anybody's agents

An episode that ends for one agent ends for both, and the next begins at once. No target is cut at
an end: average rewards have none, so an end is taken for one of time.
PettingZoo itself is needed for :func:`parallel_env` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tabular_marl.deep.environments.matrix import IteratedMatrixGame
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.validation import InputError


class PettingZooGame:
    """``seeds`` copies of the two-agent ParallelEnv that ``make()`` returns.

    Observations are flattened boxes or one-hot choices; actions are choices. A checkpoint cannot
    hold somebody's environment, so a resumed run begins a new episode in every copy.
    Raises InputError where ``make()`` is something else.
    """

    shared = False  # each agent has an observation of its own
    digest = ""  # code cannot be told from other code

    def __init__(
        self,
        make: Callable[[], Any],
        seeds: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.copies, self.seeds, self.seed = [make() for _ in range(seeds)], seeds, seed
        self.device = device
        first = self.copies[0]
        names = list(getattr(first, "possible_agents", ()))
        if len(names) != 2 or not hasattr(first, "step"):
            was = f"it had {len(names)} possible agents"
            raise InputError("environment", "make a ParallelEnv of two agents", was)
        self.agents: tuple[str, str] = (names[0], names[1])
        self.widths = tuple(_width(first.observation_space(name), name) for name in names)
        self.actions = tuple(_choices(first.action_space(name), name) for name in names)
        self.starts = [int(getattr(first.action_space(name), "start", 0)) for name in names]
        self.spaces = [first.observation_space(name) for name in names]
        self.episodes = 0
        self._seen, self._arrived = (
            [np.zeros((seeds, width), np.float32) for width in self.widths] for _ in range(2)
        )
        for n in range(seeds):
            self._reset(n)

    def step(self, agent: Tensor, opponent: Tensor) -> Tensor:
        """One step of every copy; the rewards of both, [2, N]."""
        rewards = np.zeros((2, self.seeds), np.float32)
        chosen = torch.stack([agent, opponent]).tolist()
        for n, copy in enumerate(self.copies):
            moves = {name: chosen[i][n] + self.starts[i] for i, name in enumerate(self.agents)}
            seen, paid, terminated, truncated, _ = copy.step(moves)
            rewards[:, n] = [paid.get(name, 0.0) for name in self.agents]
            over = any(terminated.values()) or any(truncated.values()) or not copy.agents
            self._look(self._arrived, n, seen)
            if over:
                self._reset(n)
            else:
                self._look(self._seen, n, seen)
        return torch.tensor(rewards, device=self.device)

    @property
    def observations(self) -> tuple[Tensor, Tensor]:
        """What each sees now, [N, O_i]."""
        return self._tensors(self._seen)

    @property
    def arrivals(self) -> tuple[Tensor, Tensor]:
        """What each saw after the last step, before a next episode began."""
        return self._tensors(self._arrived)

    def _tensors(self, held: list[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
        first, second = (torch.tensor(seen, device=self.device) for seen in held)
        return first, second

    def _reset(self, n: int) -> None:
        seen, _ = self.copies[n].reset(seed=self.seed + self.episodes)
        self.episodes += 1
        self._look(self._seen, n, seen)

    def _look(self, where: list[NDArray[np.float32]], n: int, seen: dict[str, Any]) -> None:
        for held, name, space in zip(where, self.agents, self.spaces, strict=True):
            held[n] = _flat(space, seen[name])

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: how many episodes began, so that the next differ."""
        return {"episodes": self.episodes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin a new episode in every copy."""
        self.episodes = state["episodes"]
        for n in range(self.seeds):
            self._reset(n)


def _width(space: Any, name: str) -> int:
    if hasattr(space, "n"):
        return int(space.n)
    if getattr(space, "shape", None) is None:
        must = "have observations in a Box or a Discrete space"
        raise InputError("environment", must, f"those of {name} were in {space}")
    return int(np.prod(space.shape))


def _choices(space: Any, name: str) -> int:
    if not hasattr(space, "n") or getattr(space, "shape", ()) != ():
        raise InputError("environment", "have Discrete actions", f"{name}'s were in {space}")
    return int(space.n)


def _flat(space: Any, seen: Any) -> NDArray[np.float32]:
    if hasattr(space, "n"):
        chosen = np.zeros(int(space.n), np.float32)
        chosen[int(seen) - int(space.start)] = 1
        return chosen
    return np.asarray(seen, np.float32).ravel()


def parallel_env(game: MatrixGame, episode: int = 150) -> Any:
    """An iterated matrix game as a PettingZoo ParallelEnv of ``agent`` and ``opponent``.

    Observations are the last joint action, one-hot, 0 first for none [1 + A·B]; an episode is
    truncated after ``episode`` steps. Raises ImportError, with the command that installs it,
    where PettingZoo is missing.
    """
    try:
        from gymnasium.spaces import Box, Discrete
        from pettingzoo import ParallelEnv
    except ModuleNotFoundError as error:
        raise ImportError(
            "an environment for PettingZoo needs it, and it is not installed; "
            "install it with: pip install pettingzoo"
        ) from error

    class MatrixParallelEnv(ParallelEnv):  # type: ignore[misc]
        """One copy of the iterated game."""

        def __init__(self) -> None:
            self.metadata = {"name": f"iterated_{game.name}", "render_modes": []}
            self.possible_agents = ["agent", "opponent"]
            self.agents: list[str] = []
            self.held = IteratedMatrixGame(game, 1, episode + 1)  # which is not reset
            self.render_mode = None
            space = Box(0.0, 1.0, (self.held.width,), np.float32)
            self.observation_spaces = dict.fromkeys(self.possible_agents, space)
            counts = zip(self.possible_agents, self.held.actions, strict=True)
            self.action_spaces = {name: Discrete(int(count)) for name, count in counts}

        def observation_space(self, agent: str) -> Any:
            return self.observation_spaces[agent]

        def action_space(self, agent: str) -> Any:
            return self.action_spaces[agent]

        def reset(self, seed: int | None = None, options: Any = None) -> Any:
            self.held = IteratedMatrixGame(game, 1, episode + 1)  # which is not reset
            self.agents = list(self.possible_agents)
            return self._observed(), {name: {} for name in self.agents}

        def step(self, actions: dict[str, int]) -> Any:
            chosen = [[int(actions[name])] for name in self.possible_agents]
            first, second = torch.tensor(chosen, device="cpu")
            paid = self.held.step(first, second)[:, 0].tolist()
            over = int(self.held.time) >= episode
            names = self.agents
            if over:
                self.agents = []
            return (
                self._observed(),
                dict(zip(names, paid, strict=True)),
                dict.fromkeys(names, False),
                dict.fromkeys(names, over),
                {name: {} for name in names},
            )

        def _observed(self) -> dict[str, NDArray[np.float32]]:
            seen = self.held.observation[0].numpy()
            return {name: seen.copy() for name in self.possible_agents}

    return MatrixParallelEnv()
