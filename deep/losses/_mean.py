"""The one way in which every loss averages its samples."""

from __future__ import annotations

from torch import Tensor


def mean(terms: Tensor, weights: Tensor | None) -> Tensor:
    """Σ w ℓ / Σ w over the samples; without weights the plain mean. ``terms`` [n] or [n, …].

    A replayed minibatch has none. The full enumeration of a tabular game has the probabilities of
    its transitions, and then every loss and gradient is exact.
    """
    terms = terms.flatten(1).mean(1) if terms.ndim > 1 else terms
    if weights is None:
        return terms.mean()
    return (weights * terms).sum() / weights.sum()
