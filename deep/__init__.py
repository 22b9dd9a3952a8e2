"""Deep updates that can be held against the exact answer.

losses       one pure function per equation of the two documents
systems      the systems of both documents on tensors, with their exact tables
active_game  an active Markov game with its joint states as states
enumeration  a tabular game as one weighted batch, on which losses and gradients are exact
tabular      tabular actor-critics made of these losses
crosscheck   holds any implementation against the exact answer, and names the mistake
frozen       the same for a checkpoint; strangers: for an agent of which only the actions are seen
evidence     the same as evidence in the ledger
train        the published matrix games, many seeds at once, resumable; agents, environments
tabular      a tabular actor-critic made of these losses
crosscheck   holds any implementation against the exact answer, and names the wrong term
train        experiments, many seeds at once, resumable; agents, environments
evaluation   what trained agents are worth, against one and against all

Importing this package needs no torch; its parts do.
"""

from __future__ import annotations

import importlib
from typing import Any

_PARTS = (
    "active_game",
    "actors",
    "agents",
    "checkpoint",
    "crosscheck",
    "entry",
    "enumeration",
    "evidence",
    "environments",
    "evaluation",
    "exact",
    "experiments",
    "figures",
    "findings",
    "free_energy",
    "frozen",
    "lineup",
    "logs",
    "losses",
    "mistakes",
    "networks",
    "plain_yaml",
    "replay",
    "statistics",
    "strangers",
    "systems",
    "tabular",
    "terms",
    "train",
    "value_gap",
    "window",
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
