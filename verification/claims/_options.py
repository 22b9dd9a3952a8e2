"""Soft options over any arithmetic: the vocabulary of the ``options_*`` claims.

    Q(s,a,z)  = βr(s,a) + γ E_{s'}[U(s',z)]                                              (76), (170)
    V(s,z)    = log Σ_a P(a|s,z) exp Q(s,a,z)                                            (73), (172)
    V^H(s)    = log Σ_z P^H(z|s) exp V(s,z)                             (74), (173) as corrected
    U(s,z_,b) = b V^H(s) + (1 − b) V(s,z_),  U(s,z_) = log Σ_b P^T(b|s,z_) exp U(s,z_,b)       (75)

and their values under policies π(a|s,z), η(z|s) (the report's q^H), τ(b|s,z_) (its π^T) that are
not optimal. z_ is the option of the step before, b = 1 terminates it.

Units are the report's: ``reward`` is βr. Shapes: reward [S, A]; transition [S, A, S]; Q, π and P
[S, Z, A]; V, η, P^H, U [S, Z]; τ, P^T [S, Z, 2] with b = 0, 1; the last axis of a distribution sums
to one. Policies of a play carry the time first. BATCH adds one last axis. Trajectories have one
axis for each of s_0, z_{−1}, b_0, a_0, s_1, z_0, b_1, … (a step's ``FRAME`` is s, z_, b, a, s', z).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from tabular_marl.verification import Family, array, discount, distribution, instances, scope
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.strategies import Field


def even(arithmetic: Arithmetic, like: Numbers) -> Numbers:
    """Uniform probabilities along the last axis that is no batch, in the shape of ``like``."""
    count = like.shape[-1 - arithmetic.batch_axes]
    return np.broadcast_to(np.asarray(arithmetic.number(Fraction(1, count))), like.shape)


def constant(arithmetic: Arithmetic, nested: object) -> Numbers:
    """An array that every instance of a batch shares."""
    values = arithmetic.array(nested)
    return values.reshape(*values.shape, *[1] * arithmetic.batch_axes)


def cost(
    arithmetic: Arithmetic, value: Numbers, policy: Numbers, prior: Numbers, axis: int
) -> Numbers:
    """Σ_k p_k (x_k − log p_k/P_k) along ``axis``."""
    return (policy * (value - log_ratio(policy, prior, arithmetic))).sum(axis=axis)


def lay(table: Numbers, names: str, frame: str) -> Numbers:
    """``table``, whose axes are ``names``, along the axes ``frame`` (length 1 where none)."""
    order = sorted(range(len(names)), key=lambda k: frame.index(names[k]))
    turned = table.transpose(*order, *range(len(names), table.ndim))
    return turned[tuple(slice(None) if name in names else None for name in frame)]


def paths(initial: Numbers, steps: Sequence[Numbers], start: int, variables: int) -> Numbers:
    """Π of ``initial`` (``start`` axes) and steps, each over the ``start`` variables that the one
    before ended with, then over ``variables`` of its own."""
    table = initial
    for k, step in enumerate(steps):
        before = start + variables * k
        table = (
            table[(slice(None),) * before + (None,) * variables] * step[(None,) * (variables * k)]
        )
    return table


FRAME = "smbatz"


@dataclass(frozen=True)
class Options:
    """The three priors."""

    arithmetic: Arithmetic
    low_prior: Numbers
    master_prior: Numbers
    stop_prior: Numbers

    @classmethod
    def of(
        cls,
        arithmetic: Arithmetic,
        like: Numbers,
        low_prior: Numbers = None,
        master_prior: Numbers = None,
        stop_prior: Numbers = None,
    ) -> Options:
        """From an instance; a prior left out is uniform, in sizes those of ``like`` [S, Z, A]."""
        if low_prior is None:
            low_prior = even(arithmetic, like)
        if master_prior is None:
            master_prior = even(arithmetic, like[:, :, 0])
        if stop_prior is None:
            table = like[:, :, 0]
            stop_prior = even(arithmetic, np.stack([table, table], axis=2))
        return cls(arithmetic, low_prior, master_prior, stop_prior)

    # -- soft values and the policies that attain them ------------------------------------------

    def low_soft(self, q: Numbers) -> Numbers:
        """V(s,z): report (73)."""
        return free_energy(q, self.low_prior, 1, 2, self.arithmetic)

    def low_tilt(self, q: Numbers) -> Numbers:
        """π of report (73)."""
        return tilt(q, self.low_prior, 1, 2, self.arithmetic)

    def master_soft(self, table: Numbers) -> Numbers:
        """log Σ_z P^H(z|s) exp x(s,z): V^H of report (74), 1/m inside the logarithm."""
        return free_energy(table, self.master_prior, 1, 1, self.arithmetic)

    def master_tilt(self, table: Numbers) -> Numbers:
        """η of report (74) from a table over (s, z), normalised."""
        return tilt(table, self.master_prior, 1, 1, self.arithmetic)

    def stop_soft(self, kept: Numbers, chosen: Numbers) -> Numbers:
        """U(s,z_) of report (75) from V(s,z_) and V^H(s)."""
        return free_energy(both(kept, chosen), self.stop_prior, 1, 2, self.arithmetic)

    def stop_tilt(self, kept: Numbers, chosen: Numbers) -> Numbers:
        """τ of report (75)."""
        return tilt(both(kept, chosen), self.stop_prior, 1, 2, self.arithmetic)

    def soft(self, q: Numbers) -> Numbers:
        """U(s,z_) of Q."""
        value = self.low_soft(q)
        return self.stop_soft(value, self.master_soft(value))

    def tilts(self, q: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """(π, η, τ) of report (73)-(75) as corrected."""
        value = self.low_soft(q)
        chosen = self.master_soft(value)
        return self.low_tilt(q), self.master_tilt(value), self.stop_tilt(value, chosen)

    # -- values of given policies ---------------------------------------------------------------

    def low_value(self, q: Numbers, low: Numbers) -> Numbers:
        """E_π[Q − log π/P] of (s, z): Q^H of report (160)."""
        return cost(self.arithmetic, q, low, self.low_prior, 2)

    def master_value(self, table: Numbers, master: Numbers) -> Numbers:
        """E_η[x(s,z) − log η/P^H] of s."""
        return cost(self.arithmetic, table, master, self.master_prior, 1)

    def stop_value(self, kept: Numbers, chosen: Numbers, stop: Numbers) -> Numbers:
        """E_τ[b V^H + (1 − b) V − log τ/P^T] of (s, z_): report (167)."""
        return cost(self.arithmetic, both(kept, chosen), stop, self.stop_prior, 2)

    def value(self, q: Numbers, low: Numbers, master: Numbers, stop: Numbers) -> Numbers:
        """E[Q − log π/P − b log η/P^H − log τ/P^T] of (s, z_): report (161), (171)."""
        kept = self.low_value(q, low)
        return self.stop_value(kept, self.master_value(kept, master), stop)


def both(kept: Numbers, chosen: Numbers) -> Numbers:
    """U(s,z_,b) [S, Z, 2] of report (75): V(s,z_) at b = 0, V^H(s) at b = 1."""
    kept, chosen = np.broadcast_arrays(kept, chosen[:, None])
    return np.stack([kept, chosen], axis=2)


def outside(arithmetic: Arithmetic, table: Numbers) -> Numbers:
    """(1/m) log Σ_z exp x(s,z): V^H as report (74), (160), (173), (179) print it."""
    return arithmetic.log(arithmetic.exp(table).sum(axis=1)) / arithmetic.number(table.shape[1])


def mean(q: Numbers, low: Numbers) -> Numbers:
    """E_π[Q] of (s, z): Q^H as report (74) prints it."""
    return (low * q).sum(axis=2)


# -- time ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Horizon:
    """A game from t = 0 to T; policies are lists over time. A kind of options says what a step is.

    ``options`` has ``soft``, ``tilts``, ``value``; a step starts from ``START`` variables and has
    ``VARIABLES`` of its own, the last ``START`` of which the next one starts from.
    """

    options: Any
    reward: Numbers
    transition: Numbers
    gamma: Numbers

    START: ClassVar[int]
    VARIABLES: ClassVar[int]

    def backup(self, arrival: Numbers) -> Numbers:
        """Q from U of the next step."""
        raise NotImplementedError

    def step(self, *policies: Numbers) -> Numbers:
        """The law of a step, its variables along the frame."""
        raise NotImplementedError

    def prior_step(self) -> Numbers:
        """The prior of a step times exp of its reward."""
        raise NotImplementedError

    def optimise(self, times: int, end: Numbers) -> list[Numbers]:
        """[Q_0, …, Q_T], T + 1 = times, by backward induction from U_{T+1} = ``end``."""
        table = [self.backup(end)]
        for _ in range(times - 1):
            table.append(self.backup(self.options.soft(table[-1])))
        return table[::-1]

    def best(self, times: int, end: Numbers) -> tuple[list[Numbers], ...]:
        """The optimal policies, each a list over time."""
        return over_time(self.options.tilts(q) for q in self.optimise(times, end))

    def objective(self, initial: Numbers, *policies: Sequence[Numbers]) -> Numbers:
        """E Σ_t γ^t (βr − costs), from ``initial``, the law of what the first step starts from."""
        arrival = 0 * initial
        for now in zip(*(p[::-1] for p in policies), strict=True):
            arrival = self.options.value(self.backup(arrival), *now)
        return (initial * arrival).sum(axis=tuple(range(self.START)))

    def every(self, times: int) -> tuple[int, ...]:
        """The axes of trajectories of ``times`` steps."""
        return tuple(range(self.START + self.VARIABLES * times))

    def law(self, initial: Numbers, *policies: Sequence[Numbers]) -> Numbers:
        """q(τ) of every trajectory: report (70), (79)."""
        steps = [self.step(*now) for now in zip(*policies, strict=True)]
        return paths(initial, steps, self.START, self.VARIABLES)

    def joint(self, initial: Numbers, times: int) -> Numbers:
        """P(τ, O = 1) of every trajectory: report (69), (77)."""
        return paths(initial, [self.prior_step()] * times, self.START, self.VARIABLES)

    def divergence(self, initial: Numbers, *policies: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
        """(KL(q ‖ P(τ|O=1)), log P(O=1)) by enumeration."""
        times = len(policies[0])
        q, joint = self.law(initial, *policies), self.joint(initial, times)
        axes = self.every(times)
        evidence = self.options.arithmetic.log(joint.sum(axis=axes))
        apart = (q * log_ratio(q, joint, self.options.arithmetic)).sum(axis=axes)
        return apart + evidence, evidence


def over_time(each: Iterable[Sequence[Numbers]]) -> tuple[list[Numbers], ...]:
    """From the policies of each time, a list over time of each policy."""
    return tuple(map(list, zip(*each, strict=True)))


class Play(Horizon):
    """One agent's options in a game."""

    START, VARIABLES = 2, 4

    def backup(self, arrival: Numbers) -> Numbers:
        """βr + γ E[U(s',z)] of (s, z, a): report (76), with γ."""
        ahead = np.swapaxes(arrival, 0, 1)[None, :, None]
        return self.reward[:, None] + self.gamma * (self.transition[:, None] * ahead).sum(axis=3)

    def step(self, low: Numbers, master: Numbers, stop: Numbers) -> Numbers:
        """τ(b|s,z_) [(1−b) δ(z,z_) + b η(z|s)] π(a|s,z) P(s'|s,a), over ``FRAME``."""
        a = self.options.arithmetic
        choice = kept_or_chosen(a, lay(master, "sz", FRAME), "mz", "b", FRAME)
        acted = lay(low, "sza", FRAME) * lay(self.transition, "sat", FRAME)
        return lay(stop, "smb", FRAME) * choice * acted

    def prior_step(self) -> Numbers:
        """One step of (69) with O = 1."""
        o = self.options
        prior = self.step(o.low_prior, o.master_prior, o.stop_prior)
        return prior * lay(o.arithmetic.exp(self.reward), "sa", FRAME)


