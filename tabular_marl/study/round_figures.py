"""Alternations as pictures: policies, values and bounds against the round.

``rounds_path`` draws any alternation (fictitious play, the coupled perfect model, EM, level-k):

    p_k(a|s)       a player's probability of an action in round k, the other's action summed out
    V_k(s)         the value of round k

and how each ends: a limit that is known or was reached is a dashed line in the run's colour, one
period of a cycle is shaded. ``bounds_path`` draws EM's evidence lower bound, (91) of the report,
before and after each E step, under the evidence that it bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tabular_marl.models.em import EM
from tabular_marl.models.rounds import Rounds
from tabular_marl.study.style import CURVES, INK, MARKERS, STYLE
from tabular_marl.validation import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Line:
    """One run: probabilities from ``start`` on, values from round or level 1 on."""

    start: int
    policy: Sequence[float]
    values: Sequence[float]


def rounds_path(
    runs: Mapping[str, Rounds],
    title: str = "",
    *,
    rounds: int = 20,
    state: int = 0,
    player: int = 0,
    action: int = 0,
    label: str = "",
) -> Figure:
    """The first ``rounds`` rounds of each run: probability of ``player``'s ``action``, and value.

    ``runs`` are results by name, such as of :func:`tabular_marl.fictitious_play`, at most six; one
    that settled earlier stays where it settled. ``label`` names the action. Raises InputError.
    """
    lines = {}
    for name, run in runs.items():
        path = run.path[:rounds]
        if run.period == 1:
            path += path[-1:] * (rounds - len(path))
        policy = [marginal(solution, player)[state, action] for solution in path]
        lines[name] = Line(1, policy, [solution.value[state] for solution in path])
    what = label or f"{('agent', 'opponent')[player]}'s action {action}"
    figure = draw_lines(lines, "round", f"probability of {what}", title)
    for k, run in enumerate(runs.values()):
        ends = marginal(run.limit or run.path[-1], player)[state, action]
        value = (run.limit or run.path[-1]).value[state]
        for axis, limit in zip(figure.axes, (ends, value), strict=True):
            mark_ending(axis, run, rounds, limit, CURVES[k])
    return figure


def bounds_path(result: EM, *, rounds: int = 12) -> Figure:
    """EM's bound before and after each E step, and the evidence, in reward units.

    Source: report (91), (97).
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    count = min(rounds, len(result.elbo))
    steps = [(k + half, bounds[k]) for k in range(count)
             for half, bounds in ((1.0, result.elbo_before), (1.5, result.elbo))]  # fmt: skip
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(5.6, 3.3), layout="constrained", dpi=150)
        axis.plot(*zip(*steps, strict=True), color=CURVES[0], lw=1.0, alpha=0.6)
        for offset, marker, bounds, name in (
            (1.0, "s", result.elbo_before, "bound after the M step"),
            (1.5, "o", result.elbo, "bound after the E step"),
        ):
            where = [k + offset for k in range(count)]
            axis.plot(where, bounds[:count], marker, color=CURVES[0], ms=4.5, label=name,
                      markerfacecolor="white" if marker == "s" else CURVES[0])  # fmt: skip
        if result.evidence:
            where = [k + 1.5 for k in range(count)]
            axis.plot(where, result.evidence[:count], "_", color=CURVES[1], ms=13, mew=1.8,
                      label="evidence, which it bounds")  # fmt: skip
        axis.set(xlabel="round", ylabel="reward units")
        axis.set_title("The evidence lower bound, step by step", loc="left")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(loc="lower right")
    return figure


def marginal(solution: Any, player: int) -> Any:
    """[s, own action]: the player's part of the joint policy."""
    return solution.joint_policy.sum(axis=2 - player)


def draw_lines(lines: Mapping[str, Line], step: str, probability: str, title: str) -> Figure:
    """Two panels, probability and value, one colour and marker a line, the legend below."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    if not 1 <= len(lines) <= len(CURVES):
        raise InputError("runs", f"be 1 to {len(CURVES)}", f"there were {len(lines)}")
    first = min(line.start for line in lines.values())
    last = max(len(line.values) for line in lines.values())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained", dpi=150)
        for k, (name, line) in enumerate(lines.items()):
            drawn = {"color": CURVES[k], "marker": MARKERS[k], "ms": 4, "lw": 1.3, "label": name}
            steps = range(line.start, line.start + len(line.policy))
            axes[0].plot(steps, line.policy, **drawn, zorder=9 - k)
            axes[1].plot(range(1, 1 + len(line.values)), line.values, **drawn, zorder=9 - k)
        axes[0].set(ylabel=probability, ylim=(-0.03, 1.03))
        axes[1].set(ylabel="value")
        for axis in axes:
            axis.set(xlabel=step, xlim=(first - 0.3, last + 0.3))
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(4, len(names)))
        figure.suptitle(title, fontsize=11)
    return figure


def mark_ending(axis: Axes, run: Rounds, shown: int, limit: float, colour: str = INK) -> None:
    """The limit as a dashed line, or the last whole period of a cycle that is in sight, shaded."""
    if run.period == 1 or run.limit is not None:
        axis.axhline(limit, color=colour, lw=0.8, ls=(0, (4, 3)), zorder=0)
    elif run.period and run.period < shown:
        axis.axvspan(shown - run.period, shown, color=CURVES[4], alpha=0.18, lw=0, zorder=0)
