"""Densities on a box of actions.

    a = c + h tanh u,  u ~ N(m, σ²):   log π(a) = log N(u; m, σ²) − Σ log(h (1 − tanh² u))

per unit of action, with c the box's centre and h half its width. Shapes [..., d], d dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from tabular_marl.validation import InputError, integer


@dataclass(frozen=True)
class Box:
    """The actions [low, high]^dimensions, with the uniform density on them.

    >>> Box(-10.0, 10.0).unit(torch.tensor([[5.0]]))
    tensor([[0.5000]])
    """

    low: float
    high: float
    dimensions: int = 1

    def __post_init__(self) -> None:
        integer("dimensions", self.dimensions)
        if not -math.inf < self.low < self.high < math.inf:
            was = f"it was [{self.low}, {self.high}]"
            raise InputError("box", "have finite ends, the lower one first", was)

    @property
    def centre(self) -> float:
        """c."""
        return (self.low + self.high) / 2

    @property
    def half(self) -> float:
        """h, half the width."""
        return (self.high - self.low) / 2

    @property
    def log_density(self) -> float:
        """The logarithm of the uniform density."""
        return -self.dimensions * math.log(self.high - self.low)

    def unit(self, action: Tensor) -> Tensor:
        """Actions [..., d] laid on [−1, 1], as networks see them."""
        return (action - self.centre) / self.half

    def uniform(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Uniform actions [*shape, d]."""
        size = (*shape, self.dimensions)
        unit = torch.rand(size, generator=generator, device=generator.device)
        return self.low + 2 * self.half * unit

    def cells(self, points: int, device: torch.device | str = "cpu") -> Tensor:
        """The centres of ``points`` equal cells of an interval, [points, 1]."""
        place = torch.arange(points, device=device)[:, None] + 0.5
        return self.low + 2 * self.half * place / points


#: where tanh in single precision still has an inverse
_EDGE = 1 - 1e-6


@dataclass(frozen=True)
class Squashed:
    """A Gaussian squashed into ``box``; ``mean`` and ``log_std`` of u, [..., d].

    Densities are per unit of action, so that they compare with the uniform one.
    """

    mean: Tensor
    log_std: Tensor
    box: Box

    @classmethod
    def head(cls, outputs: Tensor, box: Box) -> Squashed:
        """From a network's outputs [..., 2d]; log σ is kept in [−5, 2]."""
        mean, log_std = outputs.chunk(2, -1)
        return cls(mean, log_std.clamp(-5, 2), box)

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """a = f(ε), with gradient, and log π(a); ``noise`` [..., d] standard normal."""
        u = self.mean + self.log_std.exp() * noise
        return self.box.centre + self.box.half * torch.tanh(u), self._log_density(u)

    def sample(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """:meth:`draw` with noise of its own."""
        return self.draw(standard_normal(self.mean.shape, generator))

    def log_prob(self, action: Tensor) -> Tensor:
        """log π(a), [..., d] → [...]; the ends of the box are taken as just inside."""
        return self._log_density(self.inverse(action, self.box))

    def on(self, cells: Tensor) -> Tensor:
        """The probabilities of equal cells by their centres [n, d], [..., n]."""
        spread = Squashed(self.mean.unsqueeze(-2), self.log_std.unsqueeze(-2), self.box)
        return torch.softmax(spread.log_prob(cells), -1)

    @staticmethod
    def inverse(action: Tensor, box: Box) -> Tensor:
        """u of an action."""
        return torch.atanh(box.unit(action).clamp(-_EDGE, _EDGE))

    def _log_density(self, u: Tensor) -> Tensor:
        standard = (u - self.mean) * torch.exp(-self.log_std)
        gaussian = -0.5 * standard**2 - self.log_std - 0.5 * math.log(2 * math.pi)
        slope = math.log(self.box.half) + 2 * (math.log(2) - u - softplus(-2 * u))
        return (gaussian - slope).sum(-1)


def standard_normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """On the generator's device."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device)
