"""Many players in one game: each is paid by its own action and its neighbours' mean action.

    r_i = Σ_b R(a_i, b) ā_i(b),   ā_i = (1/m_i) Σ_{j ~ i} onehot(a_j)

the mean of a matrix game against each neighbour; the one state is observed as 1.
Shapes: actions, rewards [N, n]; mean actions [N, n, A].
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import one_hot

from tabular_marl.deep.parts.devices import at_hand
from tabular_marl.validation import InputError, finite_array, integer


class Crowd:
    """``seeds`` crowds of ``players``; ``payoffs`` R [A, A]; ``neighbours`` [n, n] of 0 and 1,
    everybody else by default. Raises InputError where somebody has none.

    >>> crowd = Crowd([[4.0, 0.0], [0.0, 8.0]], players=3, seeds=1)
    >>> rewards, means = crowd.step(torch.tensor([[0, 1, 1]]))
    >>> rewards.tolist(), means[0, 1].tolist()
    ([[0.0, 4.0, 4.0]], [0.5, 0.5])
    """

    width = 1

    def __init__(
        self,
        payoffs: ArrayLike,
        players: int,
        seeds: int,
        neighbours: ArrayLike | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.players, self.seeds = integer("players", players, 2), integer("seeds", seeds)
        table = finite_array("payoffs", payoffs, (None, None))
        if table.shape[0] != table.shape[1]:
            raise InputError("payoffs", "be square", f"it had shape {table.shape}")
        self.payoffs = torch.tensor(table, dtype=torch.float32, device=device)
        self.actions = len(table)
        everyone = 1.0 - np.eye(players)
        known = finite_array(
            "neighbours", everyone if neighbours is None else neighbours, (players, players)
        )
        if not ((known == 0) | (known == 1)).all() or (known.sum(1) == 0).any():
            must = "hold 0 and 1, with a neighbour for everyone"
            raise InputError("neighbours", must, f"it was {known.tolist()}")
        share = known / known.sum(1, keepdims=True)
        self.share = torch.tensor(share, dtype=torch.float32, device=device)

    def step(self, action: Tensor) -> tuple[Tensor, Tensor]:
        """Rewards [N, n], and what each saw of its neighbours, [N, n, A]. Raises InputError."""
        if action.shape != (self.seeds, self.players) or action.dtype != torch.int64:
            was = f"it was {action.dtype} of shape {tuple(action.shape)}"
            raise InputError("action", f"hold choices [{self.seeds}, {self.players}]", was)
        inside = (action >= 0) & (action < self.actions)
        if at_hand(action) and not bool(inside.all()):
            raise InputError("action", f"be below {self.actions}", f"it was {action.tolist()}")
        means = self.share @ one_hot(action, self.actions).float()
        return (self.payoffs[action] * means).sum(-1), means

    @property
    def observation(self) -> Tensor:
        """[N, n, 1]."""
        return torch.ones(self.seeds, self.players, 1, device=self.payoffs.device)
