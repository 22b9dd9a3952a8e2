"""Many networks of one shape, one a seed, evaluated together.

    x [N, B, in] → [N, B, out],   seed n sees only its own weights W_ℓ[n] [in, out]

One batched product serves every seed, so that twenty runs cost little more than one. A loss summed
over seeds has gradients that do not mix them, and Adam is elementwise, so the N runs are what N
separate runs would be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn


class SeedMLP(nn.Module):
    """``seeds`` multilayer perceptrons with ReLU between layers of the given ``sizes``.

    Weights are Xavier-normal, biases zero (FURTHER's code).
    """

    def __init__(self, seeds: int, sizes: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            spread = math.sqrt(2 / (fan_in + fan_out))
            drawn = torch.randn(seeds, fan_in, fan_out, generator=generator)
            self.weights.append(nn.Parameter(spread * drawn))
            self.biases.append(nn.Parameter(torch.zeros(seeds, 1, fan_out)))

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            x = torch.relu(x) if layer < last else x
        return x


@torch.no_grad()
def clip_gradients(parameters: Iterable[Tensor], largest: float) -> None:
    """Scale each seed's gradient to a norm of at most ``largest``; parameters [N, …]."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    whole = torch.stack(torch._foreach_norm(gradients)).norm()
    if whole <= largest:  # then no seed's is larger
        return
    squares = torch.stack([g.reshape(len(g), -1).square().sum(1) for g in gradients]).sum(0)
    scale = (largest / squares.sqrt().clamp_min(1e-12)).clamp_max(1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, rate: float) -> None:
    """Polyak averaging, target ← rate·source + (1 − rate)·target."""
    held, wanted = list(target.parameters()), list(source.parameters())
    torch._foreach_lerp_(held, wanted, rate)
