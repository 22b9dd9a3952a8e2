"""An agent's training step as one compiled program.

    learn(tensors) → losses,    with its gradients, Adam and Polyak steps, in place

``torch.compile`` fuses what stands between the products; it takes half a minute and a C++
compiler, and what comes out is kept on disk. Sums may be ordered anew, so a compiled run is not
bit for bit one that is not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.agents.base import Agent
from tabular_marl.validation import InputError


def compile_learning(agent: Agent) -> None:
    """Have ``agent`` learn by a compiled program. Raises InputError where that cannot be."""
    learn = agent.learn
    if learn is None:
        must = "be left out for agents that draw as they train"
        raise InputError("compile", must, f"the agent was {type(agent).__name__}")
    on_cpu = agent.device.type == "cpu"
    if on_cpu:
        _find_compiler()
    options: dict[str, Any] | None = {"cpp_wrapper": True} if on_cpu else None
    program = torch.compile(learn, fullgraph=True, dynamic=False, options=options)
    # each agent of a process has its own program
    settings: dict[str, Any] = {"trace_autograd_ops": True, "recompile_limit": 10_000}

    def compiled(*args: Tensor, **batch: Tensor) -> dict[str, Tensor]:
        try:
            with torch._dynamo.config.patch(settings):
                losses: dict[str, Tensor] = program(*args, **batch)
        except torch._dynamo.exc.TorchDynamoException as error:
            was = f"torch {torch.__version__} fails at {type(agent).__name__}"
            raise InputError("compile", "be left out here", was) from error
        return losses

    agent.learn = compiled


def _find_compiler() -> None:
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        must = "find a C++ compiler, or be left out"
        raise InputError("compile", must, "none was there") from error