def kept_or_chosen(
    arithmetic: Arithmetic, chosen: Numbers, options: str, end: str, frame: str
) -> Numbers:
    """(1−b) δ(z,z_) + b η: report (71); ``options`` names z_ and z, ``end`` b in the frame."""
    size = chosen.shape[frame.index(options[1])]
    same = constant(arithmetic, np.eye(size, dtype=int).tolist())
    keep, drop = (constant(arithmetic, b) for b in ([1, 0], [0, 1]))
    return lay(keep, end, frame) * lay(same, options, frame) + lay(drop, end, frame) * chosen


def begin(initial: Numbers, before: Numbers) -> Numbers:
    """P(s_0) P(z_{−1})."""
    return initial[:, None] * before


# -- families and scopes ------------------------------------------------------------------------

GIBBS = "kl.nonnegative"
DUALITY = "free-energy.duality"
MAXIMUM = "free-energy.variational.maximum"
MONOTONE = "free-energy.monotone"
SHIFT = "free-energy.shift-equivariant"

SIZES = {"states": (1, 2), "options": (1, 3), "actions": (1, 3)}
SMALL = {"states": (1, 2), "options": (1, 2), "actions": (1, 2), "times": (1, 2)}
_EVERY = {"states": ">= 1", "options": ">= 1", "actions": ">= 1"}
STAGE = scope(**_EVERY)
GAMES = scope(**_EVERY, gamma="[0, 1]")
PLAYS = scope(**_EVERY, gamma="[0, 1]", times=">= 1")
UNDISCOUNTED = scope(**_EVERY, times=">= 1")

