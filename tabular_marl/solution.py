"""What every solver returns: a value, its policies, how the solve ended, and how wrong it can be.

``error_bound`` is a proved bound on max_s |value(s) − V*(s)| in reward units for the game as
stored (its float64 numbers taken exactly), or None where nothing was proved.
A solve that does not converge raises :class:`NotConverged`, which carries the partial result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]


class Status(Enum):
    """How a solve ended, as a sentence."""

    CONVERGED = "Converged: the proved error bound is within the tolerance."
    FLOOR = (
        "Converged to the floating-point floor: the residual cannot shrink further in double "
        "precision; the error bound says how accurate that is."
    )
    ITERATION_LIMIT = "Stopped at the iteration limit before the tolerance was reached."
    STALLED = "Stopped because the residual no longer shrinks although it is above rounding error."
    SETTLED = (
        "Settled: the rounds no longer change. Every round is proved; that rounds from elsewhere "
        "settle, or settle here, is not guaranteed."
    )
    CYCLE = (
        "Cycle: the rounds repeat with a period greater than one. Every round is proved; nothing "
        "guarantees a limit, and here there is none."
    )
    ROUNDS = "Stopped after the last round asked for, neither settled nor in a cycle."
    EQUILIBRIUM = (
        "An equilibrium: proved to exist within the error bound and to be alone there; nothing is "
        "said about equilibria elsewhere."
    )
    CANDIDATE = (
        "An equilibrium to floating-point accuracy, without a proof; others may exist, nearby too."
    )


@dataclass(frozen=True)
class Enclosure:
    """A proved statement lo ≤ V* ≤ hi, entry by entry, from ball arithmetic at ``bits`` bits.

    ``midpoint`` and ``radius`` are decimal strings from the ball checker, one a state;
    ``lower`` and ``upper`` are float64 numbers rounded outwards. ``method`` names the theorem.
    """

    lower: Array
    upper: Array
    midpoint: tuple[str, ...]
    radius: tuple[str, ...]
    method: str
    bits: int
    seconds: float

    @property
    def width(self) -> float:
        """The largest upper − lower, in reward units."""
        return float(np.max(self.upper - self.lower))


@dataclass(frozen=True)
class Solution:
    """An exact solution, in reward units. Arrays are read-only; axes are [state, agent, opponent].

    value[s]; q[s, a, b]; agent_policy and opponent_policy as the model factorises them: [s, a] or
    [s, b] where the player acts first or independently, [s, a, b] (normalised along the player's
    own axis) where it conditions on the other. agent_q[s, a] and opponent_q[s, b] are the report's
    Q^i and Q^-i divided by their β; conditional_policy[s, a, b] is the report's ρ(b|s,a) or
    π(a|s,b) where the model defines one beside the two policies; joint_policy[s, a, b] is the
    product of the recipe's tilts, whose γ P_w is the Jacobian of the backup.
    """

    value: Array
    q: Array
    agent_policy: Array
    opponent_policy: Array
    status: Status
    iterations: int
    residual: float
    error_bound: float | None
    history: tuple[float, ...]
    seconds: float
    joint_policy: Array
    method: str
    agent_q: Array | None = None
    opponent_q: Array | None = None
    conditional_policy: Array | None = None
    model: str = ""
    certifier: Callable[[int], Enclosure] | None = field(default=None, repr=False, compare=False)

    def certify(self, bits: int = 128) -> Enclosure:
        """Prove the solution in ball arithmetic with ``bits`` of precision."""
        if self.certifier is None:
            raise NotImplementedError(f"no ball certificate is known for model {self.model!r}")
        return self.certifier(bits)

    def details(self) -> dict[str, Any]:
        """What this kind of solution holds beside the fields above, for JSON."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "certifier": None}


class NotConverged(RuntimeError):
    """A solve ended without reaching its tolerance; ``partial`` holds what it had."""

    def __init__(self, message: str, partial: Any) -> None:
        super().__init__(message)
        self.partial = partial
