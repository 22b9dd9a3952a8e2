"""Stochastic stability: the limit of the stationary distribution as mistakes vanish, exactly.

  P_ε(x, y) = c(x, y) ε^r(x, y) (1 + o(1)),   r the resistance of x → y, c > 0 its coefficient

By the matrix-tree theorem π_ε(x) is proportional to the sum over x-trees of the products of their
P_ε; all terms are positive, so the limit depends on the leading terms alone, and elimination of
states without subtractions computes with leading terms as if they were numbers
(numerics/kernels/leading.py). No small ε is ever plugged in: exponents are integers, and

    π_ε(x) ~ m(x) ε^ρ(x),    ρ(x) − min ρ the stochastic potential of x above the least

Its support {ρ(x) = min ρ} is exact; masses have relative errors of rounding size.

The form of the perturbation is an argument, because the limit depends on it (Bergin and Lipman
1996): give c and r, mix a chain with a noise kernel (:func:`with_noise`), or let the learners of
a joint process make the mistakes (:func:`with_trembles`). Prop. 1 needs P_ε to have one recurrent
class; where it has more, the limit depends on the start, and that is said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from tabular_marl.active.chain_structure import check_square
from tabular_marl.active.chains import Array, Indices, MarkovChain
from tabular_marl.active.joint_chain import JointProcess
from tabular_marl.active.joint_step import tremble_terms
from tabular_marl.numerics.kernels import leading as kernels
from tabular_marl.validation import InputError, finite_array, read_only

#: Dense elimination of pairs: 16 n² bytes and n³/3 steps.
MAX_STATES = 5000


@dataclass(frozen=True, eq=False)
class PerturbedChain:
    """Leading terms of P_ε: ``coefficient`` [n, n] ≥ 0 and ``resistance`` [n, n] ≥ 0.

    Where the coefficient is 0 the transition never happens and its resistance is not read.
    Resistances are integers or Fractions. Raises InputError where the terms of order 0 in a row do
    not sum to one.

    >>> two = PerturbedChain([[1, 1], [1, 1]], [[0, 1], [2, 0]])  # leaving 1 takes two mistakes
    >>> stable_distribution(two).distribution
    array([0., 1.])
    """

    coefficient: Array
    resistance: Any
    unit: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        c = finite_array("coefficient", self.coefficient, (None, None))
        if c.shape[0] != c.shape[1] or not c.size:
            raise InputError("coefficient", "be square and not empty", f"its shape was {c.shape}")
        if c.shape[0] > MAX_STATES:
            raise InputError(
                "coefficient", f"have at most {MAX_STATES} states", f"it had {c.shape[0]}"
            )
        if c.min() < 0:
            raise InputError("coefficient", "hold numbers >= 0", f"one was {c.min()}")
        r, unit = _integers(self.resistance, c)
        certain = np.where((r == 0) & (c > 0), c, 0.0).sum(axis=1)
        wrong = np.abs(certain - 1) > 1e-9
        if wrong.any():
            x = int(np.argmax(wrong))
            raise InputError(
                "coefficient",
                "sum to 1 over the resistances 0 of every row",
                f"row {x} summed to {certain[x]:.12g}",
            )
        for name, value in (("coefficient", read_only(c)), ("resistance", r), ("unit", unit)):
            object.__setattr__(self, name, value)

    @property
    def num_states(self) -> int:
        """n."""
        return int(self.coefficient.shape[0])

    @property
    def unperturbed(self) -> MarkovChain:
        """P_0: the transitions of resistance 0."""
        rows = np.where(self.resistance == 0, self.coefficient, 0.0)
        return MarkovChain(rows / rows.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class StableDistribution:
    """π* [n]; ``potential`` [n], the power of ε with which π_ε(x) vanishes (inf: transient)."""

    distribution: Array
    potential: Array

    @property
    def support(self) -> Indices:
        """The stochastically stable states: those of potential 0."""
        return np.flatnonzero(self.potential == 0)


def stable_distribution(chain: PerturbedChain) -> StableDistribution:
    """The stochastically stable distribution lim π_ε, exactly.

    Source: Young (1993), FURTHER Prop. 1.

    Raises InputError if the perturbed chain has several recurrent classes.

    >>> noise = with_noise([[1, 0, 0], [1, 0, 0], [0, 0, 1]], np.full((3, 3), 1 / 3))
    >>> stable_distribution(noise).distribution.round(12)
    array([0.66666667, 0.        , 0.33333333])
    """
    members = recurrent_states(chain)
    block = np.ix_(members, members)
    c = chain.coefficient[block].copy()
    r = np.where(c > 0, chain.resistance[block], kernels.NEVER)
    mass, exponent = kernels.stationary(c, r)
    exponent -= exponent.min()
    stable = exponent == 0
    distribution = np.zeros(chain.num_states)
    distribution[members[stable]] = mass[stable] / mass[stable].sum()
    potential = np.full(chain.num_states, np.inf)
    potential[members] = exponent * float(chain.unit)
    return StableDistribution(read_only(distribution), read_only(potential))


def recurrent_states(chain: PerturbedChain) -> Indices:
    """The states of the perturbed chain's recurrent class; InputError if there are several."""
    possible = chain.coefficient > 0
    graph = MarkovChain(possible / possible.sum(axis=1, keepdims=True))
    if not graph.is_unichain:
        raise InputError(
            "chain",
            "have one recurrent class when it is perturbed (else the limit depends on the start)",
            f"it had {graph.num_classes}",
        )
    return graph.recurrent_classes[0]


