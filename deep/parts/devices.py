"""One device for a run: where its tensors live, and when the host may look at them.

A number on a GPU costs the host a wait for all that was asked of the GPU before, so that a step
that looks at none is several times as fast: there, checks wait for the end of an interval.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tabular_marl.validation import InputError, one_of

KINDS = ("cpu", "cuda")


def device_named(name: str) -> torch.device:
    """``cpu``, ``cuda`` or ``cuda:1``. Raises InputError where it is unknown or not there.

    >>> device_named("cpu")
    device(type='cpu')
    >>> device_named("tpu")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tabular_marl.validation.InputError: device must be one of cpu, cuda; it was 'tpu'...
    """
    kind, colon, number = name.partition(":")
    one_of("device", kind, KINDS)
    if colon and not number.isdecimal():
        raise InputError(
            "device", "be a kind, or a kind and a number as in cuda:1", f"it was {name!r}"
        )
    if kind == "cpu":
        return torch.device(kind)
    if not torch.cuda.is_available():
        built = torch.version.cuda
        why = "no GPU was found" if built else f"torch {torch.__version__} is built without it"
        raise InputError("device", "be there", f"cuda is not available; {why}")
    there = torch.cuda.device_count()
    if int(number or 0) >= there:
        raise InputError("device", f"be below cuda:{there}", f"it was {name}")
    return torch.device(kind, int(number or 0))


def at_hand(x: Tensor) -> bool:
    """Whether the host can look at the numbers of ``x`` without waiting: none is, to a compiler."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def draw(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """One of the last axis for each row, [N, A] → [N]: argmax p/e with e exponential.

    On a CPU by ``multinomial``, which does the same but looks at the numbers first, and raises
    RuntimeError where one is not finite.
    """
    if at_hand(probabilities):
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0]
    u = torch.rand(probabilities.shape, generator=generator, device=probabilities.device)
    waits = -torch.log1p(-u).clamp_max(-1e-30)  # not 0, which would let in what has no probability
    return (probabilities / waits).argmax(1)
