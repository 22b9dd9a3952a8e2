"""Figures of active Markov games: plateaus over initial values, joint chains, runs of play.

``plateau_map`` draws agent i's best average reward over the learner's two initial Q-values, as
Fig. 6 of FURTHER does; ``transition_graph`` the joint chain, recurrent classes in colours;
``play_strip`` a run of play against the learner; ``picture`` what fits a result best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.influence import Influence, Play, play
from tabular_marl.active.joint_chain import JointProcess
from tabular_marl.study.style import ACCENT, CURVES, INK, MUTED, STYLE
from tabular_marl.validation import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: A graph of more joint states would be a blot.
MOST_NODES = 20_000

#: Fewer joint states than this are joined by arrows instead of lines.
FEW_NODES = 60

#: And fewer than this are named.
NAMED_NODES = 24

#: Steps of play that a strip shows from the first recurrent joint state on, and at most.
STRIP_STEPS, MOST_STEPS = 60, 360

#: Actions are written into strips up to this length, and explained by a legend beyond.
LETTERED_STEPS = 80


def picture(found: Influence) -> Figure:
    """A plateau map if the starts are the whole grid of two Q-values, else the best run of play."""
    process = found.process
    square = _grid_of_starts(process)
    if square is None:
        policy = found.solution.policy
        run = play(process, policy, int(process.starts[0]), MOST_STEPS)
        settled = found.chain().class_labels[run.joint_states] >= 0
        shown = (
            min(int(settled.argmax()) + STRIP_STEPS, MOST_STEPS) if settled.any() else MOST_STEPS
        )
        run = Play(run.joint_states[:shown], run.actions[:shown], run.rewards[:shown])
        hard = bool((policy.max(axis=1) == 1).all())  # a soft gain is no mean of rewards
        return play_strip(process, run, float(found.gain[0]) if hard else None)
    seat, values = square
    gain = found.gain[: values.size**2].reshape(values.size, values.size)
    return plateau_map([values], [gain], [""], process.game.action_labels[seat])


def _grid_of_starts(process: JointProcess) -> tuple[int, NDArray[np.float64]] | None:
    """The seat and the values of a two-action learner who may start anywhere on its grid."""
    if len(process.rules) != 1:
        return None
    ((seat, rule),) = process.rules.items()
    grid: Any = getattr(rule, "grid", None)
    if grid is None or rule.width != 2 or process.starts.size % grid.points**2:
        return None
    return seat, grid.values(np.arange(grid.points))


def plateau_map(
    values: Sequence[ArrayLike],
    gains: Sequence[ArrayLike],
    titles: Sequence[str],
    actions: Sequence[str] = ("C", "D"),
) -> Figure:
    """Panels of gains [n, n] over initial values [n], first action's Q by row, other's by column.

    All panels share one scale of colours. ``actions`` label the learner's. Source: FURTHER, Fig. 6.
    """
    import matplotlib.pyplot as plt

    tables = [np.asarray(g, dtype=float) for g in gains]
    low, high = (float(f([f(t) for t in tables])) for f in (np.min, np.max))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(tables), figsize=(3.5 * len(tables) + 0.8, 3.4), squeeze=False,
            sharey=True, layout="constrained", dpi=160,
        )  # fmt: skip
        for axis, points, table, title in zip(axes[0], values, tables, titles, strict=True):
            q = np.asarray(points, dtype=float)
            image = axis.pcolormesh(
                q, q, table.T, cmap="viridis", vmin=low, vmax=max(high, low + 1e-9),
                shading="nearest", rasterized=True,
            )  # fmt: skip
            axis.plot(q, q, color="w", lw=0.7, ls=(0, (4, 3)))
            axis.set(title=title, xlabel=f"initial $Q$({actions[0]})", aspect="equal")
            _name_plateaus(axis, q, table, low, high)
        axes[0][0].set_ylabel(f"initial $Q$({actions[1]})")
        figure.colorbar(image, ax=axes[0], shrink=0.9, label="best average reward")
    return figure


def _name_plateaus(axis: Axes, q: Any, table: Any, low: float, high: float) -> None:
    """The value of each large plateau, written at its point farthest from the edges."""
    from scipy.ndimage import distance_transform_edt, label

    for value in np.unique(table.round(6)):
        patches, count = label(np.abs(table - value) < 2e-6)
        for k in range(1, count + 1):
            inside = patches == k
            if inside.mean() < 0.03:
                continue
            depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
            i, j = np.unravel_index(int(depth.argmax()), table.shape)
            light = high > low and (value - low) / (high - low) > 0.6
            axis.text(
                q[i], q[j], f"{value:.4g}", ha="center", va="center", fontsize=9,
                color=INK if light else "w",
            )  # fmt: skip


def play_strip(process: JointProcess, run: Play, gain: float | None = None) -> Figure:
    """A run of play: everybody's actions as a strip, Q-values if there are any, the mean reward.

    ``gain``, if given, is agent i's mean reward in the long run: a dotted line.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    game, steps = process.game, np.arange(run.joint_states.size)
    tables = _values_along(process, run)
    ratios = [0.42 * game.num_players, *([1.5] if tables else []), 1.2]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(ratios), 1, figsize=(8.4, 1.0 + 1.3 * sum(ratios)), sharex=True,
            height_ratios=ratios, layout="constrained", dpi=160,
        )  # fmt: skip
        most = max(game.action_counts)
        colours = ["#dfe6ee", *CURVES[1:]][:most]
        axes[0].imshow(
            run.actions.T, aspect="auto", origin="upper", interpolation="nearest",
            cmap=ListedColormap(colours), vmin=0, vmax=most - 1,
            extent=(-0.5, steps.size - 0.5, game.num_players - 0.5, -0.5),
        )  # fmt: skip
        if steps.size > LETTERED_STEPS:
            named = max(game.action_labels, key=len)
            axes[0].legend(
                handles=[Patch(color=c, label=a) for c, a in zip(colours, named, strict=False)],
                loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=8, ncols=most,
            )  # fmt: skip
        for t in steps if steps.size <= LETTERED_STEPS else []:
            for j in range(game.num_players):
                name = game.action_labels[j][run.actions[t, j]]
                axes[0].text(t, j, name[0], ha="center", va="center", fontsize=6.5, color=INK)
        who = ["learner" if j in process.rules else "agent i" for j in range(game.num_players)]
        axes[0].set_yticks(range(game.num_players), who)
        axes[0].spines[["left", "bottom"]].set_visible(False)
        axes[0].tick_params(length=0)
        if tables:
            seat, series = tables
            for a, name in enumerate(game.action_labels[seat]):
                axes[1].step(
                    steps, series[:, a], where="mid", color=CURVES[a], lw=1.4, label=f"$Q$({name})"
                )
            axes[1].legend(frameon=False, fontsize=8, ncols=2, loc="best")
            axes[1].set_ylabel("learner's values")
        mean = np.cumsum(run.rewards, axis=0) / (steps + 1)[:, None]
        for j in range(game.num_players):
            colour = ACCENT if j not in process.rules else MUTED
            axes[-1].plot(steps, mean[:, j], color=colour, lw=1.4, label=who[j])
        if gain is not None:
            axes[-1].axhline(gain, color=ACCENT, lw=1, ls=":", label=f"in the long run {gain:.4g}")
        axes[-1].legend(frameon=False, fontsize=8, ncols=len(who) + 1, loc="best")
        axes[-1].set(xlabel="step", ylabel="mean reward")
    return figure


