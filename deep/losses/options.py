"""Soft options: low-level policies, a master and a termination.               report (72)-(76)

    Q(s,a,z) = R(s,a) + γ E[U(s',z)]                                                        (76)
    V(s,z)   = F_β[P(·|s,z)](Q(s,·,z)),   V^H(s) = F_β[P^H](V(s,·))                    (73), (74)
    U(s,z_)  = F_β[P^T(·|s,z_)](U(s,z_,·)),   U(s,z_,0) = V(s,z_),  U(s,z_,1) = V^H(s)       (75)

in reward units; z_ is the option in force before the step, b = 1 terminates it. Wrong as printed:
(74) has 1/m outside the logarithm and E_π[Q] for V, (76) has no γ; with those the maximum of (72)
is no fixed point. The exact answer is :func:`tabular_marl.options`.

Shapes: n samples, A actions, Z options; q [n, A, Z], values V and U [n, Z], V^H [n]. A termination
has its two outcomes on the last axis, (kept, dropped): [n, Z, 2]. A minibatch with one option a
sample keeps an axis Z of length 1. Log priors broadcast. The Q loss is
:func:`tabular_marl.deep.losses.soft.q_loss` at the option in force, with U(s', z) for V(s').
"""

from __future__ import annotations

import torch
from torch import Tensor

from tabular_marl.deep.free_energy import free_energy
from tabular_marl.deep.losses import soft


def low_level_value(q: Tensor, log_prior: Tensor, beta: float) -> Tensor:
    """V(s,z), [n, A, Z] → [n, Z]. Report (73)."""
    return free_energy(q, log_prior, beta, -2)


def master_value(value: Tensor, log_prior: Tensor, beta: float) -> Tensor:
    """V^H(s), [n, Z] → [n]. Report (74), its 1/m inside the logarithm."""
    return free_energy(value, log_prior, beta, -1)


def choices(value: Tensor, chosen: Tensor) -> Tensor:
    """U(s,z_,·) = (V(s,z_), V^H(s)), [n, Z] and [n] → [n, Z, 2]. Report (75)."""
    return torch.stack([value, chosen.unsqueeze(-1).expand_as(value)], -1)


def arrival_value(choices: Tensor, log_prior: Tensor, beta: float) -> Tensor:
    """U(s,z_), [n, Z, 2] → [n, Z]. Report (75)."""
    return free_energy(choices, log_prior, beta, -1)


def low_level_loss(
    log_policy: Tensor, q: Tensor, log_prior: Tensor, beta: float, weights: Tensor | None = None
) -> Tensor:
    """E_π[log π − log P − β Q], the mean over the options; its minimiser is (73). All [n, A, Z]."""
    return soft.policy_loss(log_policy, q, log_prior, beta, weights, dim=-2)


def master_loss(
    log_master: Tensor,
    value: Tensor,
    log_prior: Tensor,
    beta: float,
    weights: Tensor | None = None,
) -> Tensor:
    """E_π^H[log π^H − log P^H − β V(s,z)], all [n, Z]; its minimiser is (74) as corrected."""
    return soft.policy_loss(log_master, value, log_prior, beta, weights)


def termination_loss(
    log_termination: Tensor,
    choices: Tensor,
    log_prior: Tensor,
    beta: float,
    weights: Tensor | None = None,
) -> Tensor:
    """E_π^T[log π^T − log P^T − β U(s,z_,b)], all [n, Z, 2]; its minimiser is (75)."""
    return soft.policy_loss(log_termination, choices, log_prior, beta, weights)


def regularised(
    worth: Tensor,
    low_level_ratio: Tensor,
    master_ratio: Tensor,
    termination_ratio: Tensor,
    terminated: Tensor,
    beta: float,
) -> Tensor:
    """``worth`` − (log π/P + b log π^H/P^H + log π^T/P^T)/β at sampled (b, z, a); all [n].

    With worth R(s,a) it is the summand of (72) over β. With worth Q(s,a,z) it is a sample of
    U(s,z_), the critic's next value, and equal to U at every (b, z, a) where the policies are
    (73)-(75). At b = 0 the master's ratio is δ over δ, and is not charged. Report (71), (72).
    """
    return worth - (low_level_ratio + terminated * master_ratio + termination_ratio) / beta
