"""A policy loss against what the policy is for: ∂E[loss] along −∇J, exactly.

Where q is the value of a random policy of the agent; ∇J by implicit differentiation. The batch
visits rows as ∇J does; a loss may average over the other's actions, or over options, in a way of
its own that the actor's ``rows`` know. The best of them is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.crosscheck.findings import Finding
from tabular_marl.deep.systems import System, Tables

#: A cosine is one where it misses it by no more.
COSINE = 1e-9


def judge(
    system: System,
    gradients: Callable[[Tables, Any], dict[str, Tensor]],
    draws: int,
    follows: bool,
) -> Finding | None:
    """Cosine and norm beside −∇J over ``draws`` policies; None where there is nothing to compare.

    ``follows``: the loss is a cross-entropy to the tilt, whose objective is EM's likelihood.
    """
    cosines, whole, norms = [], [], []
    for seed in range(draws):
        found = system.evaluate(system.random(seed).agent)
        batch = system.enumerate(found.law)
        down = -gradients(found.tables.trainable(), batch)["agent"]
        agent = system.actors(found.tables, batch)[0]
        up = found.likelihood if follows else found.gradient
        if up is None:  # another way to the same minimum
            return None
        up = up if agent.beta > 0 else -up  # β < 0 minimises J
        if not bool((up.abs() > 1e-12).any()):
            return None
        row = torch.where(found.law > 0, up / found.law, 0.0)
        down = torch.where(found.law > 0, down, 0.0)  # ∇J says nothing of rows never visited
        ways = [up, *(row * weight for weight in agent.rows.values())]
        cosines.append(max(_cosine(way, down) for way in ways))
        whole.append(_cosine(up, down))
        norms.append(float(down.norm() / up.norm()))
    worst = 1 - min(cosines)
    ratio = f"{min(norms):.6g}"
    if max(norms) > min(norms) * (1 + 1e-6):
        ratio += f" to {max(norms):.6g}"
    says = (
        f"its gradient has cosine {min(whole):.6f} with that of the agent's objective and "
        f"{ratio} times its norm"
    )
    if worst <= COSINE < 1 - min(whole):
        says += "; rows apart, whose weights are the loss's own, the cosine is 1"
    return Finding("objective", worst <= COSINE, worst, COSINE, says)


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.cosine_similarity(one.flatten(), other.flatten(), 0, eps=1e-300))
