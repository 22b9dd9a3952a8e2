"""What the soft agents share: replay, and one step on the sum of their losses.

    observe: keep (s, a, b, r, s');  once the warm-up is over, train on a batch of what was kept

Every target is held fixed, so the sum of an agent's losses has for each network the gradient of
that network's own loss, and one backward pass serves them all.

Shapes: seeds first, then the batch, [N, K, …]. In :meth:`SoftAgent.tables` the batch is every
state of a game, and :meth:`SoftAgent.exact` has the same tables of the exact answer, [S, …].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import Agent, CommonConfig
from tabular_marl.deep.parts.replay import Replay
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError


@dataclass(frozen=True)
class SoftConfig(CommonConfig):
    """β an inverse temperature in 1/reward units, the replay's length, the batch's.

    β is 1/α of FURTHER's Table 2. A replayed transition takes 8·O + 20 bytes a seed, for
    observations of O numbers. Raises InputError where β is 0 or not finite: no policy loss has a
    minimiser of its own there.
    """

    beta: float = 2.5
    replay: int = 10_000
    batch: int = 64

    def __post_init__(self) -> None:
        finite_beta("beta", self.beta)


class SoftAgent(Agent):
    """N agents; a kind of agent is its networks, its ``losses`` and what it ``follow``s."""

    settings: type[CommonConfig] = SoftConfig

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        row: dict[str, Any] = {
            "obs": ((self.observations,), torch.float32),
            "action": ((), torch.int64),
            "other": ((), torch.int64),
            "reward": ((), torch.float32),
            "after": ((self.observations,), torch.float32),
        }
        self.replay = Replay(self.config.replay, self.seeds, row, self.device)

    def act(self, obs: Tensor) -> Tensor:
        """a ~ policy, [N]."""
        return self.sample(self.policy(obs))

    @torch.no_grad()
    def policy(self, obs: Tensor) -> Tensor:
        """The probabilities of its actions, [N, A]."""
        return self.probabilities(obs[:, None])[:, 0]

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Keep one transition, and train on some that were kept; the losses by network [·]."""
        self.replay.add(obs=obs, action=action, other=other, reward=reward, after=after)
        self.count += 1
        if self.warming_up:
            return {}
        return self.learn(**self.replay.sample(self.config.batch, self.generator))

    def learn(self, **batch: Tensor) -> dict[str, Tensor]:
        """One step on a batch [N, K, …] of what was kept."""
        losses = self.losses(**batch)
        self.step(torch.stack(list(losses.values())).sum(), *losses)
        self.follow()
        return {name: loss.detach() for name, loss in losses.items()}

    # -- what a kind of agent defines -------------------------------------------------------------

    def probabilities(self, obs: Tensor) -> Tensor:
        """What it plays, [N, K, A]."""
        raise NotImplementedError

    def losses(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """The loss of each optimiser, by its name, on a batch [N, K, …]."""
        raise NotImplementedError

    def follow(self) -> None:
        """Move the target network."""
        raise NotImplementedError

    def tables(self, obs: Tensor) -> dict[str, Tensor]:
        """What it has learned, by name, [N, S, …]."""
        raise NotImplementedError

    def exact(self, game: StochasticGame, opponent: Tensor) -> dict[str, Any]:
        """The same in the exact solution of ``game`` against an opponent's policy [S, B]."""
        raise NotImplementedError


def finite_beta(name: str, beta: float) -> None:
    """Raise InputError where no policy is a tilt of its own."""
    if beta == 0 or not math.isfinite(beta):
        raise InputError(name, "be finite and not 0", f"it was {beta:g}")


def uniform(count: int, device: torch.device) -> Tensor:
    """log 1/``count``."""
    return torch.tensor(-math.log(count), device=device)


def at(q: Tensor, action: Tensor) -> Tensor:
    """``q`` [..., A] at ``action`` [...]."""
    return q.gather(-1, action[..., None])[..., 0]
