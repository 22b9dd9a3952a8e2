"""What FURTHER is compared with: LILI, MASAC, DRON, MOA.                  FURTHER (25), (26), G.2

n samples, A own actions, B joint actions of the others; α a temperature in reward units.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tabular_marl.deep.losses._mean import mean
from tabular_marl.deep.losses.soft import q_loss


def lili_critic_loss(
    q: Tensor, reward: Tensor, next_value: Tensor, discount: float, weights: Tensor | None = None
) -> Tensor:
    """(r + γ v(s', ẑ') − q)², FURTHER's critic with a discount, not a gain. FURTHER (25)"""
    return 2 * q_loss(q, reward, next_value, discount, weights)


def masac_critic_loss(
    q: Tensor,
    reward: Tensor,
    next_q: Tensor,
    next_log_prob: Tensor,
    temperature: float,
    discount: float,
    weights: Tensor | None = None,
) -> Tensor:
    """(r + γ [q(s', a') − α log π^i(a'^i|s')] − q(s, a))², centralised.            FURTHER (26)

    ``next_q`` [n] at a' from the policies of *all* agents, which training has access to; it and
    ``next_log_prob`` at one sampled a', or both in expectation, where actions can be enumerated.
    """
    return 2 * q_loss(q, reward, next_q - temperature * next_log_prob, discount, weights)


def dron_loss(
    q: Tensor,
    reward: Tensor,
    next_q: Tensor,
    others_logits: Tensor,
    others_action: Tensor,
    discount: float,
    prediction_weight: float = 1.0,
    weights: Tensor | None = None,
) -> Tensor:
    """(r + γ max_a q(s',a) − q)² and the cross-entropy of the others' present actions. FURTHER G.2

    ``next_q`` [n, A]; ``others_logits`` [n, B]; ``others_action`` [n] integers.
    """
    predicted = torch.nn.functional.cross_entropy(others_logits, others_action, reduction="none")
    critic = 2 * q_loss(q, reward, next_q.amax(-1), discount, weights)
    return critic + prediction_weight * mean(predicted, weights)


def influence_reward(conditional: Tensor, log_policy: Tensor, action: Tensor) -> Tensor:
    """KL(p(a^-i|s, a^i) ‖ Σ_a π(a|s) p(a^-i|s, a)), MOA's social influence; [n].     FURTHER G.2

    ``conditional`` [n, A, B] the model of the others given one's own action, ``log_policy`` [n, A],
    ``action`` [n] the own action taken. In log units; zero where the others do not react.
    """
    marginal = (log_policy.exp().unsqueeze(-1) * conditional).sum(-2)
    taken = conditional[torch.arange(len(action), device=action.device), action]
    return torch.xlogy(taken, taken / marginal).sum(-1)
