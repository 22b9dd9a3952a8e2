"""Deep updates that can be held against the exact answer.

free_energy  the primitive on tensors
losses       one pure function per equation of the two documents
systems      the systems of both documents on tensors, with their exact tables
parts        networks, inference, replay: what agents are made of
agents       one screen each, N seeds at once
environments games as batches of seeds
training     experiments, resumable training, evaluation
crosscheck   holds any implementation against the exact answer, and names the mistake

Importing this package needs no torch; its parts do.
"""

from __future__ import annotations

import importlib
from typing import Any

_PARTS = (
    "agents",
    "crosscheck",
    "environments",
    "free_energy",
    "losses",
    "parts",
    "systems",
    "training",
)


def require_torch() -> Any:
    """The torch module; raises ImportError with the command that installs it where it is missing.

    >>> require_torch().__name__  # doctest: +SKIP
    'torch'
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ImportError(
            "tabular_marl.deep needs torch, which is not installed; "
            "install it with: pip install 'tabular-marl[deep]'"
        ) from error
    return torch


def __getattr__(name: str) -> Any:
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_torch()
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted([*_PARTS, "require_torch"])
