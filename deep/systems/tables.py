"""What a critic and its actors hold: named tables, some of them logits of policies.

``tables.q`` is a table; ``tables.log_agent`` the log-softmax of the logits ``tables.agent`` along
the axis of the actor's own actions. ``tables.twin`` is a second critic, for code that has two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Tables:
    """``held`` tables by name; ``axes`` says along which axis each table of logits is a policy."""

    def __init__(self, held: Mapping[str, Tensor], axes: Mapping[str, int]) -> None:
        self.held, self.axes = dict(held), dict(axes)

    def __getattr__(self, name: str) -> Tensor:
        if name.startswith("__") or "held" not in self.__dict__:
            raise AttributeError(name)
        if name in self.held:
            return self.held[name]
        actor = name.removeprefix("log_")
        if actor != name and actor in self.axes:
            return torch.log_softmax(self.held[actor], self.axes[actor])
        known = [*self.held, *(f"log_{actor}" for actor in self.axes)]
        raise AttributeError(f"tables have {', '.join(known)}, and no {name!r}")

    def parameters(self) -> dict[str, Tensor]:
        """The tables by name."""
        return dict(self.held)

    def policy(self, actor: str) -> Tensor:
        """An actor's probabilities."""
        return torch.softmax(self.held[actor], self.axes[actor])

    def trainable(self) -> Tables:
        """Copies that are leaves with gradients."""
        held = {name: table.detach().clone() for name, table in self.held.items()}
        return Tables({k: v.requires_grad_() for k, v in held.items()}, self.axes)

    def replaced(self, **tables: Tensor) -> Tables:
        """The same with some tables exchanged."""
        return Tables({**self.held, **tables}, self.axes)

    def raised(self, by: float | Tensor) -> Tables:
        """The critics and the value higher by a constant, to which an average reward is blind."""
        return self.replaced(**{name: self.held[name] + by for name in ("q", "twin", "value")})

    def __repr__(self) -> str:
        shapes: Any = {name: tuple(table.shape) for name, table in self.held.items()}
        return f"Tables({shapes})"
