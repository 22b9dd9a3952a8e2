"""Many networks of one shape, one a seed, evaluated together.

    x [N, B, in] → [N, B, out],   seed n sees only its own weights W_ℓ[n] [in, out]

One batched product serves every seed, so that twenty runs cost little more than one. A loss summed
over seeds has gradients that do not mix them, and Adam is elementwise, so the N runs are what N
separate runs would be.

A product whose fast axis is the two or ten outputs runs at a tenth of the speed of one along 256
samples, and a column at a third of the speed of a row: ``_times`` lays the longer axis last.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tabular_marl.deep.parts.devices import at_hand

#: Of Adam: what its means keep, and what its steps are divided by at least.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class SeedMLP(nn.Module):
    """``seeds`` multilayer perceptrons with ReLU between layers of the given ``sizes``.

    Weights are Xavier-normal, biases zero (FURTHER's code).
    """

    def __init__(self, seeds: int, sizes: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            spread = math.sqrt(2 / (fan_in + fan_out))
            drawn = torch.randn(
                seeds, fan_in, fan_out, generator=generator, device=generator.device
            )
            self.weights.append(nn.Parameter(spread * drawn))
            self.biases.append(nn.Parameter(drawn.new_zeros(seeds, 1, fan_out)))
        self.layers = [p for pair in zip(self.weights, self.biases, strict=True) for p in pair]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _Layers.apply(x, *self.layers)
        return y


class _Layers(torch.autograd.Function):
    """y = relu(… relu(x W_1 + b_1) …) W_L + b_L, with its backward pass in one node.

    dL/dW_ℓ = h_ℓᵀ g_ℓ,  dL/db_ℓ = Σ_B g_ℓ,  g_{ℓ−1} = (g_ℓ W_ℓᵀ) 1{h_ℓ > 0};   h_1 = x
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, *layers: Tensor) -> Tensor:
        held = [x]
        for weight, bias in zip(layers[::2], layers[1::2], strict=True):
            if len(held) > 1:
                torch.relu_(held[-1])
            held.append(_times(held[-1], weight, bias))
        ctx.save_for_backward(*held[:-1], *layers[::2])
        return held[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        depth = len(ctx.saved_tensors) // 2
        held, weights = ctx.saved_tensors[:depth], ctx.saved_tensors[depth:]
        found: list[Tensor | None] = []
        for layer in reversed(range(depth)):
            h = held[layer]
            found += [g.sum(1, keepdim=True), _times(h.mT, g).contiguous()]
            if layer > 0:
                g = _times(g, weights[layer].mT)
                torch.ops.aten.threshold_backward.grad_input(g, h, 0, grad_input=g)
        inner = _times(g, weights[0].mT) if ctx.needs_input_grad[0] else None
        return inner, *found[::-1]


def _times(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a b + bias, [N, i, k] and [N, k, j], with the longer of i and j last in memory."""
    if a.shape[1] > b.shape[2]:
        return _times(b.mT, a.mT, None if bias is None else bias.mT).mT
    if bias is not None:
        return torch.baddbmm(bias, a, b)
    return a * b if a.shape[2] == 1 else torch.bmm(a, b)


class TwinMLP(SeedMLP):
    """Two networks a seed, [N, B, in] → [N, 2, B, out]: the critics of which the smaller counts."""

    def __init__(self, seeds: int, sizes: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__(2 * seeds, sizes, generator)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = super().forward(x.repeat_interleave(2, 0)).unflatten(0, (-1, 2))
        return y


def evaluate(network: nn.Module, *parts: Tensor) -> Tensor:
    """``network`` at the parts side by side, [N, …, in_k] each, whose middle axes broadcast."""
    lead = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    x = torch.cat([part.expand(*lead, part.shape[-1]) for part in parts], -1)
    y: Tensor = network(x.flatten(1, -2)).unflatten(1, lead[1:])
    return y


class Adam:
    """Adam over the parameters of a group; its whole step is one fused kernel.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  θ ← θ − η m̂ / (√v̂ + ε)
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float) -> None:
        self.parameters, self.rate = list(parameters), rate
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        # not of dimension 0, of which torch 2.13 compiles changes in place wrongly
        self.steps = [torch.zeros(1, device=p.device) for p in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """One step along ``gradients``, which are those of ``parameters`` in their order."""
        parameters: list[Tensor] = list(self.parameters)
        if torch.compiler.is_compiling():  # it fuses the equation, and cannot take the kernels
            for held in zip(
                parameters, gradients, self.first, self.second, self.steps, strict=True
            ):
                _adam(*held, self.rate)
            return
        torch._foreach_add_(self.steps, 1)
        torch._fused_adam_(
            parameters,
            list(gradients),
            self.first,
            self.second,
            [],
            self.steps,
            lr=self.rate,
            beta1=BETA_1,
            beta2=BETA_2,
            eps=EPSILON,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
        )

    def state_dict(self) -> dict[str, list[Tensor]]:
        """What a checkpoint keeps."""
        return {"first": self.first, "second": self.second, "steps": self.steps}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        """Go on from a checkpoint."""
        for name, held in self.state_dict().items():
            torch._foreach_copy_(held, state[name])


def _adam(x: Tensor, g: Tensor, m: Tensor, v: Tensor, t: Tensor, rate: float) -> None:
    t.add_(1)
    m.lerp_(g, 1 - BETA_1)
    v.lerp_(g.square(), 1 - BETA_2)
    x.sub_(rate * (m / (1 - BETA_1**t)) / ((v / (1 - BETA_2**t)).sqrt() + EPSILON))


@torch.no_grad()
def clip_gradients(gradients: Sequence[Tensor], largest: float, seeds: int) -> None:
    """Scale each seed's gradient to a norm of at most ``largest``; gradients [N·k, …]."""
    if at_hand(gradients[0]):
        whole = torch.stack(torch._foreach_norm(list(gradients))).norm()
        if whole <= largest:  # then no seed's is larger
            return
    squares = torch.stack([g.reshape(seeds, -1).square().sum(1) for g in gradients]).sum(0)
    scale = (largest / squares.sqrt().clamp_min(1e-12)).clamp_max(1.0)
    for g in gradients:
        g.mul_(scale.repeat_interleave(len(g) // seeds).view(-1, *[1] * (g.ndim - 1)))


def keep_memory() -> None:
    """Have glibc's malloc keep what is freed, for the next step; elsewhere nothing happens.

    Else a step's larger buffers are unmapped and faulted in anew: for 20 seeds in IBS some 800 page
    faults a step, a quarter of its time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD, at its largest
        mallopt(-1, 1 << 29)  # M_TRIM_THRESHOLD


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Take numbers below 1e-38 for 0 meanwhile, on this thread of a CPU.

    Adam's means of a weight without gradients fall there, and stay; arithmetic with them is so slow
    that after a thousand steps a step takes up to 1.7 times as long.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, rate: float) -> None:
    """Polyak averaging, target ← rate·source + (1 − rate)·target."""
    held: list[Tensor] = list(target.parameters())
    wanted: list[Tensor] = list(source.parameters())
    torch._foreach_lerp_(held, wanted, rate)
