"""The full enumeration of a tabular game as one weighted batch.

    w(s, a, b, s') = d(s) μ(a, b | s) P(s' | s, a, b),    Σ w = 1

over every transition of positive probability. Any loss that takes per-sample weights is then its
exact expectation under the sampling distribution d μ, and so is its gradient. A game of S states
and A × B actions gives at most S²AB samples.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from torch import Tensor

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, probability_rows

#: Refuse to enumerate more transitions than this.
MAX_SAMPLES = 20_000_000


@dataclass(frozen=True)
class Batch:
    """Transitions, all [n]: indices, the agent's reward, the weight of each, whether s' ends it.

    A replayed minibatch is the same with equal weights.
    """

    state: Tensor
    agent_action: Tensor
    opponent_action: Tensor
    reward: Tensor
    next_state: Tensor
    weight: Tensor
    terminated: Tensor

    def __len__(self) -> int:
        return len(self.state)

    @property
    def taken(self) -> tuple[Tensor, Tensor, Tensor]:
        """The index of (s, a, b) in a table [S, A, B]."""
        return self.state, self.agent_action, self.opponent_action

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on ``device``."""
        return Batch(*(getattr(self, f.name).to(device) for f in fields(self)))


def terminal_states(game: StochasticGame) -> NDArray[np.bool_]:
    """States that end an episode: whatever is done there leads back and pays nothing; [S].

    In a game of nothing but such states none is.
    """
    states, size = game.num_states, game.reward.size
    rows = sparse.coo_array(game.transition_rows)
    own = rows.col == rows.row // (size // states)
    stays = np.bincount(rows.row[own], rows.data[own], size).reshape(states, -1) == 1
    pays = game.reward.reshape(states, -1) != 0
    found = stays.all(axis=1) & ~pays.any(axis=1)
    return found if not found.all() else np.zeros_like(found)


def enumerate_game(
    game: StochasticGame, sampling: ArrayLike | None = None, ends: ArrayLike | None = None
) -> Batch:
    """Every transition of ``game``, float64, weighted by ``sampling``.

    ``sampling`` [S, A, B] is d(s) μ(a, b|s), uniform by default; positive everywhere if every
    entry of a table is to be trained. Transitions that weigh nothing are left out. ``ends`` [S]
    says which states end an episode, by default none: they should then weigh nothing.
    Raises InputError if it is malformed or the batch too large.

    >>> import tabular_marl as tm
    >>> batch = enumerate_game(tm.iterated(tm.games.prisoners_dilemma()))
    >>> len(batch), round(batch.weight.sum().item(), 12)
    (20, 1.0)
    """
    shape = game.reward.shape
    if game.num_players != 2:
        raise InputError("game", "have two players", f"it had {game.num_players}")
    pairs = int(np.prod(shape))
    count = game.transition.nnz if game.is_sparse else int(np.count_nonzero(game.transition))
    if count > MAX_SAMPLES:
        raise InputError("game", f"have at most {MAX_SAMPLES:,} transitions", f"it had {count:,}")
    if sampling is None:
        sampling = np.full(shape, 1.0 / pairs)
    given = np.asarray(sampling, dtype=np.float64)
    if given.shape != shape:
        raise InputError("sampling", f"have shape {shape}", f"it had {given.shape}")
    visits = probability_rows("sampling", given.reshape(1, pairs))[0]
    if game.is_sparse:
        rows = game.transition.tocoo()
        row, after, chance = rows.row, rows.col, rows.data
    else:
        table = game.transition.reshape(pairs, game.num_states)
        row, after = np.nonzero(table)
        chance = table[row, after]
    state, agent, opponent = np.unravel_index(row, shape)
    weight = visits[row] * chance
    kept = weight > 0
    state, agent, opponent = state[kept], agent[kept], opponent[kept]
    row, after, weight = row[kept], after[kept], weight[kept]
    over = np.zeros(game.num_states, dtype=bool) if ends is None else np.asarray(ends, dtype=bool)
    s, a, b = (torch.from_numpy(np.array(k, dtype=np.int64)) for k in (state, agent, opponent))
    return Batch(
        s,
        a,
        b,
        torch.from_numpy(np.array(game.reward.reshape(pairs)[row])),
        torch.from_numpy(np.array(after, dtype=np.int64)),
        torch.from_numpy(weight / weight.sum()),
        torch.from_numpy(over[after]),
    )
