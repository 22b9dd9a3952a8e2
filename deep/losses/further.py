"""FURTHER: average reward against others who learn.            FURTHER (7), (11)-(14), (22), (23)

    y(s, ẑ, a) = r − ρ + v(s', ẑ')                                                        (12)
    v(s, ẑ)    = Σ_a π(a|s,ẑ) [Σ_b p_dec(b|s,ẑ) min_β q_β(s,ẑ,a,b) − α log π(a|s,ẑ)]       (13)

ρ is the gain, a trained parameter: at the solution of (12)-(14) it is E[r] + α E[H(π)], and q is
defined up to a constant. ẑ is the latent that stands for the others' policies. α is a temperature
in reward units. n samples, A own actions, B joint actions of the others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tabular_marl.deep.losses._mean import mean


def elbo_loss(
    log_likelihood: Tensor,
    mean_next: Tensor,
    log_variance_next: Tensor,
    mean_now: Tensor,
    log_variance_now: Tensor,
    kl_weight: float = 0.01,
    weights: Tensor | None = None,
) -> Tensor:
    """−log p_dec(a^-i_{t+1}|s_{t+1}, ẑ_{t+1}) + w KL(N_{t+1} ‖ N_t). FURTHER (11), (24), App. E.2.

    ``log_likelihood`` [n]; Gaussians [n, d]. The pseudo-code's lines 23 to 25 are those of a loss.
    """
    ratio = torch.exp(log_variance_next - log_variance_now)
    shift = (mean_next - mean_now) ** 2 * torch.exp(-log_variance_now)
    divergence = 0.5 * (ratio + shift - 1 - log_variance_next + log_variance_now).sum(-1)
    return mean(kl_weight * divergence - log_likelihood, weights)


def soft_value(q: Tensor, log_policy: Tensor, others: Tensor, temperature: float) -> Tensor:
    """v(s, ẑ) with the others' actions from the decoder; [n].                    FURTHER (13)

    ``q`` [n, A, B], the smaller of the twin critics; ``log_policy`` [n, A]; ``others`` [n, B].
    """
    worth = (q * others.unsqueeze(-2)).sum(-1)
    return (log_policy.exp() * (worth - temperature * log_policy)).sum(-1)


def critic_target(reward: Tensor, gain: Tensor, next_value: Tensor) -> Tensor:
    """y = r − ρ + v(s', ẑ'), v held fixed and ρ not.                              FURTHER (12)"""
    return reward - gain + next_value.detach()


def critic_loss(
    q: Tensor, reward: Tensor, gain: Tensor, next_value: Tensor, weights: Tensor | None = None
) -> Tensor:
    """(y − q(s, ẑ, a))², whose gradient reaches the gain through y.              FURTHER (12)

    ``q``, ``reward``, ``next_value`` [n], ``gain`` a scalar parameter. For k > 1 the samples are
    windows of k consecutive steps, laid along n.
    """
    return mean((critic_target(reward, gain, next_value) - q) ** 2, weights)


def policy_loss(
    q: Tensor, log_policy: Tensor, temperature: float, weights: Tensor | None = None
) -> Tensor:
    """−Σ_a π(a|s,ẑ) [min_β q(s,ẑ,a,a^-i) − α log π(a|s,ẑ)], to be minimised.    FURTHER (14)

    ``q`` [n, A] at the replayed actions of the others, held fixed; ``log_policy`` [n, A].
    """
    policy = log_policy.exp()
    return mean((policy * (temperature * log_policy - q.detach())).sum(-1), weights)


def reparameterised_policy_loss(
    q: Tensor, log_prob: Tensor, temperature: float, weights: Tensor | None = None
) -> Tensor:
    """−[min_β q(s,ẑ,a,a^-i) − α log π(a|s,ẑ)], a = f_θ(ε;s,ẑ) with gradient; [n]. FURTHER (23)"""
    return mean(temperature * log_prob - q, weights)


def sampled_value(q: Tensor, log_prob: Tensor, temperature: float) -> Tensor:
    """q − α log π at sampled actions: (22) in expectation, [n].                   FURTHER (22)"""
    return q - temperature * log_prob
