"""Gradient descent on an exact expected loss, from random tables to the exact answer or not.

tables ← Adam(∂E[loss]),    distances max |table − exact| by step
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tabular_marl.deep.crosscheck.findings import Finding
from tabular_marl.deep.systems import System, Tables


def learn(
    loss: Callable[[Tables], Tensor],
    system: System,
    trained: set[str],
    steps: int,
    tolerance: float,
) -> tuple[Finding, Tables]:
    """Adam on the exact expected loss from random tables: distances by step, and the tables."""
    start, exact = system.random(1).trainable().parameters(), system.exact.parameters()
    held = {name: start[name] if name in trained else exact[name] for name in exact}
    tables = Tables(held, system.exact.axes)
    rate = 0.3 * max(1.0, float(system.exact.q.abs().max()) / 100)
    # a short memory: the gradients of a moving target shrink, and Adam must follow
    parameters = [held[name] for name in sorted(trained)]
    optimiser = torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.95))
    decay = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: 1e-4 ** max(0, 2 * k / steps - 1)
    )
    series: dict[str, list[float]] = {"step": []}
    for step in range(steps + 1):
        if step % max(steps // 100, 1) == 0:
            series["step"].append(float(step))
            for name, far in system.distances(tables, trained).items():
                series.setdefault(name, []).append(far)
        optimiser.zero_grad()
        loss(tables).backward()
        for table in parameters:
            if table.grad is not None:
                table.grad.nan_to_num_()
        optimiser.step()
        decay.step()
    last = {name: values[-1] for name, values in series.items() if name != "step"}
    worst = max(last.values())
    told = ", ".join(f"{name} {far:.2g}" for name, far in last.items())
    says = f"after {steps} steps the largest distances are {told}"
    found = Tables({name: table.detach() for name, table in held.items()}, system.exact.axes)
    return Finding("learning", worst <= tolerance, worst, tolerance, says, series), found
