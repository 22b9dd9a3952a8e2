"""The cross-check as a picture: distances by step, KL and value gap by state, gains by seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_marl.deep.crosscheck.findings import CrossCheck, Finding
from tabular_marl.study.style import CURVES, STYLE
from tabular_marl.validation import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What is drawn, and in which units.
DRAWN = {
    "learning": "largest distance to the exact table",
    "policy": "KL, nats; value gap, reward units",
    "exploitability": "reward units",
    "gain": "reward a step",
}
#: What a series may run along, beside states.
ALONG = ("step", "action", "seed")
LINE: dict[str, Any] = {"color": "0.25", "lw": 1, "ls": (0, (4, 3))}
#: Labels of more states than this are left out.
LABELS = 12


def bench(found: CrossCheck) -> Figure:
    """What the cross-check measured: learning by step, policies by state, gains by seed.

    The law of an action where that is an interval. Raises InputError where there is nothing to
    draw.
    """
    import matplotlib.pyplot as plt

    drawn = [f for f in found.findings if f.series and f.check in DRAWN]
    if not drawn:
        checks = ", ".join(dict.fromkeys(f.check for f in found.findings))
        raise InputError("--plot", f"have {', '.join(DRAWN)} to draw", f"there was only {checks}")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(drawn), figsize=(4.2 * len(drawn), 3), layout="constrained"
        )
        for axis, finding in zip(np.atleast_1d(axes), drawn, strict=True):
            _panel(axis, finding, found.states)
    return figure


def _panel(axis: Axes, finding: Finding, states: tuple[str, ...]) -> None:
    """One check: curves by step and action, marks by state and seed, a line for a number alone."""
    from matplotlib.ticker import MaxNLocator

    along = next((name for name in ALONG if name in finding.series), "state")
    held = {name: np.array(y) for name, y in finding.series.items() if name != along}
    unit = "probability of a cell" if along == "action" else DRAWN[finding.check]
    if finding.check == "policy" and along == "state" and "kl" not in held:
        unit = "½ Σ |π − exact|"
    logarithmic = along == "step" or (finding.check, along) == ("policy", "state")
    if logarithmic:  # what is far below the tolerance would stretch the axis
        floor = finding.allowed / 1000
        raised = any(np.abs(y).min() < floor for y in held.values())
        held = {name: np.maximum(np.abs(y), floor) for name, y in held.items()}
        told = f"tolerance; {floor:.0e} is that or less" if raised else "tolerance"
        axis.axhline(finding.allowed, **LINE, label=told)
        axis.set_yscale("log")
    elif finding.check == "exploitability":
        axis.set_ylim(bottom=0, top=1.1 * max(max(y) for y in held.values()) or 1)
    for k, (name, y) in enumerate(held.items()):
        colour, mark = CURVES[k % len(CURVES)], "os^v"[k % 4]
        if name == "optimum":
            axis.axhline(y[0], **LINE, label=name)
        elif along in ("step", "action"):
            axis.plot(finding.series[along], y, color=colour, label=name)
        else:
            x = finding.series.get(along, range(len(y)))
            axis.plot(x, y, mark, ms=4, color=colour, label=name)
    if along == "state" and 0 < len(states) <= LABELS:
        axis.set_xticks(range(len(states)), states, rotation=30, ha="right")
    elif along in ("state", "seed"):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel=along, ylabel=unit, title=f"{finding.check}, by {along}")
    axis.legend()
