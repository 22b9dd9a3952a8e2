"""Exploration that dies out: a chain whose kernel changes with the clock, and where it ends.

    x_{t+1} ~ P_{ε_t}(x_t, ·),   ε_t ↓ 0,   P_ε(x, y) = c(x, y) ε^r(x, y) (1 + o(1))

GLIE is such a chain. Let V(k) be the least total resistance of a spanning forest with k roots. The
coefficients of det(I − P_ε + x I) are sums over forests, all terms positive, so the slowest mode
of P_ε decays at a rate of the order ε^d (Wentzell 1972, for entries of order exp(−V_ij/2ε²)) with

    d = V(1) − V(2), the critical depth: that of the second deepest basin

and for non-increasing ε_t, where the recurrent classes of P_0 are aperiodic,

    Σ ε_t^d = ∞ :  the start is forgotten, and the law goes to the stochastically stable π*
    Σ ε_t^d < ∞ :  two basins are each left for ever or never: the limit depends on the start

What rests on what: Tsitsiklis (1989) gives the orders of the t-step transition probabilities of
chains like P_ε, hence the dichotomy. If the start is forgotten and Σ_t ‖π_ε_{t+1} − π_ε_t‖ < ∞,
the law converges (Isaacson and Madsen 1976, strong ergodicity). Learners' P_ε are polynomials in ε,
so π_ε is rational, every entry monotone near 0, and the sum finite. Hajek (1988, annealing) and
Desai, Kumar and Kumar (1994, powers of ε_t as here) ask for less: that the chain ends in the *set*
of stable states, for which Σ ε_t^ρ = ∞ decides with a ρ ≤ d, the depth of basins outside that set.

So ε_t = a (t + b)^−p forgets if and only if p d ≤ 1: GLIE's own Σ ε_t = ∞ is not enough for
d > 1. Where periods remain this holds for time averages of the chain that also stays where it is
with a fixed probability; ``aperiodic`` tells.

If Σ ε_t < ∞, exploration stops, and after T steps with the law p_T

    | lim average − p_T P_0* r |  ≤  (max r − min r) L Σ_{t≥T} ε_t,        L learners who explore
                                                                        FURTHER A and Prop. 1 (GLIE)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from tabular_marl.active.chain_structure import check_square
from tabular_marl.active.chains import Array
from tabular_marl.active.joint_chain import JointProcess
from tabular_marl.active.joint_step import Step
from tabular_marl.active.learners.q_learning import exact
from tabular_marl.active.learners.rule import unit_interval
from tabular_marl.active.stability import (
    MAX_STATES,
    PerturbedChain,
    recurrent_states,
    stable_distribution,
)
from tabular_marl.numerics.kernels import leading as kernels
from tabular_marl.validation import (
    InputError,
    finite_array,
    integer,
    positive,
    probability_rows,
)

#: Laws are accurate to this share of rounding a step and entry.
ROUNDING = 1e-15


@dataclass(frozen=True)
class Decay:
    """ε_t = scale (t + delay)^−power, at most one; t = 0, 1, …

    >>> [float(Decay(1).rate(t)) for t in (0, 1, 3)]
    [1.0, 0.5, 0.25]
    """

    power: Any
    scale: float = 1.0
    delay: float = 1.0

    def __post_init__(self) -> None:
        for name in ("scale", "delay"):
            positive(name, getattr(self, name))
        if exact("power", self.power) <= 0:
            raise InputError("power", "be > 0", f"it was {self.power}")

    def rate(self, t: ArrayLike) -> Array:
        """ε_t."""
        steps = np.asarray(t, dtype=float) + self.delay
        return np.asarray(np.minimum(1.0, self.scale * steps ** -float(self.power)))

    def diverges(self, order: Any) -> bool:
        """Whether Σ ε_t^order = ∞."""
        return bool(exact("power", self.power) * order <= 1)

    def tail(self, start: int) -> float:
        """A bound on Σ_{t ≥ start} ε_t: the first term and the integral; inf where it diverges."""
        if self.diverges(1):
            return float("inf")
        p, first = float(self.power), start + self.delay
        return float(self.scale * (first**-p + first ** (1 - p) / (p - 1)) * (1 + 1e-12))


@dataclass(frozen=True, eq=False)
class ExploringKernel:
    """P_ε = Σ_k ε^k (1 − ε)^(L−k) parts[k]: k of L learners explore. CSR or dense, [n, n] each.

    ``parts[k]`` has rows that sum to the number of ways to choose k of L.

    >>> kernel = ExploringKernel([np.eye(2), [[0.5, 0.5], [0.5, 0.5]]])
    >>> kernel.at(0.5)
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """

    parts: Sequence[Any]

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise InputError("parts", "be at least two", f"they were {len(self.parts)}")
        ways = [1.0]
        for k in range(1, len(self.parts)):
            ways.append(ways[-1] * (len(self.parts) - k) / k)
        checked = [
            check_square(part / number)[...] * number if not sparse.issparse(part) else part
            for part, number in zip(map(_matrix, self.parts), ways, strict=True)
        ]
        if len({part.shape for part in checked}) > 1:
            raise InputError("parts", "have one shape", f"they had {[p.shape for p in checked]}")
        object.__setattr__(self, "parts", tuple(checked))

    @property
    def num_states(self) -> int:
        """n."""
        return int(self.parts[0].shape[0])

    def at(self, epsilon: float) -> Any:
        """P_ε."""
        last = len(self.parts) - 1
        return sum(
            epsilon**k * (1 - epsilon) ** (last - k) * part for k, part in enumerate(self.parts)
        )

    @cached_property
    def perturbed(self) -> PerturbedChain:
        """The leading terms as ε → 0; InputError for more states than fit densely."""
        if self.num_states > MAX_STATES:
            raise InputError(
                "parts", f"have at most {MAX_STATES} states", f"they had {self.num_states}"
            )
        dense = [part.toarray() if sparse.issparse(part) else part for part in self.parts]
        order = np.argmax(np.stack(dense) > 0, axis=0)
        leading = np.take_along_axis(np.stack(dense), order[None], axis=0)[0]
        return PerturbedChain(leading, order)


def _matrix(part: Any) -> Any:
    return part if sparse.issparse(part) else finite_array("parts", part, (None, None))


def exploring_kernel(process: JointProcess, policy: ArrayLike | None = None) -> ExploringKernel:
    """The learners of ``process`` that have ε > 0 explore with one and the same ε, any ε.

    ``policy`` [X, A] or [X] is agent i's, where there is one. Raises InputError if exploration
    leads out of the process (explore it with ε > 0). Source: FURTHER A.
    """
    weights = np.ones((process.num_states, 1))
    if process.player is not None:
        if policy is None:
            raise InputError("policy", "be given where agent i decides", "it was None")
        weights = process.decision.weights(policy)
    who = [j for j, rule in process.rules.items() if rule.epsilon > 0]
    if not who:
        raise InputError("process", "hold a learner that explores", "every epsilon was 0")
    step = Step(process.game, process.player, process.rules)
    size, own = process.num_states, process.num_actions
    parts: list[Any] = [sparse.csr_array((size, size)) for _ in range(len(who) + 1)]
    for explores in itertools.product((False, True), repeat=len(who)):
        rates = dict.fromkeys(process.rules, 0.0)
        rates.update(zip(who, map(float, explores), strict=True))
        rows, keys, chance, _ = step.edges(process.keys, step.weights(process.keys, rates))
        targets = process.names(keys)
        if (targets < 0).any():
            raise InputError(
                "process",
                "hold all joint states that exploration reaches",
                f"{keys[np.argmin(targets)]} is missing",
            )
        source = rows // own
        chance = chance * weights[source, rows % own]
        parts[sum(explores)] = parts[sum(explores)] + sparse.csr_array(
            (chance, (source, targets)), shape=(size, size)
        )
    for part in parts:
        part.eliminate_zeros()
    return ExploringKernel(parts)


def critical_depth(chain: PerturbedChain) -> Fraction:
    """d = V(1) − V(2), exactly: exploration must not decay faster than t^(−1/d).

    Raises InputError if the perturbed chain has several recurrent classes.
    Source: Wentzell (1972), Tsitsiklis (1989).

    >>> three = PerturbedChain(  # 2 → 1 → 0 at one mistake each, back at two
    ...     [[1, 1, 0], [1, 1, 1], [0, 1, 1]], [[0, 2, 0], [1, 0, 2], [0, 1, 0]])
    >>> critical_depth(three)
    Fraction(1, 1)
    """
    recurrent_states(chain)
    r = np.where(chain.coefficient > 0, chain.resistance, kernels.NEVER)
    np.fill_diagonal(r, kernels.NEVER)
    if r.shape[0] == 1:
        return Fraction(0)
    most = int(r[r < kernels.NEVER].max()) * r.shape[0] + 1
    trees = kernels.forests(r.copy(), most) - most
    low, high = 0, int(trees)  # the least s with min_k V(k) + k s = V(1) + s
    while low < high:
        middle = (low + high) // 2
        if kernels.forests(r.copy(), middle) == trees + middle:
            high = middle
        else:
            low = middle + 1
    return low * chain.unit


@dataclass(frozen=True)
class DecayingLimit:
    """Where a decaying chain ends: ``average`` lies in [lower, upper], proved.

    ``forgets``: the start does not matter, and lower = upper is π* · reward. ``depth`` is the
    critical depth, ``aperiodic`` tells whether the recurrent classes of P_0 are.
    """

    lower: float
    upper: float
    forgets: bool
    depth: Fraction
    aperiodic: bool


def decaying_limit(
    kernel: ExploringKernel,
    decay: Decay,
    initial: ArrayLike,
    reward: ArrayLike,
    steps: int = 1000,
) -> DecayingLimit:
    """The limit of (1/T) E Σ_{t<T} reward(x_t) from ``initial`` [n] under ε_t = ``decay``.

    Slow decay: exact. Σ ε_t < ∞: ``steps`` steps are followed, and the bracket is what exploration
    can still do. In between the bracket is that of the means of the recurrent classes of P_0, in
    which all time is spent in the limit. ``reward`` [n] is that without exploration, agent i's at
    ε = 0. Raises InputError. Source: FURTHER A (GLIE).

    >>> leaves = ExploringKernel([np.eye(2), [[0, 1], [0, 1]]])  # 0 is left when it explores
    >>> found = decaying_limit(leaves, Decay(2, delay=2), [1, 0], [0, 1], steps=2000)
    >>> found.forgets, found.lower < 0.5 < found.upper  # Π (1 − 1/n²) = 1/2
    (False, True)
    """
    law = probability_rows("initial", initial, (kernel.num_states,))
    paid = finite_array("reward", reward, (kernel.num_states,))
    chain = kernel.perturbed
    base = chain.unperturbed
    aperiodic = bool((base.periods == 1).all())
    depth = critical_depth(chain)
    if decay.diverges(depth):
        value = float(stable_distribution(chain).distribution @ paid)
        return DecayingLimit(value, value, True, depth, aperiodic)
    left = (len(kernel.parts) - 1) * decay.tail(steps)
    if not np.isfinite(left):
        means = np.array([base.class_distribution[m] @ paid[m] for m in base.recurrent_classes])
        return DecayingLimit(float(means.min()), float(means.max()), False, depth, aperiodic)
    law = follow(kernel, decay.rate(np.arange(integer("steps", steps))), law)[-1]
    value = float(law @ base.gain_and_bias(paid)[0])
    error = float(np.ptp(paid)) * min(1.0, left)
    error += ROUNDING * (steps + 100) * kernel.num_states * float(np.abs(paid).max())
    return DecayingLimit(value - error, value + error, False, depth, aperiodic)


def follow(kernel: ExploringKernel, rates: ArrayLike, initial: ArrayLike) -> Array:
    """The laws p_0, …, p_T of the chain with exploration ``rates`` [T]: [T + 1, n].

    ``initial`` is a law [n], or several [m, n] for [T + 1, m, n].
    """
    given = [unit_interval("rates", rate) for rate in np.asarray(rates, dtype=float).ravel()]
    law = probability_rows("initial", initial, (*np.shape(initial)[:-1], kernel.num_states))
    laws = [law]
    for epsilon in given:
        laws.append(np.asarray(laws[-1] @ kernel.at(epsilon)))
    return np.stack(laws)


def start_dependence(kernel: ExploringKernel, rates: ArrayLike) -> float:
    """How far apart two starts still are after ``rates``: the largest total variation, in [0, 1].

    Dobrushin's coefficient of the product of the kernels. It never grows with more steps, so it
    bounds the difference of all later laws too, up to rounding.

    >>> start_dependence(ExploringKernel([np.eye(2), [[0.5, 0.5], [0.5, 0.5]]]), [0.5, 0.5])
    0.25
    """
    law = np.eye(kernel.num_states)
    for epsilon in np.asarray(rates, dtype=float).ravel():
        law = np.asarray(law @ kernel.at(unit_interval("rates", epsilon)))
    return max(float(np.abs(law - row).sum(axis=1).max()) / 2 for row in law)
