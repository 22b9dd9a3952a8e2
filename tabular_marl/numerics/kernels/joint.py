"""Exploration of joint chains: edges of a batch of states, names for what they reach, merged rows.

A joint state is a row of integers (s, θ_1, …); an edge is one (own action a, the others' actions o,
next state s') with its probability. States are numbered in the order in which they are met, so
the rows of a batch come out in order and nothing has to be sorted.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def edges(states, weights, joint, indptr, indices, data):
    """All edges of a batch: (source·A + a, joint action, next state, probability), in row order.

    ``states`` [m]; ``weights`` [m, O] the probability of the others' actions; ``joint`` [A, O] the
    number of the joint action; CSR game transitions with rows s · J + joint action.
    """
    own, others = joint.shape
    every = own * others
    total = 0
    for x in range(states.shape[0]):
        for a in range(own):
            for o in range(others):
                if weights[x, o] > 0.0:
                    row = states[x] * every + joint[a, o]
                    total += indptr[row + 1] - indptr[row]
    rows = np.empty(total, dtype=np.int64)
    played = np.empty(total, dtype=np.int64)
    after = np.empty(total, dtype=np.int64)
    probability = np.empty(total)
    fill = 0
    for x in range(states.shape[0]):
        for a in range(own):
            for o in range(others):
                if weights[x, o] > 0.0:
                    row = states[x] * every + joint[a, o]
                    for k in range(indptr[row], indptr[row + 1]):
                        rows[fill] = x * own + a
                        played[fill] = joint[a, o]
                        after[fill] = indices[k]
                        probability[fill] = weights[x, o] * data[k]
                        fill += 1
    return rows, played, after, probability


@njit(cache=True, nogil=True, error_model="numpy")
def _slot(key, store, table):
    """Where ``key`` is in the open-addressing table, or the free slot where it belongs."""
    mixed = np.uint64(1469598103934665603)
    for d in range(key.shape[0]):
        mixed ^= np.uint64(key[d])
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    mask = np.uint64(table.shape[0] - 1)
    at = mixed & mask
    while True:
        name = table[at]
        if name < 0:
            return at
        same = True
        for d in range(key.shape[0]):
            if store[name, d] != key[d]:
                same = False
                break
        if same:
            return at
        at = (at + np.uint64(1)) & mask


@njit(cache=True, nogil=True, error_model="numpy")
def refill(store, count, table):
    """Enter the first ``count`` rows of ``store`` into an empty table."""
    for name in range(count):
        table[_slot(store[name], store, table)] = name


@njit(cache=True, nogil=True, error_model="numpy")
def intern(keys, store, count, table, names, first):
    """Name keys[first:], new ones by the next free number; returns (keys done, count).

    Stops when ``store`` is full or the table half full: grow them and call again.
    """
    room = min(store.shape[0], table.shape[0] // 2)
    for k in range(first, keys.shape[0]):
        at = _slot(keys[k], store, table)
        if table[at] < 0:
            if count == room:
                return k, count
            store[count] = keys[k]
            table[at] = count
            count += 1
        names[k] = table[at]
    return keys.shape[0], count


@njit(cache=True, nogil=True, error_model="numpy")
def lookup(keys, store, table):
    """The names of ``keys``, −1 for those that have none."""
    names = np.empty(keys.shape[0], dtype=np.int64)
    for k in range(keys.shape[0]):
        names[k] = table[_slot(keys[k], store, table)]
    return names


@njit(cache=True, nogil=True, error_model="numpy")
def merge(rows, names, probability, num_rows, place):
    """CSR (lengths, indices, data) of edges that are sorted by row; equal targets are added up.

    ``place`` [names] is scratch whose contents do not matter.
    """
    lengths = np.zeros(num_rows, dtype=np.int64)
    indices = np.empty(rows.shape[0], dtype=np.int32)
    data = np.empty(rows.shape[0])
    fill = 0
    k = 0
    for row in range(num_rows):
        start = fill
        while k < rows.shape[0] and rows[k] == row:
            y = names[k]
            at = place[y]
            if start <= at < fill and indices[at] == y:
                data[at] += probability[k]
            else:
                place[y] = fill
                indices[fill] = y
                data[fill] = probability[k]
                fill += 1
            k += 1
        lengths[row] = fill - start
    return lengths, indices[:fill].copy(), data[:fill].copy()
