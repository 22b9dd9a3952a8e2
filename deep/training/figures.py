"""Pictures of training, in the package's one style.

learning_curves   IQM over seeds with its 95 % bootstrap interval, and the exact optimum as a line
cross_play_matrix every agent against every opponent, as a heat map with numbers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tabular_marl.deep.training.evaluation import CrossPlay
from tabular_marl.deep.training.run import Curve
from tabular_marl.deep.training.statistics import iqm, iqm_interval
from tabular_marl.study.style import CURVES, INK, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curves(
    curves: Mapping[str, Curve], title: str, optimum: float | None = None
) -> Figure:
    """Reward against steps, one line an agent.

    ``optimum`` is drawn as the exact best average reward. Source: FURTHER Fig. 7.
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
        curves_on(axis, curves, optimum)
        axis.set_title(title)
    return figure


def curves_on(
    axis: Axes, curves: Mapping[str, Curve], optimum: float | None = None, rows: int = 60
) -> None:
    """Draw ``curves`` into an axis: ``rows`` points a line, after averaging neighbours."""
    if optimum is not None:
        level(axis, optimum, f"exact optimum {optimum:.4g}")
    for colour, (name, curve) in zip(CURVES, curves.items(), strict=False):
        step, reward = thinned(curve, rows)
        low, high = iqm_interval(reward)
        axis.fill_between(step, low, high, color=colour, alpha=0.2, lw=0)
        mark = "o" if len(step) == 1 else None
        axis.plot(step, iqm(reward), color=colour, lw=1.6, marker=mark, label=name)
    axis.set(xlabel="step", ylabel="reward a step")
    axis.margins(y=0.12)
    axis.legend(loc="upper left", bbox_to_anchor=(0, -0.17), ncols=2)  # clear of every curve


def level(axis: Axes, value: float, text: str, above: bool = True) -> None:
    """A dashed line at ``value``, named at its right end, above or below it."""
    axis.axhline(value, color="0.25", lw=1, ls=(0, (4, 3)))
    axis.annotate(
        text,
        (0.98, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3 if above else -12),
        textcoords="offset points",
        ha="right",
        color="0.25",
        fontsize=8,
    )


def thinned(curve: Curve, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """At most ``rows`` points: step [T'] and reward [T', N], means of neighbours."""
    every = max(1, -(-len(curve.step) // rows))
    kept = len(curve.step) // every * every
    reward = curve.reward[:kept].reshape(-1, every, curve.reward.shape[1]).mean(1)
    return curve.step[:kept].reshape(-1, every).mean(1), reward


def cross_play_matrix(found: CrossPlay) -> Figure:
    """IQM of the row player's reward, its 95 % interval below, one cell a pair of runs."""
    import matplotlib.pyplot as plt

    count, (low, high) = len(found.names), found.interval
    with plt.rc_context(STYLE):
        size = (1.6 + 1.1 * count, 1.2 + 0.8 * count)
        figure, axis = plt.subplots(figsize=size, layout="constrained")
        image = axis.imshow(found.iqm, cmap="cividis", aspect="auto", origin="upper")
        dark = np.average(image.get_clim(), weights=(0.4, 0.6))
        for i in range(count):
            for j in range(count):
                told = f"{found.iqm[i, j]:.2f}\n[{low[i, j]:.2f}, {high[i, j]:.2f}]"
                ink = "white" if found.iqm[i, j] < dark else INK
                axis.text(j, i, told, ha="center", va="center", color=ink, fontsize=7.5)
        axis.set_xticks(range(count), found.names)
        axis.set_yticks(range(count), found.names)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set(xlabel="opponent of run", ylabel="agent of run")
        axis.set_title(f"Reward of the agent, {found.learning} learning")
        figure.colorbar(image, ax=axis, label="reward a step")
    return figure
