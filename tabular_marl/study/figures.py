"""Phase diagrams over both inverse temperatures, (20)-(25) and (17)-(19) of the report.

``phase_diagram`` draws Balancing-Q:

    V_agent-first(β_a, β_o) = F_{β_a}( a ↦ F_{β_o}(Q(s, a, ·)) )        value, reward units
    π(a|s)                                                            behaviour
    V_opponent-first − V_agent-first                                  what moving second is worth

The last panel is zero on the diagonal β_a = β_o and changes sign there: agent first is the smaller
value where β_a > β_o, a soft max-min inequality. The chain of equalities in (22) needs that line,
or a game without interaction.

``three_values_diagram`` sets the product form, the objective as stated, between the two: its value,
what each order of moving is worth against it, and the agent's policy under each. The colours show
the proved order: with opposite signs the product form lies between the others, with both β > 0
below them, with both < 0 above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_marl.equilibria.product_form import three_values
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.balancing_q import balancing_q
from tabular_marl.study.style import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure


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

    label = game.action_labels[0][action]
    most = float(np.abs(order).max()) or 1.0
    panels = [
        (value, "value, agent first", "viridis", float(value.min()), float(value.max())),
        (policy, f"probability of {label}", "cividis", 0.0, 1.0),
        (order, "opponent first minus agent first", "RdBu_r", -most, most),
    ]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(9.4, 3.1), layout="constrained", dpi=150)
        for axis, (data, title, colours, low, high) in zip(axes, panels, strict=True):
            image = _plane(axis, grid, data, colours, (low, high), title)
            axis.set_xlabel(r"$\beta_{\mathrm{agent}}$")
            figure.colorbar(image, ax=axis, shrink=0.9)
        axes[0].set_ylabel(r"$\beta_{\mathrm{opponent}}$")
        figure.suptitle(f"Balancing-Q on {game.name or 'a game'}", fontsize=11)
    return figure


def three_values_diagram(
    game: MatrixGame | StochasticGame,
    betas: Sequence[float],
    *,
    state: int = 0,
    action: int = 0,
) -> Figure:
    """Agent first, product form and opponent first over (β_agent, β_opponent): values, policies.

    Upper row: the product form's value in ``state``, and on either side of it what the other value
    is more. Lower row: the agent's probability of ``action`` under each (where it answers, in
    expectation over the opponent). ``betas`` as for :func:`phase_diagram`.
    Raises InputError, NotConverged. Source: report (17)-(25).
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    grid = np.asarray(betas, dtype=float)
    values, policies = (np.empty((3, len(grid), len(grid))) for _ in range(2))
    for row, beta_opponent in enumerate(grid):
        for column, beta_agent in enumerate(grid):
            three = three_values(game, float(beta_agent), float(beta_opponent))
            forms = (three.agent_first, three.product_form, three.opponent_first)
            for k, form in enumerate(forms):
                values[k, row, column] = form.value[state]
                policies[k, row, column] = form.joint_policy[state].sum(axis=1)[action]

    first, product, second = values
    low, high = float(product.min()), float(product.max())
    most = float(max(np.abs(first - product).max(), np.abs(second - product).max())) or 1.0
    label = game.action_labels[0][action]
    upper = [
        (first - product, "agent first − product form", "RdBu_r", -most, most),
        (product, "product form: value", "viridis", low, high),
        (second - product, "opponent first − product form", "RdBu_r", -most, most),
    ]
    names = ("agent first", "product form", "opponent first")
    lower = [
        (data, f"{name}: probability of {label}", "cividis", 0.0, 1.0)
        for data, name in zip(policies, names, strict=True)
    ]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 3, figsize=(8.6, 7.0), layout="constrained", dpi=110)
        for axis, panel in zip(axes.ravel(), [*upper, *lower], strict=True):
            data, title, colours, least, greatest = panel
            image = _plane(axis, grid, data, colours, (least, greatest), title)
            axis.set_xlabel(r"$\beta_{\mathrm{agent}}$")
            bar = figure.colorbar(image, ax=axis, orientation="horizontal", shrink=0.85, pad=0.03)
            bar.locator = MaxNLocator(5)
        for axis in axes[:, 0]:
            axis.set_ylabel(r"$\beta_{\mathrm{opponent}}$")
        figure.suptitle(f"Three readings of Balancing-Q on {game.name or 'a game'}", fontsize=11)
    return figure


def _plane(
    axis: Axes, grid: Any, data: Any, colours: str, limits: tuple[float, float], title: str
) -> QuadMesh:
    """One quantity over the plane of both β, with level lines and both zero lines."""
    low, high = limits
    image = axis.pcolormesh(grid, grid, data, cmap=colours, vmin=low, vmax=high, shading="gouraud")
    levels = np.linspace(low, high, 11)[1:-1]
    if data.max() > data.min():
        axis.contour(grid, grid, data, levels=levels, colors="k", linewidths=0.3, alpha=0.5)
    axis.axhline(0, color="w", linewidth=0.6)
    axis.axvline(0, color="w", linewidth=0.6)
    ends = (float(grid[0]), 0.0, float(grid[-1])) if grid[0] < 0 < grid[-1] else grid[[0, -1]]
    axis.set(title=title, aspect="equal", xticks=ends, yticks=ends)
    return image
