"""The latest W steps of N runs, always contiguous in memory.

Each row is written twice into a buffer of length 2W, W apart, so that the last W rows are one
slice and never have to be rolled. In memory time comes last, the layout
of the networks' products over a window.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tabular_marl.deep.parts.ring import Ring


class Window(Ring):
    """Rings of length ``length`` for the named fields, each [N, …]."""

    def __init__(
        self,
        length: int,
        seeds: int,
        fields: dict[str, tuple[int, ...]],
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(length)
        for name, shape in fields.items():
            self.register_buffer(name, torch.zeros(seeds, *shape, 2 * length, device=device))

    def add(self, **row: Tensor) -> None:
        """Append one step."""
        at = self.seen % self.length
        for name, value in row.items():
            held = self.get_buffer(name)
            held[..., at] = value
            held[..., at + self.length] = value
        self.seen += 1

    def last(self, name: str) -> Tensor:
        """The latest ``length`` rows, oldest first, [N, W, …]; zeros where fewer were seen."""
        at = self.seen % self.length
        return self.get_buffer(name)[..., at : at + self.length].movedim(-1, 1)