def _values_along(process: JointProcess, run: Play) -> tuple[int, NDArray[np.float64]] | None:
    """The first stateless Q-table of the learners along a run: (seat, [T, A])."""
    for seat, own in process.columns.items():
        rule = process.rules[seat]
        if hasattr(rule, "learner") and hasattr(rule.learner, "per_state"):
            rows = [rule.describe(process.parameters[x, own]) for x in run.joint_states]
            series = np.array([[float(v) for v in np.ravel(row)] for row in rows])
            if series.shape[1] == process.game.action_counts[seat]:
                return seat, series
    return None


def transition_graph(process: JointProcess, policy: ArrayLike | None = None) -> Figure:
    """The joint chain: recurrent classes in colours, transient states grey, arrows by probability.

    A learner with two Q-values is drawn in their plane, others on rings; a few states are named,
    by s where there are several, and each learner's θ. Raises InputError for chains of more than
    20 000 joint states.
    """
    import matplotlib.pyplot as plt
    from matplotlib.collections import LineCollection

    chain = process.chain(policy)
    if chain.num_states > MOST_NODES:
        raise InputError(
            "process", f"have at most {MOST_NODES} joint states to be drawn",
            f"it had {chain.num_states}",
        )  # fmt: skip
    place, axes_names = _places(process, chain.class_labels)
    graph = chain.transition.tocoo()
    moves = graph.row != graph.col
    source, target, weight = graph.row[moves], graph.col[moves], graph.data[moves]
    settled = chain.class_labels[source] >= 0
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(5.6, 5.2), layout="constrained", dpi=160)
        if chain.num_states <= NAMED_NODES and axes_names is None:
            _names(axis, place, process)
        if chain.num_states <= FEW_NODES:
            _arrows(axis, place, source, target)
        else:
            for kind, colour, lw in ((~settled, MUTED, 0.5), (settled, INK, 0.9)):
                lines = np.stack([place[source[kind]], place[target[kind]]], axis=1)
                widths = lw * np.sqrt(weight[kind])
                axis.add_collection(
                    LineCollection(list(lines), colors=colour, linewidths=widths, alpha=0.6)
                )
        size = float(np.clip(3000 / chain.num_states, 3, 90))
        away = chain.class_labels < 0
        axis.scatter(place[away, 0], place[away, 1], s=size * 0.5, color="#cfd5de", zorder=2, lw=0)
        if chain.num_classes > len(CURVES):  # too many to name: colours say what they earn
            settled_states = np.flatnonzero(~away)
            earned = _class_rewards(process, chain, policy)[chain.class_labels[settled_states]]
            dots = axis.scatter(
                place[settled_states, 0], place[settled_states, 1],
                s=size, c=earned, cmap="viridis", zorder=3, lw=0,
            )  # fmt: skip
            figure.colorbar(dots, ax=axis, shrink=0.7, label="mean reward of the class")
        else:
            for number, members in enumerate(chain.recurrent_classes):
                count = f"{members.size} state{'s' if members.size > 1 else ''}"
                axis.scatter(
                    place[members, 0], place[members, 1], s=size, color=CURVES[number], zorder=3,
                    lw=0, label=f"class {number}: {count}, period {chain.periods[number]}",
                )  # fmt: skip
            figure.legend(loc="outside lower center", frameon=False, fontsize=8, ncols=2)
        axis.autoscale_view()
        if axes_names is None:
            axis.set_axis_off()
        else:
            axis.set(xlabel=axes_names[0], ylabel=axes_names[1])
        few = chain.num_classes
        axis.set_title(
            f"{chain.num_states} joint states, {few} recurrent class{'es' if few > 1 else ''}",
            loc="left",
        )
    return figure


