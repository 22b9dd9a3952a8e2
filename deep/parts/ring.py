"""What rings of rows share: a length, and how many rows they have seen.

That count is the host's own, so that no step has to ask a GPU for it.
"""

from __future__ import annotations

from torch import nn


class Ring(nn.Module):
    """Of ``length`` rows; a checkpoint keeps ``seen`` beside the buffers."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length, self.seen = length, 0

    def get_extra_state(self) -> int:
        """What a checkpoint keeps."""
        return self.seen

    def set_extra_state(self, state: int) -> None:
        """Go on from a checkpoint."""
        self.seen = state
