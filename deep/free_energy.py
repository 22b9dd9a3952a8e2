"""The free energy on tensors, the primitive of every loss.

    F_β[p](x) = (1/β) log Σ_k p_k exp(β x_k)            β → 0: Σ p_k x_k;  ±inf: max, min
    tilt_β[p](x)_k ∝ p_k exp(β x_k) = ∂F/∂x_k

x and log p broadcast against each other; β is an inverse temperature in 1/reward units, of either
sign. The NumPy twin is :mod:`tabular_marl.numerics.free_energy`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def free_energy(x: Tensor, log_prior: Tensor, beta: float, dim: int) -> Tensor:
    """F_β[p](x) along ``dim``, in the units of x; outcomes with log p = −inf never count.

    >>> x, log_prior = torch.tensor([0.0, 1.0]), torch.log(torch.tensor([0.5, 0.5]))
    >>> [round(free_energy(x, log_prior, beta, 0).item(), 4) for beta in (-math.inf, 0.0, 2.0)]
    [0.0, 0.5, 0.7169]
    """
    if beta == 0:
        return (log_prior.exp() * x).sum(dim)
    if math.isinf(beta):
        never = torch.full_like(x, -beta)
        held = torch.where(log_prior > -math.inf, x, never)
        return held.amax(dim) if beta > 0 else held.amin(dim)
    return torch.logsumexp(beta * x + log_prior, dim) / beta


def log_tilt(x: Tensor, log_prior: Tensor, beta: float, dim: int) -> Tensor:
    """log of p_k exp(β x_k) / Σ along ``dim``; β finite.

    >>> log_tilt(torch.tensor([0.0, 1.0]), torch.zeros(2), 1.0, 0).exp()
    tensor([0.2689, 0.7311])
    """
    return torch.log_softmax(beta * x + log_prior, dim)