def _class_rewards(process: JointProcess, chain: MarkovChain, policy: ArrayLike | None) -> Any:
    """The mean reward of agent i (of player 0, if everybody learns) in each class, [classes]."""
    paid = process.rewards[process.player or 0]
    weights = np.ones_like(paid) if policy is None else process.decision.weights(policy)
    earned = chain.class_distribution * (paid * weights).sum(axis=1)
    recurrent = chain.class_labels >= 0
    return np.bincount(chain.class_labels[recurrent], earned[recurrent])


def _names(axis: Axes, place: Any, process: JointProcess) -> None:
    """Names of joint states, outside of the ring that they lie on."""
    centre = place.mean(axis=0)
    for x, spot in enumerate(place):
        state, parameters = process.describe(x)
        shown = [state] if process.game.num_states > 1 else []
        shown += [str(theta) for theta in parameters.values()]
        right, up = spot - centre
        side = "left" if right > 0.1 else "right" if right < -0.1 else "center"
        axis.annotate(
            " | ".join(shown), spot, (9 * np.sign(round(right, 1)), 9 * np.sign(round(up, 1))),
            textcoords="offset points", ha=side, va="center", fontsize=7, color=INK,
        )  # fmt: skip
    axis.margins(0.16)  # for the names


def _arrows(axis: Axes, place: Any, source: Any, target: Any) -> None:
    """Heads on the lines of a small graph."""
    for x, y in zip(source, target, strict=True):
        axis.annotate(
            "", place[y], place[x],
            arrowprops={
                "arrowstyle": "-|>", "color": MUTED, "lw": 0.4, "shrinkA": 4, "shrinkB": 5,
                "connectionstyle": "arc3,rad=0.12", "mutation_scale": 7,
            },
        )  # fmt: skip


def _places(process: JointProcess, labels: Any) -> tuple[Any, tuple[str, str] | None]:
    """Positions [X, 2]: the plane of two Q-values, or a ring a class, transient ones outside."""
    for seat, own in process.columns.items():
        rule = process.rules[seat]
        if hasattr(rule, "grid") and rule.width == 2 and len(process.rules) == 1:
            grid: Any = rule.grid
            names = process.game.action_labels[seat]
            jitter = 0.12 * grid.step * (process.state[:, None] - process.state.mean())
            return (
                grid.values(process.parameters[:, own]) + jitter,
                (f"$Q$({names[0]})", f"$Q$({names[1]})"),
            )
    place = np.zeros((labels.size, 2))
    count = int(labels.max()) + 1
    for number in range(-1, count):
        members = np.flatnonzero(labels == number)
        turn = 2 * np.pi * np.arange(members.size) / max(members.size, 1)
        radius, centre = (2.4, (0.0, 0.0)) if number < 0 else (0.0, (0.0, 0.0))
        if number >= 0:
            angle = 2 * np.pi * number / count
            spread = 1.2 if count > 1 else 0.0
            centre = (spread * np.cos(angle), spread * np.sin(angle))
            radius = min(0.9, 0.16 * members.size) * (1.0 if count == 1 else 0.5)
            radius = 0.0 if members.size == 1 else radius
        place[members] = np.stack(
            [centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)], axis=1
        )
    return place, None
