"""What a check found, and what an implementation returned, checked."""

from __future__ import annotations

import contextlib
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tabular_marl.validation import InputError


@dataclass(frozen=True)
class Finding:
    """One check: what was measured against what is allowed, and what it says in words.

    ``mistake`` names what is wrong, where the catalogue knows it.
    """

    check: str
    passed: bool
    measured: float
    allowed: float
    says: str
    series: dict[str, list[float]] = field(default_factory=dict)
    mistake: str = ""


@dataclass(frozen=True)
class CrossCheck:
    """The findings about one implementation; ``states`` are the labels of series by state."""

    model: str
    game: str
    findings: tuple[Finding, ...]
    states: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(finding.passed for finding in self.findings)

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The mistakes that were named."""
        return tuple(dict.fromkeys(f.mistake for f in self.findings if f.mistake))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "passed": self.passed, "mistakes": list(self.mistakes)}


def per_sample(name: str, given: Any, batch: Any) -> Tensor:
    """What a method returned for each sample, checked."""
    try:
        like = batch.reward
        held = given.detach() if isinstance(given, Tensor) else given
        found = torch.as_tensor(held, dtype=like.dtype, device=like.device)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(name, f"be a tensor of {len(batch)}", f"it was {given!r}") from None
    if found.shape != batch.reward.shape:
        raise InputError(name, f"have shape ({len(batch)},)", f"it had {tuple(found.shape)}")
    if not bool(torch.isfinite(found).all()):
        at = int(torch.nonzero(~torch.isfinite(found))[0])
        raise InputError(name, "be finite", f"sample {at} was {float(found[at])}")
    return found


def scalar(loss: Any) -> Tensor:
    """A loss, checked."""
    if not isinstance(loss, Tensor):
        raise InputError("loss", "be a tensor", f"it was {loss!r}")
    if loss.ndim != 0:
        raise InputError("loss", "be a scalar", f"it had shape {tuple(loss.shape)}")
    if not bool(torch.isfinite(loss)):
        raise InputError("loss", "be finite", f"it was {loss.item()}")
    return loss


def told_as_its_own(name: str, must: str, method: Any, *args: Any) -> Any:
    """``method(…)`` of somebody's code; what it raises becomes InputError, one line with the place.

    What it prints goes to stderr, so that a report on stdout stays one.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return method(*args)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        own = [frame for frame in frames if frame.filename == frames[0].filename]
        place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
        said = " ".join(str(error).split())
        told = f"it raised {type(error).__name__}" + (f": {said}" if said else "") + place
        raise InputError(name, must, told) from error
