"""A policy of the agent against the exact one, state by state.

max_b KL(π(·|s, b) ‖ exact)     and the value that π loses in s where the others play exactly
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.crosscheck.findings import Finding
from tabular_marl.deep.systems import System
from tabular_marl.validation import InputError


def checked(given: Any, system: System) -> Tensor:
    """``given`` [S, A], or in the shape of the exact table, as that table.

    Raises InputError where the shape is another or it does not hold probabilities.
    """
    exact = system.exact.log_agent
    policy = torch.as_tensor(given).detach().to(exact)
    policy = policy.unsqueeze(2) if policy.ndim == 2 and exact.ndim == 3 else policy
    if policy.shape != exact.shape:
        was = f"it was {tuple(policy.shape)}"
        raise InputError("agent_policy", f"have shape {tuple(exact.shape)}", was)
    off = (policy.sum(system.exact.axes["agent"]) - 1).abs().max()
    if not bool(torch.isfinite(policy).all()) or float(off) > 1e-6 or float(policy.min()) < 0:
        was = "it was not"
        raise InputError("agent_policy", "be probabilities that sum to one over a", was)
    return policy


def judged(
    policy: Tensor, system: System, tolerance: float, log_exact: Tensor | None = None
) -> Finding:
    """Passed where no KL (nats) is above ``tolerance``; ``log_exact`` if not the system's table."""
    exact = system.exact.log_agent if log_exact is None else log_exact
    live, axis = system.live, system.exact.axes["agent"]
    ratio = torch.where(policy > 0, policy.log() - exact, 0.0)
    divergence = (policy * ratio).sum(axis).flatten(1).amax(1) * live
    lost = system.lost(policy) * live
    worst, most = float(divergence.max()), float(lost.abs().max())
    return Finding(
        "policy",
        worst <= tolerance,
        worst,
        tolerance,
        f"largest KL to the exact policy {worst:.3g} (state {int(divergence.argmax())}), "
        f"largest value gap {most:.3g}",
        {"kl": divergence.tolist(), "value gap": lost.tolist()},
    )
