"""Transition probabilities P(t | s, a): the checks, dense and sparse.

Dense [s, a1, …, an, t], or a scipy.sparse matrix of shape (S·A_1⋯A_n, S) whose rows are
(s, a1, …, an) in C order. Both come out as locked copies, the sparse one in canonical CSR form:
indices sorted, duplicates added up, stored zeros dropped.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import sparse

from tabular_marl.validation import (
    InputError,
    finite_array,
    probability_rows,
    read_only,
    unit_sums,
)

#: Games built here from their successors are stored dense up to this many entries.
DENSE_ENTRIES = 1_000_000

Index = tuple[int, ...]
Labels = tuple[str, ...]


def check_transition(
    given: Any, shape: Index, states: Labels | None, actions: tuple[Labels, ...] | None
) -> Any:
    """A locked copy of ``given`` for a game of ``shape`` (S, A_1, …, A_n), or InputError."""
    letters = "ab" if len(shape) == 3 else [f"a{k}" for k in range(1, len(shape))]

    def row(index: Index) -> str:
        """Words for P(· | s, a): the indices, and the labels where the game has them."""
        numbers = ", ".join(f"{x}={k}" for x, k in zip(("s", *letters), index, strict=True))
        named = [] if states is None else [f"state {states[index[0]]!r}"]
        if actions is not None:
            chosen = zip(actions, index[1:], strict=True)
            named.append("actions " + ", ".join(repr(labels[a]) for labels, a in chosen))
        return f"row [{numbers}]" + (f" ({'; '.join(named)})" if named else "")

    def entry(index: Index) -> str:
        return f"{row(index[:-1])}, next state {index[-1]},"

    is_sparse = sparse.issparse(given)
    if not is_sparse and not isinstance(given, np.ndarray):
        given = finite_array("transition", given)
    want = (math.prod(shape), shape[0]) if is_sparse else (*shape, shape[0])
    if given.shape != want:
        axes = "(states·actions, states)" if is_sparse else "(states, *actions, states)"
        raise InputError(
            "transition",
            f"have shape {want}, that is {axes}, for a reward over {shape}",
            f"it had {given.shape}",
        )
    if not is_sparse:
        return read_only(probability_rows("transition", given, where=entry, where_row=row))
    if given.dtype.kind not in "biuf":
        raise InputError("transition", "hold numbers", f"its type was {given.dtype}")
    matrix = sparse.csr_array(given, dtype=np.float64, copy=True)
    matrix.sum_duplicates()
    for wrong, must in (
        (~np.isfinite(matrix.data), "hold finite numbers"),
        (matrix.data < 0, "hold probabilities >= 0"),
    ):
        if wrong.any():
            k = int(np.argmax(wrong))
            flat = int(np.searchsorted(matrix.indptr, k, side="right")) - 1
            index = (*map(int, np.unravel_index(flat, shape)), int(matrix.indices[k]))
            raise InputError("transition", must, f"{entry(index)} was {matrix.data[k]}")
    matrix.eliminate_zeros()
    unit_sums("transition", matrix.sum(axis=1).reshape(shape), row)
    return lock(matrix)


def lock(matrix: Any) -> Any:
    """The CSR array with sorted indices and its three arrays read-only."""
    matrix.sort_indices()
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.flags.writeable = False
    return matrix


def compact(matrix: sparse.csr_array, shape: Index) -> Any:
    """The rows P(· | s, a) of a game of ``shape`` (S, A_1, …), dense where that is small."""
    if matrix.shape[0] * matrix.shape[1] > DENSE_ENTRIES:
        return matrix
    return matrix.toarray().reshape(*shape, shape[0])
