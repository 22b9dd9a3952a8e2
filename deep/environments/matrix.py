"""Iterated matrix games for many seeds at once, and the tabular Q-learner that plays them.

    s_0 = ∅,  s_t = a_{t−1}        FURTHER G.1; reset every ``episode`` steps, no terminal state

Shapes: state [N] integers, 0 = ∅ and 1 + a·B + b; actions and rewards [N].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.environments.stochastic import StochasticEnvironment
from tabular_marl.games.iterate import iterated
from tabular_marl.games.matrix import MatrixGame


class IteratedMatrixGame(StochasticEnvironment):
    """``seeds`` copies of a two-player ``game``; one-hot observations [N, 1 + A·B].

    As published, the first state of the next episode is what the last step arrives at.
    """

    def __init__(
        self,
        game: MatrixGame,
        seeds: int,
        episode: int = 150,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(iterated(game), seeds, torch.Generator(device), episode)

    @property
    def arrival(self) -> Tensor:
        """The observation."""
        return self.observation


class QLearner:
    """N stateless ε-greedy Q-learners, q ← q + α (r + γ max q − q) at the action taken. FURTHER G.1

    ``initial`` [B]; it starts to learn after ``waits`` steps, and where ``learns``. Ties go to
    the lower action.
    """

    learns = True

    def __init__(
        self,
        initial: Tensor,
        seeds: int,
        generator: torch.Generator,
        step_size: float = 0.5,
        discount: float = 0.9,
        epsilon: float = 0.05,
        waits: int = 256,
    ) -> None:
        self.q = initial.to(generator.device).double().repeat(seeds, 1)
        self.generator = generator
        self.step_size, self.discount, self.epsilon = step_size, discount, epsilon
        self.waits, self.time = waits, 0

    def policy(self, obs: Tensor) -> Tensor:
        """ε-greedy, [N, B]; it does not look."""
        even = self.epsilon / self.q.shape[1]
        spread = torch.full(self.q.shape, even, device=self.q.device)
        return spread.scatter_add(1, self.q.argmax(1)[:, None], 1 - self.epsilon + 0 * spread)

    def act(self, obs: Tensor) -> Tensor:
        """An action for each seed, [N]."""
        seeds, count = self.q.shape
        device = self.q.device
        explores = torch.rand(seeds, generator=self.generator, device=device) < self.epsilon
        uniform = torch.randint(count, (seeds,), generator=self.generator, device=device)
        return torch.where(explores, uniform, self.q.argmax(1))

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """One update from its own reward [N]; nothing else is looked at."""
        self.time += 1
        if self.learns and self.time > self.waits:
            taken = self.q.gather(1, action[:, None])
            target = reward[:, None].double() + self.discount * self.q.amax(1, keepdim=True)
            self.q.scatter_(1, action[:, None], taken + self.step_size * (target - taken))
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"q": self.q, "time": self.time}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.q, self.time = state["q"], state["time"]
