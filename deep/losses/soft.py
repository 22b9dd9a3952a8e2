"""The soft single-agent losses.                                           report (58)-(64)

    π(a|s) = p(a|s) exp(β Q(s,a)) / exp(β V(s)),  Q = R + γ E V,  V = F_β[p](Q)          (58)

All in reward units: the report's Q and V are β times these. As printed, (60) and (63) add R where
(58) has βR, and (64) multiplies ∇Q and log p where it must add ∇ log p; the forms here have the
solution of (58) as a minimiser, for β of either sign. n samples, A actions, K proposals.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tabular_marl.deep.free_energy import free_energy
from tabular_marl.deep.losses._mean import mean


def charged(q: Tensor, log_policy: Tensor, log_prior: Tensor, beta: float) -> Tensor:
    """Q − (log π − log p)/β at one action, any shapes: the summand of (59).

    At sampled actions it is V in expectation, and V at every one where π is (58). β = ±inf charges
    nothing.
    """
    return q - (log_policy - log_prior) / beta if not math.isinf(beta) else q + 0 * log_policy


def regularised(
    q: Tensor, log_policy: Tensor, log_prior: Tensor, beta: float, dim: int = -1
) -> Tensor:
    """E_π[Q − (log π − log p)/β] along ``dim``: V of (58) where π is its policy. Report (59)."""
    return (log_policy.exp() * charged(q, log_policy, log_prior, beta)).sum(dim)


def value_loss(
    value: Tensor,
    q: Tensor,
    log_policy: Tensor,
    log_prior: Tensor,
    beta: float,
    weights: Tensor | None = None,
) -> Tensor:
    """½ (V_ψ(s) − E_π[Q − (log π − log p)/β])², the target held fixed. Report (59).

    ``value`` [n]; ``q``, ``log_policy``, ``log_prior`` [n, A].
    """
    return _regression(value, regularised(q, log_policy, log_prior, beta), weights)


def sampled_value_loss(
    value: Tensor,
    q: Tensor,
    log_policy: Tensor,
    log_prior: Tensor,
    beta: float,
    weights: Tensor | None = None,
) -> Tensor:
    """:func:`value_loss` at one sampled action a ~ π; all [n]. Report (59).

    Its expected gradient is that of :func:`value_loss`.
    """
    return _regression(value, charged(q, log_policy, log_prior, beta), weights)


def _regression(value: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
    return mean(0.5 * (value - target.detach()) ** 2, weights)


def q_target(reward: Tensor, next_value: Tensor, discount: float) -> Tensor:
    """R + γ V(s'), held fixed. Report (60), (63), (66); the last prints −γ V."""
    return (reward + discount * next_value).detach()


def q_loss(
    q: Tensor, reward: Tensor, next_value: Tensor, discount: float, weights: Tensor | None = None
) -> Tensor:
    """½ (Q_θ(s,a) − [R + γ V(s')])², the target held fixed. Report (60), (63), (66).

    All [n], ``q`` at the actions taken. V(s') is a target network's value in (60), :func:`value`
    in (63), and :func:`tabular_marl.deep.losses.joint.value` in (66).
    """
    return _regression(q, q_target(reward, next_value, discount), weights)


def policy_loss(
    log_policy: Tensor,
    q: Tensor,
    log_prior: Tensor,
    beta: float,
    weights: Tensor | None = None,
    dim: int = -1,
) -> Tensor:
    """E_π[log π − log p − β Q] along ``dim``: KL(π ‖ tilt) − β F, in log units. Report (61), (68).

    Q is held fixed. For β of either sign the minimiser is the tilt. Any shapes that broadcast.
    """
    policy = log_policy.exp()
    return mean((policy * (log_policy - log_prior - beta * q.detach())).sum(dim), weights)


def reparameterised_policy_loss(
    log_prob: Tensor, q: Tensor, log_prior: Tensor, beta: float, weights: Tensor | None = None
) -> Tensor:
    """:func:`policy_loss` at one reparameterised action a = f_φ(ε; s) a sample. Report (61), (68).

    All [n]; the gradient runs through a into all three, so ``q`` is not detached.
    """
    return mean(log_prob - log_prior - beta * q, weights)


def value(q: Tensor, log_prior: Tensor, beta: float) -> Tensor:
    """V = F_β[p](Q) over the last axis, [n, A] → [n]. Report (58)."""
    return free_energy(q, log_prior, beta, -1)


def sampled_value(q: Tensor, log_prior: Tensor, log_proposal: Tensor, beta: float) -> Tensor:
    """(1/β) log (1/K) Σ_k exp(β Q(s,a_k)) p(a_k|s)/q(a_k), a_k ~ q; [n, K] → [n]. Report (62).

    Biased: E[V̂] is below V for β > 0 and above it for β < 0, by O(1/K).
    """
    return free_energy(q, log_prior - log_proposal - math.log(q.shape[-1]), beta, -1)


def svgd_direction(actions: Tensor, score: Tensor, bandwidth: float) -> Tensor:
    """Stein's direction at every particle; [n, K, d] → [n, K, d]. Report (64).

    Δ(a) = (1/K) Σ_k [κ(a_k, a) score(a_k) + ∇_{a_k} κ(a_k, a)],  κ(x, y) = exp(−‖x−y‖²/σ²)

    with score = ∇_a [β Q(s,a) + log p(a|s)]. As printed, κ has no square (no gradient at x = y).
    """
    apart = actions.unsqueeze(-3) - actions.unsqueeze(-2)  # [n, j, k, d]: a_k − a_j
    kernel = torch.exp(-(apart**2).sum(-1, keepdim=True) / bandwidth**2)
    drift = (kernel * score.unsqueeze(-3)).mean(-2)
    return drift + (-2.0 / bandwidth**2 * kernel * apart).mean(-2)


def svgd_loss(
    actions: Tensor, score: Tensor, bandwidth: float, weights: Tensor | None = None
) -> Tensor:
    """A loss whose gradient in φ is −E[Δ · ∂f_φ/∂φ], Stein's step on f_φ's parameters. Report (64).

    ``actions`` [n, K, d] are f_φ(ε_k; s), with gradient; Δ is held fixed.
    """
    direction = svgd_direction(actions.detach(), score.detach(), bandwidth)
    return mean(-(direction * actions).sum(-1).mean(-1), weights)
