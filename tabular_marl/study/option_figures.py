"""The option value map: soft options on a gridworld, cell by cell.

    V^H(s)                  the value of choosing an option afresh          report (74)
    argmax_z π^H(z|s)       which option the master chooses, and how surely
    π^T(1|s,z_)             the probability of dropping each option         report (75)

States labelled "row,column" are cells; others are left out, and cells without a state are walls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.options import OptionsSolution
from tabular_marl.study.style import CURVES, STYLE
from tabular_marl.validation import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WALL = "#c3c9d4"


def option_value_map(
    game: StochasticGame, solution: OptionsSolution, *, options: Sequence[str] | None = None
) -> Figure:
    """V^H, the chosen option and each option's termination probability, over the cells of a grid.

    ``solution`` is :func:`tabular_marl.options` of ``game``, at most six options; ``options`` are
    their labels. Raises InputError for a game without cells. Source: report (73)-(76).
    """
    import matplotlib.pyplot as plt

    cells = _cells(game)
    count = solution.master_policy.shape[1]
    labels = list(options) if options is not None else [f"option {z}" for z in range(count)]
    if len(labels) != count or count > len(CURVES):
        must = f"be {count} labels, at most {len(CURVES)}"
        raise InputError("options", must, f"there were {len(labels)}")
    small = (count + 1) // 2
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(1.65 * (4 + small), 3.9), layout="constrained", dpi=150)
        places = figure.add_gridspec(2, 4 + small)
        value = figure.add_subplot(places[:, :2])
        image = value.imshow(_grid(cells, solution.master_value), origin="upper", cmap="viridis")
        value.set_title("value of choosing afresh, $V^H$")
        figure.colorbar(image, ax=value, orientation="horizontal", shrink=0.8, pad=0.02)
        chosen = figure.add_subplot(places[:, 2:4])
        _choices(chosen, cells, solution.master_policy, labels)
        ending = []
        for z, label in enumerate(labels):
            axis = figure.add_subplot(places[z // small, 4 + z % small])
            dropped = _grid(cells, solution.termination_policy[:, z])
            image = axis.imshow(dropped, origin="upper", cmap="cividis", vmin=0, vmax=1)
            axis.set_title(f"drops “{label}”", fontsize=9)
            ending.append(axis)
        figure.colorbar(image, ax=ending, shrink=0.7, label="probability")
        for axis in (value, chosen, *ending):
            axis.set_facecolor(WALL)
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set_visible(False)
        figure.suptitle(f"Soft options on {game.name or 'a gridworld'}", fontsize=11)
    return figure


def _choices(axis: Axes, cells: dict[int, tuple[int, int]], master: Any, labels: list[str]) -> None:
    """The likeliest option's colour, paler the less sure the master is, with a legend."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    count = len(labels)
    colours = np.array([to_rgb(colour) for colour in CURVES[:count]])
    best = master.argmax(axis=1)
    sure = (master.max(axis=1) - 1 / count) / (1 - 1 / count) if count > 1 else np.ones(len(best))
    paint = 1 - (1 - colours[best]) * (0.15 + 0.85 * sure[:, None])
    picture = np.stack([_grid(cells, paint[:, k]) for k in range(3)], axis=2)
    walls = np.isnan(picture).any(axis=2)
    picture[walls] = to_rgb(WALL)
    axis.imshow(picture, origin="upper")
    axis.set_title("option chosen, paler where unsure")
    patches = [
        Patch(color=paint, label=label) for paint, label in zip(colours, labels, strict=True)
    ]
    axis.legend(
        handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=min(count, 4),
        handlelength=1, columnspacing=1.2,
    )  # fmt: skip


def _cells(game: StochasticGame) -> dict[int, tuple[int, int]]:
    """State -> (row, column), for the states that are labelled so."""
    found = {}
    for s, label in enumerate(game.state_labels):
        match = re.fullmatch(r"(\d+),(\d+)", label)
        if match:
            found[s] = (int(match[1]), int(match[2]))
    if not found:
        raise InputError("game", 'have states labelled "row,column"', "it had none")
    return found


def _grid(cells: dict[int, tuple[int, int]], numbers: Any) -> Any:
    """numbers[s] as [row, column] with a border of walls; nan where there is no cell."""
    height, width = (max(place[k] for place in cells.values()) + 2 for k in (0, 1))
    grid = np.full((height, width), np.nan)
    for s, place in cells.items():
        grid[place] = numbers[s]
    return grid
