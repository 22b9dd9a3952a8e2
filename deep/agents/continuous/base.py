"""What agents with continuous actions share: boxes, replay, a uniform prior.

    act(obs) -> action                                     [N, O] -> [N, d]
    observe(obs, action, other, reward, after) -> losses   as every agent's; empty at first

For the first ``window`` steps actions are uniform and nothing is trained. Networks see actions
laid on [−1, 1]; densities are per unit of action, so that soft values are those of the game.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import Agent, CommonConfig
from tabular_marl.deep.agents.soft import SoftAgent, SoftConfig
from tabular_marl.deep.networks import Box, SeedMLP, evaluate
from tabular_marl.deep.replay import Replay
from tabular_marl.validation import InputError


@dataclass(frozen=True)
class ContinuousConfig(SoftConfig):
    """β′ of the opponent model, samples K of a sampled soft value, σ of Stein's kernel (64)."""

    critic_rate: float = 0.003
    actor_rate: float = 0.001
    discount: float = 0.95
    clip: float = 10.0
    beta: float = 1.0
    beta_opponent: float = 1.0
    samples: int = 16
    bandwidth: float = 1.0


class ContinuousAgent(SoftAgent):
    """N agents with actions in ``box``, the other player's in ``other_box``."""

    settings: type[CommonConfig] = ContinuousConfig

    def __init__(
        self,
        config: ContinuousConfig,
        seeds: int,
        observations: int,
        box: Box,
        other_box: Box,
        generator: torch.Generator,
    ) -> None:
        self.box, self.other_box = box, other_box
        sizes = (observations, box.dimensions, other_box.dimensions)
        Agent.__init__(self, config, seeds, *sizes, generator)
        shapes = {"obs": sizes[0], "action": sizes[1], "other": sizes[2], "after": sizes[0]}
        row: dict[str, Any] = {name: ((size,), torch.float32) for name, size in shapes.items()}
        self.replay = Replay(config.replay, seeds, row | {"reward": ((), torch.float32)})
        self.log_prior = torch.tensor(box.log_density)
        self.log_other_prior = torch.tensor(other_box.log_density)

    def act(self, obs: Tensor) -> Tensor:
        """Uniform at first, then as :meth:`choose` says; [N, d]."""
        if self.count < self.config.window:
            return self.box.uniform((self.seeds,), self.generator)
        with torch.no_grad():
            return self.choose(obs[:, None])[:, 0]

    def choose(self, obs: Tensor) -> Tensor:
        """An action a row, [N, B, O] → [N, B, d]."""
        raise NotImplementedError

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Keep one transition and train, as every soft agent does. Raises InputError."""
        row = {"obs": obs, "action": action, "other": other, "reward": reward, "after": after}
        for name, value in row.items():
            wanted = (self.seeds, *self.replay.get_buffer(name).shape[2:])
            if value.shape != wanted:
                raise InputError(name, f"have shape {wanted}", f"it had {tuple(value.shape)}")
        return super().observe(obs, action, other, reward, after)

    def q(self, critic: SeedMLP, obs: Tensor, action: Tensor, *rest: Tensor, held: bool = False):
        """Q(s, a) or Q(s, a, b), whose axes between N and d broadcast."""
        units = [self.box.unit(action), *(self.other_box.unit(other) for other in rest)]
        return evaluate(critic, obs, *units, held=held)[..., 0]