Q: dict[str, Field] = {"q": array("states", "options", "actions")}
LOW_PRIOR: dict[str, Field] = {"low_prior": distribution("states", "options", "actions")}
PRIORS: dict[str, Field] = {
    **LOW_PRIOR,
    "master_prior": distribution("states", "options"),
    "stop_prior": distribution("states", "options", 2),
}
LOW: dict[str, Field] = {"low": distribution("states", "options", "actions")}
POLICIES: dict[str, Field] = {
    **LOW,
    "master": distribution("states", "options"),
    "stop": distribution("states", "options", 2),
}
GAME: dict[str, Field] = {
    "reward": array("states", "actions"),
    "transition": distribution("states", "actions", "states", degenerate=True),
    **PRIORS,
}
UNIT = {"gamma": discount(high=1)}
PLAYED: dict[str, Field] = {
    "low": distribution("times", "states", "options", "actions"),
    "master": distribution("times", "states", "options"),
    "stop": distribution("times", "states", "options", 2),
}
START: dict[str, Field] = {"initial": distribution("states"), "before": distribution("options")}


def family(*fields: Mapping[str, Field], sizes: dict[str, tuple[int, int]] = SIZES) -> Family:
    """Instances with all these fields."""
    merged: dict[str, Field] = {}
    for part in fields:
        merged |= part
    return instances(sizes, **merged)