def with_noise(transition: ArrayLike, noise: ArrayLike) -> PerturbedChain:
    """(1 − ε) P + ε N: with probability ε a step follows the noise kernel N [n, n] instead of P."""
    base, other = (_dense(check_square(matrix)) for matrix in (transition, noise))
    if base.shape != other.shape:
        raise InputError("noise", f"have shape {base.shape}", f"it had {other.shape}")
    return PerturbedChain(np.where(base > 0, base, other), np.where(base > 0, 0, 1))


def with_trembles(process: JointProcess, policy: ArrayLike | None = None) -> PerturbedChain:
    """The learners of ``process`` explore with one and the same vanishing ε.

    A learner whose rule has ε > 0 plays (1 − ε) π_j + ε/A_j: an action outside the support of π_j
    has resistance 1 and coefficient 1/A_j, several learners' resistances add up. ``policy`` [X, A]
    or [X] is agent i's, where there is one; neither it nor learners with ε = 0 tremble.
    Source: FURTHER Prop. 1, U_ε.
    """
    weights = np.ones((process.num_states, 1))
    if process.player is not None:
        if policy is None:
            raise InputError("policy", "be given where agent i decides", "it was None")
        weights = process.decision.weights(policy)
    states = process.num_states
    if states > MAX_STATES:
        raise InputError("process", f"have at most {MAX_STATES} joint states", f"it had {states}")
    rows, targets, chance, order = tremble_terms(process)
    source = rows // process.num_actions
    chance = chance * weights[source, rows % process.num_actions]
    kept = chance > 0
    at = (source[kept], targets[kept])
    r = np.full((states, states), kernels.NEVER)
    np.minimum.at(r, at, order[kept])
    leads = order[kept] == r[at]
    c = np.zeros((states, states))
    np.add.at(c, (at[0][leads], at[1][leads]), chance[kept][leads])
    return PerturbedChain(c, r)


def _dense(matrix: Any) -> Array:
    return np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix)


def _integers(given: Any, c: Array) -> tuple[Any, Fraction]:
    """Resistances as integers in units of 1 over their common denominator."""
    values = np.asarray(given)
    if values.shape != c.shape:
        raise InputError("resistance", f"have shape {c.shape}", f"it had {values.shape}")
    used = c > 0
    if values.dtype.kind in "iu":
        unit, r = Fraction(1), values.astype(np.int64)
    else:
        try:
            exact = {v: Fraction(v) for v in values[used].tolist()}
        except (TypeError, ValueError, OverflowError):
            raise InputError("resistance", "hold integers or Fractions", "one was not") from None
        common = math.lcm(*(f.denominator for f in exact.values()))
        if common > 10**6:
            raise InputError(
                "resistance",
                "have a common denominator of at most 10^6",
                f"it was {common}; give Fractions",
            )
        unit = Fraction(1, common)
        r = np.zeros(c.shape, dtype=np.int64)
        r[used] = [int(exact[v] * common) for v in values[used].tolist()]
    r = np.where(used, r, kernels.NEVER)
    if r.min() < 0 or r[used].max() * (c.shape[0] + 1) >= kernels.NEVER // 4:
        raise InputError("resistance", "be >= 0 and not huge", f"one was {r.min() * unit}")
    r.flags.writeable = False
    return r, unit
