"""Figures, in one style.

``phase_diagram`` draws Balancing-Q ((20), (21), (25) of the report) over both inverse temperatures:

    V_agent-first(β_a, β_o) = F_{β_a}( a ↦ F_{β_o}(Q(s, a, ·)) )        value, reward units
    π(a|s)                                                            behaviour
    V_opponent-first − V_agent-first                                  what moving second is worth

The last panel is zero on the diagonal β_a = β_o and changes sign there: agent first is the smaller
value where β_a > β_o, a soft max-min inequality. The chain of equalities in (22) needs that line,
or a game without interaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.balancing_q import balancing_q

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "image.origin": "lower",
}


def phase_diagram(
    game: MatrixGame | StochasticGame,
    betas: Sequence[float],
    *,
    state: int = 0,
    action: int = 0,
) -> Figure:
    """Balancing-Q over (β_agent, β_opponent): value, behaviour, and the worth of moving second.

    ``betas`` (1/reward units, ascending) is the grid on both axes; ``state`` and ``action`` choose
    which value and whose probability are drawn. Source: report (20)-(25).
    """
    import matplotlib.pyplot as plt

    grid = np.asarray(betas, dtype=float)
    value, policy, order = (np.empty((len(grid), len(grid))) for _ in range(3))
    for row, beta_opponent in enumerate(grid):
        for column, beta_agent in enumerate(grid):
            first = balancing_q(game, beta_agent=beta_agent, beta_opponent=beta_opponent)
            second = balancing_q(
                game, beta_agent=beta_agent, beta_opponent=beta_opponent, view="opponent"
            )
            value[row, column] = first.value[state]
            policy[row, column] = first.agent_policy[state, action]
            order[row, column] = second.value[state] - first.value[state]

    label = game.actions[0][action]
    most = float(np.abs(order).max()) or 1.0
    panels = [
        (value, "value, agent first", "viridis", float(value.min()), float(value.max())),
        (policy, f"probability of {label}", "cividis", 0.0, 1.0),
        (order, "opponent first minus agent first", "RdBu_r", -most, most),
    ]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(9.4, 3.1), layout="constrained", dpi=150)
        for axis, (data, title, colours, low, high) in zip(axes, panels, strict=True):
            image = axis.pcolormesh(
                grid, grid, data, cmap=colours, vmin=low, vmax=high, shading="gouraud"
            )
            axis.contour(grid, grid, data, levels=9, colors="k", linewidths=0.3, alpha=0.5)
            axis.axhline(0, color="w", linewidth=0.6)
            axis.axvline(0, color="w", linewidth=0.6)
            axis.set(title=title, xlabel=r"$\beta_{\mathrm{agent}}$", aspect="equal")
            figure.colorbar(image, ax=axis, shrink=0.9)
        axes[0].set_ylabel(r"$\beta_{\mathrm{opponent}}$")
        figure.suptitle(f"Balancing-Q on {game.name or 'a game'}", fontsize=11)
    return figure
