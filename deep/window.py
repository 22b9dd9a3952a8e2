"""The latest W steps of N runs, always contiguous in memory.

Each row is written twice into a buffer of length 2W, W apart, so that the last W rows are one
slice and never have to be rolled.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Window:
    """Rings of length ``length`` for the named fields, each [N, …]; :meth:`last` is [N, W, …]."""

    def __init__(self, length: int, seeds: int, fields: dict[str, tuple[int, ...]]) -> None:
        self.length, self.count = length, 0
        self.held = {name: torch.zeros(seeds, 2 * length, *shape) for name, shape in fields.items()}

    @property
    def full(self) -> bool:
        """Whether ``length`` rows have been seen."""
        return self.count >= self.length

    def add(self, **row: Tensor) -> None:
        """Append one step."""
        at = self.count % self.length
        for name, value in row.items():
            self.held[name][:, at] = value
            self.held[name][:, at + self.length] = value
        self.count += 1

    def last(self, name: str) -> Tensor:
        """The latest ``length`` rows, oldest first."""
        at = self.count % self.length
        return self.held[name][:, at : at + self.length]
