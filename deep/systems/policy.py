"""A policy evaluated, and the exact gradient of what it earns, by implicit differentiation.

    V = T(V, φ)                       J = Σ μ V,  ∇J = λᵀ ∂T/∂φ,   λᵀ = μᵀ (I − ∂T/∂V)⁻¹
    g + h = T(h, φ), h(0) = 0         J = g,      ∇J = λᵀ ∂T/∂φ,   λᵀ = λᵀ ∂T/∂h,  Σ λ = 1

μ is uniform over the live states. T is a sweep of any system with the agent's policy kept; where
it is linear in V, λ is the discounted visits, or the stationary distribution, and ∇J is the policy
gradient theorem (FURTHER Prop. 3 for g).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

#: Newton steps; from V = 0 three or four are enough.
MOST_STEPS = 60

Sweep = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Evaluated:
    """V (or h), J, the gain (0 if discounted), ∇J, and λ."""

    value: Tensor
    objective: Tensor
    gain: Tensor
    gradient: Tensor
    visits: Tensor


def evaluate(sweep: Sweep, logits: Tensor, live: Tensor, average: bool) -> Evaluated:
    """Solve V = T(V, φ) by Newton's method, and differentiate it."""
    logits = logits.detach()
    size = len(live)
    value = torch.zeros(size, dtype=logits.dtype)
    gain = torch.zeros((), dtype=logits.dtype)
    for _ in range(MOST_STEPS):
        left = sweep(value, logits) - gain - value
        if float(left.abs().max()) <= 1e-13 * (1 + float(value.abs().max())):
            break
        matrix = torch.eye(size, dtype=logits.dtype) - _slope(sweep, value, logits)
        if average:
            matrix = torch.cat([matrix[:, 1:], torch.ones(size, 1, dtype=logits.dtype)], 1)
            step = torch.linalg.solve(matrix, left)
            value = value + torch.cat([torch.zeros(1, dtype=logits.dtype), step[:-1]])
            gain = gain + step[-1]
        else:
            value = value + torch.linalg.solve(matrix, left)
    start = live.to(logits.dtype) / live.sum()
    matrix = (torch.eye(size, dtype=logits.dtype) - _slope(sweep, value, logits)).T
    if average:
        matrix = torch.cat([matrix[:-1], torch.ones(1, size, dtype=logits.dtype)])
        start = torch.eye(size, dtype=logits.dtype)[-1]
    visits = torch.linalg.solve(matrix, start)
    visits = torch.where(visits.abs() > 1e-14 * visits.abs().max(), visits, 0.0)  # transient states
    held = logits.clone().requires_grad_()
    earned = visits @ sweep(value, held)
    gradient = torch.nan_to_num(torch.autograd.grad(earned, held)[0])
    objective = gain if average else (live.to(value.dtype) / live.sum()) @ value
    return Evaluated(value, objective, gain, gradient, visits)


def _slope(sweep: Sweep, value: Tensor, logits: Tensor) -> Tensor:
    """∂T/∂V, [S, S]."""
    jacobian: Any = torch.autograd.functional.jacobian
    found: Tensor = jacobian(lambda v: sweep(v, logits), value, vectorize=True)
    return found
