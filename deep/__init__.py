"""Deep agents that can be held against the exact answer.

This package will hold one pure torch loss per equation of the two source documents, agents built
from them, batched environments, and ``crosscheck``, which runs any implementation on the full
enumeration of a tabular game, where its gradients are exact, and compares it with the exact
solution. Nothing of it is here yet. Importing this package needs no torch; its parts will, and
call :func:`require_torch` first.
"""

from __future__ import annotations

from typing import Any


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


def __getattr__(name: str) -> object:
    if name.startswith("_"):
        raise AttributeError(name)
    require_torch()
    raise AttributeError(f"tabular_marl.deep has no {name!r} yet: the deep agents are not written")
