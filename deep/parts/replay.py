"""Uniform replay for many seeds: the latest L transitions of each, sampled with replacement.

    row t of seed n at [n, t mod L];  sample: k ~ U{0, …, min(seen, L) − 1}, a draw a seed

A module, so that a checkpoint keeps it; its rows take L·N·(row's floats) in all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tabular_marl.deep.parts.ring import Ring


class Replay(Ring):
    """Rings of length ``length`` for the named fields of given shapes and dtypes, each [N, …]."""

    seed: Tensor

    def __init__(
        self,
        length: int,
        seeds: int,
        fields: dict[str, tuple[tuple[int, ...], torch.dtype]],
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(length)
        self.names = tuple(fields)
        for name, (shape, dtype) in fields.items():
            zeros = torch.zeros(seeds, length, *shape, dtype=dtype, device=device)
            self.register_buffer(name, zeros)
        self.register_buffer("seed", torch.arange(seeds, device=device)[:, None])

    def add(self, **row: Tensor) -> None:
        """Append one step, in place of the oldest where the ring is full."""
        at = self.seen % self.length
        for name, value in row.items():
            self.get_buffer(name)[:, at] = value
        self.seen += 1

    def sample(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """``count`` rows of each seed, by field: [N, count, …].

        >>> replay = Replay(3, 2, {"x": ((), torch.float32)})
        >>> for k in range(5):
        ...     replay.add(x=torch.tensor([k, 10.0 * k]))
        >>> drawn = replay.sample(100, torch.Generator().manual_seed(0))["x"]
        >>> drawn[0].unique().tolist(), drawn[1].unique().tolist()
        ([2.0, 3.0, 4.0], [20.0, 30.0, 40.0])
        """
        shape, held = (len(self.seed), count), min(self.seen, self.length)
        at = torch.randint(held, shape, generator=generator, device=self.seed.device)
        return {name: self.get_buffer(name)[self.seed, at] for name in self.names}
