"""Differential games as pictures: what agents learned over the exact soft answer.

landscape    the agent's payoff in colour, the exact law of both actions as contours, learned pairs
action_law   the exact law of one action, and what each seed of some agents made of it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.deep.environments.differential import DifferentialGame
from tabular_marl.deep.parts.squashed import Box
from tabular_marl.study.style import ACCENT, CURVES, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Shares of the exact law that the contours enclose.
ENCLOSED = (0.5, 0.9, 0.99)


def landscape(
    axis: Axes, game: DifferentialGame, exact: ArrayLike, pairs: ArrayLike, title: str
) -> None:
    """``exact`` [A, B] the law on a grid of cells, ``pairs`` [N, K, 2] learned (a, b).

    Contours enclose 50, 90 and 99 % of the law; diamonds are the pure equilibria.
    """
    law, drawn = np.asarray(exact), np.asarray(pairs).reshape(-1, 2)
    line = game.box.cells(len(law))[:, 0].numpy()
    payoff = game.grid(len(law)).payoffs[0]
    ends = (game.box.low, game.box.high)
    shades = axis.imshow(payoff.T, extent=(*ends, *ends), cmap="cividis", alpha=0.55, aspect="auto")
    axis.figure.colorbar(shades, ax=axis, shrink=0.8, pad=0.02)
    ranked = np.sort(law.ravel())[::-1]
    inside = np.cumsum(ranked)
    levels = sorted({float(ranked[np.searchsorted(inside, share)]) for share in ENCLOSED})
    axis.contour(line, line, law.T, levels=levels, colors=INK, linewidths=1.0)
    axis.plot(*drawn.T, ".", ms=2.5, color=ACCENT, alpha=0.5, mew=0)
    pure = [(e.agent[0], e.opponent[0]) for e in game.equilibria if len(e.agent) == 1]
    if pure:
        axis.plot(*np.array(pure).T, "D", ms=4, mfc="none", color="white", mew=1.0)
    axis.set(xlim=ends, ylim=ends, xlabel="agent's action", title=title)
    axis.set(ylabel="opponent's action")


def action_law(
    axis: Axes, box: Box, exact: ArrayLike, laws: Mapping[str, ArrayLike], title: str
) -> None:
    """``exact`` [A] on cells, and each agent's learned law [N, A], as densities."""
    law = np.asarray(exact)
    width = (box.high - box.low) / len(law)
    line = box.cells(len(law))[:, 0].numpy()
    axis.fill_between(line, law / width, color=MUTED, alpha=0.3, lw=0, label="exact")
    for colour, (name, learned) in zip(CURVES, laws.items(), strict=False):
        for n, seed in enumerate(np.asarray(learned)):
            label = name if n == 0 else None
            axis.step(line, seed / width, where="mid", color=colour, lw=0.9, alpha=0.7, label=label)
    axis.set(xlim=(box.low, box.high), xlabel="agent's action", ylabel="density", title=title)
    axis.set_ylim(0, 2.5 * law.max() / width)  # atoms are cut off
    axis.legend()
