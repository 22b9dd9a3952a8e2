"""Agents whose actions are vectors: a replay of checked rows, losses stepped one after the other.

An action that a policy draws keeps its gradient, which runs through the critic to the policy: a
policy's step must come before that of the critic it climbs, and moves nothing else.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.parts.devices import at_hand
from tabular_marl.deep.parts.replay import Replay
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError

#: Cells to an interval where a law is held against the exact one.
POINTS = 80


class ReplayAgent(Agent):
    """N agents; ``fields`` are the vectors that a transition keeps, beside its reward."""

    modules: tuple[str, ...] = ("replay",)
    #: loss -> other optimisers that it steps
    also: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        row: dict[str, Any] = {"reward": ((), torch.float32)}
        row |= {name: ((size,), torch.float32) for name, size in self.fields().items()}
        self.replay = Replay(self.config.replay, self.seeds, row, self.device)

    def fields(self) -> dict[str, int]:
        """The lengths of what is kept."""
        sizes = {"obs": self.observations, "action": self.actions, "other": self.others}
        return {**sizes, "after": self.observations}

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Keep one transition, and train on some that were kept; the losses [·].

        Raises InputError where a shape is not the agent's or, on a CPU, a number not finite.
        """
        row = {"obs": obs, "action": action, "other": other, "reward": reward, "after": after}
        for name, value in row.items():
            wanted = (self.seeds, *self.replay.get_buffer(name).shape[2:])
            if value.shape != wanted:
                raise InputError(name, f"have shape {wanted}", f"it had {tuple(value.shape)}")
            if at_hand(value) and not bool(torch.isfinite(value).all()):
                raise InputError(name, "hold finite numbers", f"it was {value.tolist()}")
        self.keep(row)
        self.count += 1
        return {} if self.warming_up else self.train()

    def keep(self, row: dict[str, Tensor]) -> None:
        """Add a transition to the replay."""
        self.replay.add(**row)

    def train(self) -> dict[str, Tensor]:
        """A step of every optimiser on a replayed batch; the losses [·]."""
        losses = self.losses(**self.replay.sample(self.config.batch, self.generator))
        found = {}
        for name, loss in losses.items():
            found[name] = self.step(loss, name, *self.also.get(name, ()))
        self.follow()
        return found

    # -- what a kind of agent defines -------------------------------------------------------------

    def losses(self, *args: Any, **batch: Any) -> dict[str, Tensor]:
        """The loss of each optimiser, by its name, on a batch [N, B, …]; in the order of steps."""
        raise NotImplementedError

    def follow(self) -> None:
        """Move the target networks."""
        raise NotImplementedError

    def tables(self, obs: Tensor, points: int = POINTS) -> dict[str, Tensor]:
        """What it has learned, by name, [N, S, …]; actions of an interval on ``points`` cells."""
        raise NotImplementedError

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The same in the exact solution of the game on such a grid, [S, …].

        ``opponent`` [S, B] is the other's law on the cells, or the prior about it.
        """
        raise NotImplementedError


def divergence(learned: dict[str, Tensor], exact: dict[str, Any]) -> Tensor:
    """KL(learned ‖ exact) of the pair of actions, or of the one there is, [N]; in nats.

    Tables of one state, as :meth:`ReplayAgent.tables` and ``exact`` have them.
    """
    seeds, device = len(learned["policy"]), learned["policy"].device
    own, wanted = learned["policy"].double(), torch.tensor(exact["policy"], device=device)
    if "opponent" in learned:
        own = own * learned["opponent"].double()
        wanted = wanted * torch.tensor(exact["opponent"], device=device)
    p, q = own.reshape(seeds, -1), wanted.reshape(1, -1)
    tiny = torch.finfo(torch.float64).tiny
    return (torch.xlogy(p, p) - p * q.clamp_min(tiny).log()).sum(1)
