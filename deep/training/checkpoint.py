"""Checkpoints: nested tensors, numbers and text in one file, written whole or not at all.

Read with ``weights_only``, so a checkpoint of somebody else cannot run code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tabular_marl.validation import InputError

#: The parts of a training checkpoint.
PARTS = {"run", "step", "curve", "losses", "failed", "generator", "env", "players"}


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """``write`` beside ``path``, then take its place, so that there is always a whole file.

    Raises InputError where that cannot be.
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        write(beside)
        os.replace(beside, path)
    except (OSError, RuntimeError) as error:  # torch's own, where there is no room
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        told = f"{path} could not be written: {str(error).splitlines()[0]}"
        raise InputError("out", "be writable, with room for a checkpoint", told) from error


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint, atomically."""
    replace_file(path, lambda beside: torch.save(state, beside))


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What a checkpoint holds, on ``device``.

    Raises InputError where it is missing, damaged or not one.
    """
    if not path.is_file():
        raise InputError("checkpoint", "exist", f"{path} was not found")
    try:
        state = torch.load(path, weights_only=True, map_location=device)
    except Exception as error:  # torch has a different one for every way of being damaged
        told = f"{path} could not be read ({type(error).__name__}), so it is damaged or not one"
        raise InputError("checkpoint", "be one that training wrote", told) from error
    if not isinstance(state, dict) or not set(state) >= PARTS:
        raise InputError("checkpoint", "be one that training wrote", f"{path} holds something else")
    return state


def differences(held: Any, wanted: Any, name: str = "") -> list[str]:
    """Where two nested values differ, in words.

    >>> differences({"agent": {"latent": 5}, "seeds": 3}, {"agent": {"latent": 8}, "seeds": 3})
    ['agent.latent 5 not 8']
    """
    if isinstance(held, dict) and isinstance(wanted, dict):
        names = [*wanted, *(key for key in held if key not in wanted)]
        parts = (differences(held.get(k), wanted.get(k), f"{name}.{k}".lstrip(".")) for k in names)
        return [told for part in parts for told in part]
    return [] if held == wanted else [f"{name} {held!r} not {wanted!r}"]


def by_seed(state: Any, seeds: int) -> Iterator[Tensor]:
    """The tensors of a nested state with k rows a seed, [k·N, …], as views [N, k, …]."""
    if isinstance(state, Tensor):
        if state.ndim and len(state) and len(state) % seeds == 0:
            yield state.view(seeds, -1, *state.shape[1:])
    elif isinstance(state, Mapping | list | tuple):
        for part in state.values() if isinstance(state, Mapping) else state:
            yield from by_seed(part, seeds)


def not_finite(state: Any, seeds: int) -> list[int]:
    """The seeds of which some number in a state is not finite."""
    found = [~held.isfinite().reshape(seeds, -1).all(1) for held in by_seed(state, seeds)]
    bad = torch.stack(found).any(0).tolist() if found else []
    return [n for n, is_bad in enumerate(bad) if is_bad]


def clear(state: Any, seeds: int, which: list[int]) -> None:
    """Set everything that a state holds of some seeds to zero, in place."""
    with torch.no_grad():
        for held in by_seed(state, seeds):
            held[which] = 0
