"""The cross-check as a picture: distances by step, KL and value gap by state, gains by seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tabular_marl.deep.crosscheck.findings import CrossCheck
from tabular_marl.study.style import CURVES, STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bench(found: CrossCheck) -> Figure:
    """What the cross-check measured: learning by step, policies by state, gains by seed."""
    import matplotlib.pyplot as plt

    drawn = ("learning", "policy", "exploitability", "gain")
    series = {f.check: f.series for f in found.findings if f.series and f.check in drawn}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, max(len(series), 1), figsize=(4.2 * max(len(series), 1), 3), layout="constrained"
        )
        panels = dict(zip(series, np.atleast_1d(axes), strict=False))
        if "learning" in panels:
            axis, held = panels["learning"], series["learning"]
            for colour, name in zip(CURVES, [k for k in held if k != "step"], strict=False):
                axis.semilogy(held["step"], held[name], color=colour, label=name)
            axis.set(xlabel="step", ylabel="largest distance to the exact table", title="learning")
            axis.legend()
        for check in [name for name in ("policy", "exploitability") if name in panels]:
            axis, held = panels[check], series[check]
            floor = 1e-16  # what is exactly zero still gets a mark
            for colour, name, shape in zip(CURVES, held, "os^v", strict=False):
                size = np.maximum(np.abs(held[name]), floor)
                axis.plot(range(len(size)), size, shape, ms=4, color=colour, label=name)
            if check == "policy":
                axis.set_yscale("log")
            axis.set(xlabel="state", ylabel="log units; reward units", title=f"{check}, by state")
            axis.legend()
        if "gain" in panels:
            axis, held = panels["gain"], series["gain"]
            axis.axhline(held["optimum"][0], color="0.25", lw=1, ls=(0, (4, 3)), label="optimum")
            seeds = range(len(held["reward"]))
            axis.plot(seeds, held["reward"], "o", ms=4, color=CURVES[0], label="measured")
            axis.set(xlabel="seed", ylabel="reward a step", title="gain, by seed")
            axis.legend()
    return figure
