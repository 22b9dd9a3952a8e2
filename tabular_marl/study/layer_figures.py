"""The soft layer as pictures: what K samples cost, and where particles rest.

``soft_layer``: on the left E[V̂_K] − V of report (62) against K, exact, with its proved bounds and
its first order −χ²(tilt ‖ q)/(2βK), for both signs of β; on the right the density exp(u) of an
action line and where 1, 2, … Stein particles of (64) rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.models.soft_layer.importance import sampled_bias_bounds, sampled_free_energy
from tabular_marl.models.soft_layer.svgd import ActionLine, stein_particles
from tabular_marl.study.style import CURVES, INK, MUTED, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def soft_layer(
    x: ArrayLike,
    beta: float,
    samples: Sequence[int],
    line: ActionLine,
    particles: Sequence[int],
    bandwidth: float,
) -> Figure:
    """Bias of the sampled value of ``x`` at ±``beta``, proposal the prior; particles on ``line``.

    Reward units. Raises what the soft layer raises. Source: report (62), (64).
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        signs = zip(CURVES, (1, -1), strict=False)
        reach = 2 * max(_bias(left, x, sign * beta, samples, colour) for colour, sign in signs)
        left.axhline(0, color=MUTED, lw=0.7)
        left.set(
            xscale="log",
            ylim=(-reach, reach),
            xlabel="samples K",
            ylabel="bias, reward units",
            title="What K samples of the soft value cost",
        )
        left.legend(loc="upper right")
        _rest(right, line, particles, bandwidth)
    return figure


def _bias(axis: Axes, x: ArrayLike, beta: float, samples: Sequence[int], colour: str) -> float:
    """Draw one sign's bias; the largest, without sign."""
    exact = [float(sampled_free_energy(x, beta, k).bias) for k in samples]
    fine = np.unique(np.geomspace(samples[0], samples[-1], 80).astype(int))
    bounds = [sampled_bias_bounds(x, beta, int(k)) for k in fine]
    low, high = ([float(getattr(b, end)) for b in bounds] for end in ("lower", "upper"))
    first = [float(b.first_order) for b in bounds]
    axis.fill_between(fine, low, high, color=colour, alpha=0.15, lw=0)
    axis.plot(fine, first, color=colour, lw=1, ls=(0, (4, 3)))
    axis.plot(samples, exact, "o", color=colour, ms=4, label=f"β = {beta:g}: exact")
    return max(map(abs, exact))


def _rest(axis: Axes, line: ActionLine, particles: Sequence[int], bandwidth: float) -> None:
    at = np.linspace(line.actions[0], line.actions[-1], 400)
    height = np.exp(line.spline(at) - line.spline(at).max())
    axis.fill_between(at, 0, height, color=MUTED, alpha=0.25, lw=0)
    for row, (count, colour) in enumerate(zip(particles, CURVES, strict=False)):
        found = stein_particles(line, count, bandwidth)
        below = np.full(count, -0.12 * (row + 1))
        axis.plot(found.positions, below, "o", color=colour, ms=5)
        axis.annotate(f"{count}", (line.actions[0], below[0]), va="center", color=INK, fontsize=8)
    axis.set(
        xlabel="action",
        yticks=[],
        title="Where Stein particles rest under exp(βQ) p",
    )
    axis.spines["left"].set_visible(False)
