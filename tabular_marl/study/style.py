"""The one style of all figures: type, colours that the colour-blind can tell apart, grid axes.

Categories use Okabe and Ito's palette, magnitudes viridis and cividis, signed numbers blue to red
through white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.edgecolor": "#5b6577",
    "axes.labelcolor": "#1b2a41",
    "text.color": "#1b2a41",
    "xtick.color": "#5b6577",
    "ytick.color": "#5b6577",
    "xtick.labelcolor": "#1b2a41",
    "ytick.labelcolor": "#1b2a41",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "image.origin": "lower",
    "savefig.dpi": 150,
}
INK, ACCENT, MUTED = "#1b2a41", "#d55e00", "#7c8799"
CURVES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")


def mark_fold(axis: Axes, where: float) -> None:
    """A dashed vertical line."""
    axis.axvline(where, color=MUTED, lw=0.7, ls=(0, (3, 3)), zorder=0)
