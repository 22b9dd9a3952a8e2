"""k-periodic distributions of a chain, and what they have to do with the stationary one.

    μ_k(·|ℓ+1) = μ_k(·|ℓ) P,    μ_k(·|k+1) = μ_k(·|1)                           FURTHER (19)

As printed, (19) is averaged over ℓ: then it says only that (1/k) Σ_ℓ μ_k(·|ℓ) is stationary. Read
for each ℓ it says that μ_k(·|1) is invariant under P^k. With d the period of a recurrent class, π
its stationary distribution and phase(x) ∈ {0, …, d−1} its cyclic subclasses, P^k splits the class
into g = gcd(k, d) parts, so the extreme solutions are

    μ_k(x|ℓ) = g π(x) · 1[phase(x) ≡ ℓ + j  (mod g)],    j = 0, …, g − 1

They are one orbit seen from g moments; every solution is a mixture over classes and j, and its mean
over ℓ is the stationary mixture of the π's. For k = 1, or k prime to d, only the stationary one is
left: μ_k is as fine as the chain's own cycle exactly when d divides k.

Here ℓ counts from 0 (the document's ℓ = k is index 0): μ[ℓ, x], shape [k, n].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from tabular_marl.active.chains import MAX_ENTRIES, Array, MarkovChain
from tabular_marl.validation import InputError, integer, probability_rows, read_only


def periodic_distributions(chain: MarkovChain, k: int) -> Array:
    """All extreme solutions of FURTHER (19) read for each ℓ, [solutions, k, n].

    There are Σ_c gcd(k, d_c), class by class, then j. Raises InputError where the result would
    not fit. Source: FURTHER (19).

    >>> chain = MarkovChain([[0, 1], [1, 0]])
    >>> periodic_distributions(chain, 2).tolist()
    [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    >>> periodic_distributions(chain, 3)[0, 0].tolist()  # 3 is prime to the period
    [0.5, 0.5]
    """
    k = integer("k", k)
    parts = [math.gcd(k, int(d)) for d in chain.periods]
    _check_size(k, chain, f"{sum(parts)} solutions", sum(parts))
    out = np.zeros((sum(parts), k, chain.num_states))
    at = 0
    for members, g in zip(chain.recurrent_classes, parts, strict=True):
        law, phase = chain.class_distribution[members], chain.phases[members]
        for j in range(g):
            for step in range(k):
                here = (phase - step - j) % g == 0
                out[at, step, members[here]] = g * law[here]
            at += 1
    return read_only(out)


@dataclass(frozen=True)
class PeriodicLimit:
    """μ_k from a first distribution: ``distribution`` [k, n], row ℓ for the times t ≡ ℓ (mod k).

    ``converges``: whether P^{kt+ℓ} itself converges from everywhere that can be reached, because
    every class there has a period that divides k; if not, rows are averages over t (Cesàro).
    """

    distribution: Array
    converges: bool

    @property
    def mean(self) -> Array:
        """(1/k) Σ_ℓ μ_k(·|ℓ), [n]: the stationary distribution that is reached."""
        return np.asarray(self.distribution.mean(axis=0))


def periodic_limit(chain: MarkovChain, initial: ArrayLike, k: int) -> PeriodicLimit:
    """μ_k(·|ℓ) = lim (1/N) Σ_{t<N} p_0 P^{kt+ℓ}, for a first distribution p_0 [n].

    Computed as the Cesàro limit of the chain on (ℓ, x), n·k states. Raises InputError where the
    result would not fit. Source: FURTHER (19).

    >>> two_cycle = MarkovChain([[0, 1, 0], [1, 0, 0], [0.5, 0.5, 0]])
    >>> periodic_limit(two_cycle, [1, 0, 0], 2).distribution.tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    k = integer("k", k)
    n = chain.num_states
    first = probability_rows("initial", initial, (n,))
    _check_size(k, chain, "one law", 1)
    shift = sparse.eye_array(k, format="csr")[(np.arange(k) + 1) % k]
    unfolded = MarkovChain(sparse.kron(shift, sparse.csr_array(chain.transition), format="csr"))
    start = np.zeros(k * n)
    start[:n] = first
    long_run = unfolded.long_run(start)
    reached = chain.arrival(first) > 0
    return PeriodicLimit(
        read_only(k * long_run.reshape(k, n)), bool((k % chain.periods[reached] == 0).all())
    )


def _check_size(k: int, chain: MarkovChain, what: str, count: int) -> None:
    if count * k * chain.num_states > MAX_ENTRIES:
        raise InputError(
            "k",
            f"give at most {MAX_ENTRIES} entries",
            f"{what} x {k} x {chain.num_states} states are more",
        )
