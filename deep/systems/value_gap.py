"""What a policy of the agent loses in a system whose opponent plays the exact policy.

    V^π(s) = Σ_{a,b} π ρ [Q^π(s,a,b) − (1/β^i) log π/p − (1/β^-i) log ρ/P],   Q^π = R + γ E[V^π]

β^i (V* − V^π) = E[Σ γ^t KL(π ‖ exact)] >= 0 where the agent answers, and where it leads and the
opponent's answer is exact: zero only at the exact policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tabular_marl.numerics.recipe import AGENT, OPPONENT

if TYPE_CHECKING:
    from tabular_marl.deep.systems.recipe import RecipeSystem


def value_gap(system: RecipeSystem, policy: Tensor) -> Tensor:
    """V* − V^π, [S], reward units; ``policy`` [S, A, 1] or [S, A, B]. Report (19), (28), (35)."""
    agent, opponent = system.of_player(AGENT), system.of_player(OPPONENT)
    log_opponent = system.exact.log_opponent
    joint = policy * log_opponent.exp()
    cost = torch.zeros_like(joint)
    for log_policy, step in ((policy.log(), agent), (log_opponent, opponent)):
        if system.charged and not step.given:
            cost = cost + _ratio(log_policy, step.log_prior) / step.beta
    reward = torch.from_numpy(np.array(system.game.reward))
    stage = (joint * (reward - torch.where(joint > 0, cost, 0.0))).sum((1, 2)).numpy()
    flow = _flow(system, joint.numpy())
    flow[system.ends.numpy()], stage[system.ends.numpy()] = 0.0, 0.0
    value = np.linalg.solve(np.eye(len(flow)) - system.game.discount * flow, stage)
    return system.exact.value - torch.from_numpy(value)


def _ratio(log_policy: Tensor, log_prior: Tensor) -> Tensor:
    return torch.where(log_policy > -torch.inf, log_policy - log_prior, 0.0)


def _flow(system: RecipeSystem, joint: np.ndarray) -> np.ndarray:
    """P(s'|s) under the joint policy, [S, S]."""
    states = system.game.num_states
    if not system.game.is_sparse:
        return np.asarray(np.einsum("sab,sabt->st", joint, system.game.transition))
    at = np.arange(joint.size)
    chosen = sparse.csr_array((joint.ravel(), (at // joint[0].size, at)), (states, joint.size))
    return np.asarray((chosen @ system.game.transition).toarray())
