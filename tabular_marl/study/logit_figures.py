"""Figures of logit equilibria: branches with their folds, and the proved phase diagram.

``logit_branches`` draws every point of the branch from λ = 0 for each player, folds marked.
``certified_phase_diagram`` draws, for a 2×2 game, every logit equilibrium over an interval of λ:
the curve is drawn from equilibria that were each proved to exist and to be all there are, the
shaded bands say how many there are *for every λ in them* (a theorem, two_by_two.py), and each fold
carries a proved bracket. Report (17)-(19).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_marl.equilibria.logit import LogitBranch
from tabular_marl.equilibria.system import Game
from tabular_marl.study.style import ACCENT, CURVES, INK, MUTED, STYLE, mark_fold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tabular_marl.equilibria.two_by_two import PhaseDiagram

#: A tint for each number of equilibria; grey where nothing is proved.
BANDS = {1: "#e8f1f8", 2: "#f6ead2", 3: "#fdeee0", 5: "#f5e6ef", None: "#d9d9d9"}
COUNTS = {1: "one", 2: "two", 3: "three", None: "undecided"}


def logit_branches(
    branch: LogitBranch, *, state: int = 0, actions: Sequence[Sequence[str]] | None = None
) -> Figure:
    """Each player's probabilities along a branch, against λ; folds and bifurcations marked.

    ``state`` chooses whose policies are drawn; ``actions`` are labels. For smooth curves trace
    with ``longest_step=0.1``.
    """
    import matplotlib.pyplot as plt

    policies = branch.path_policies
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(policies), figsize=(4.4 * len(policies), 3.2), sharey=True, squeeze=False,
            layout="constrained", dpi=150,
        )  # fmt: skip
        for player, (axis, policy) in enumerate(zip(axes[0], policies, strict=True)):
            labels = actions[player] if actions else [str(a) for a in range(policy.shape[2])]
            for a, label in enumerate(labels):
                colour = CURVES[a % len(CURVES)]
                axis.plot(
                    branch.path_lambda, policy[:, state, a], color=colour, lw=1.6, label=label
                )
                for turns, marker, face in (
                    (branch.folds, "o", colour),
                    (branch.bifurcations, "D", "white"),
                ):
                    axis.plot(
                        [t.inverse_temperature for t in turns],
                        [t.policies[player][state, a] for t in turns],
                        marker, color=colour, markerfacecolor=face, markersize=4.5, lw=0,
                    )  # fmt: skip
            for turn in branch.folds:
                mark_fold(axis, turn.inverse_temperature)
            axis.set(
                title=f"player {player + 1}", xlabel=r"inverse temperature $\lambda$",
                ylim=(-0.02, 1.02), xlim=(0, float(branch.path_lambda.max())),
            )  # fmt: skip
            axis.legend(title="action", title_fontsize=8, loc="best")
        axes[0][0].set_ylabel("probability")
        folds = len(branch.folds)
        words = f"{folds} fold{'s' if folds != 1 else ''}" if folds else "no folds"
        figure.suptitle(f"Branch of logit equilibria from λ = 0 ({words})", fontsize=11)
    return figure


def certified_phase_diagram(
    game: Game,
    upper: float,
    *,
    weights: Sequence[float] | None = None,
    points: int = 240,
    labels: Sequence[str] = ("action 0", "action 1"),
) -> Figure:
    """All logit equilibria of a 2×2 game for λ in [0, upper], with proved counts and folds.

    ``points`` are the λ's at which all equilibria are found and proved, denser near folds;
    ``labels`` name the agent's actions. Raises InputError.
    """
    import matplotlib.pyplot as plt

    from tabular_marl.equilibria.two_by_two import logit_phase_diagram

    diagram = logit_phase_diagram(game, upper, weights=weights)
    found = _curves(game, weights, diagram, upper, points)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(7.2, 4.4), layout="constrained", dpi=160)
        _bands(axis, diagram, upper)
        for lams, probabilities in found:
            axis.plot(lams, probabilities, color=INK, lw=1.8, solid_capstyle="round")
        for fold in diagram.folds:
            middle = 0.5 * (fold.agent[0] + fold.agent[1])
            axis.axvline(fold.lower, color=ACCENT, lw=0.8, ls=(0, (4, 3)))
            axis.plot(fold.lower, middle, "o", color=ACCENT, markersize=6, zorder=5)
            before = fold.change > 0  # the side without the two curves
            axis.annotate(
                _bracket(fold.digits), (fold.lower, middle), xytext=(-10 if before else 10, 0),
                textcoords="offset points", color=ACCENT, fontsize=8.5, va="center",
                ha="right" if before else "left",
            )  # fmt: skip
        axis.set(
            xlim=(0, upper), ylim=(-0.02, 1.1), xlabel=r"inverse temperature $\lambda$",
            ylabel=f"probability of {labels[1]}",
        )  # fmt: skip
        axis.set_yticks([0, 0.25, 0.5, 0.75, 1])
        name = getattr(game, "name", "") or "2×2 game"
        axis.set_title(f"Every logit equilibrium of {name}", loc="left", fontsize=11)
        how = "proved for every λ" if diagram.complete else "proved where not grey"
        axis.set_title(how, loc="right", fontsize=8.5, color=MUTED)
    return figure


def _bands(axis: Axes, diagram: PhaseDiagram, upper: float) -> None:
    """A tint for each piece, under its number of equilibria where there is room for the word."""
    for piece in diagram.pieces:
        colour = BANDS.get(piece.count, "#e6ecdf")
        axis.axvspan(piece.lower, piece.upper, color=colour, lw=0, zorder=0)
        width = piece.upper - piece.lower
        if width > 0.045 * upper:
            word = COUNTS.get(piece.count, str(piece.count))
            axis.text(
                piece.lower + 0.5 * width, 1.03, word, ha="center", fontsize=9, color=INK,
                fontweight="bold",
            )  # fmt: skip
        elif piece.count is None:
            axis.axvline(piece.lower, color=MUTED, lw=0.8, ls=(0, (2, 2)))
            axis.annotate(
                f"undecided in\n[{piece.lower:.8g}, {piece.upper:.8g}]", (piece.lower, 0.9),
                xytext=(-6, 0), textcoords="offset points", ha="right", va="center",
                fontsize=8, color=MUTED,
            )  # fmt: skip


def _bracket(digits: str) -> str:
    """A ball as a value with the digits that are proved."""
    middle, _, radius = digits.strip("[]").partition(" +/- ")
    keep = 12
    return f"fold at λ = {middle[: keep + 2]}…\n(proved to ± {radius})"


def _curves(
    game: Game, weights: Sequence[float] | None, diagram: PhaseDiagram, upper: float, points: int
) -> list[tuple[Any, Any]]:
    """The equilibria as curves in λ: within a piece their order by log-odds never changes."""
    from tabular_marl.equilibria.two_by_two import all_logit_equilibria
    from tabular_marl.numerics.balls import CertificateError

    at_fold = {f.lower: 0.5 * (f.agent[0] + f.agent[1]) for f in diagram.folds}
    curves = []
    for piece in diagram.pieces:
        if piece.count is None:
            continue
        share = max(12, math.ceil(points * (piece.upper - piece.lower) / upper))
        # squares at both ends: branches leave a fold like a square root
        t = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, share + 2)[1:-1])
        lams, rows = [], []
        for lam in piece.lower + (piece.upper - piece.lower) * t:
            try:
                every = all_logit_equilibria(game, float(lam), weights)
            except CertificateError:
                continue
            if len(every) == piece.count:
                lams.append(float(lam))
                rows.append([0.5 * (e.agent[0] + e.agent[1]) for e in every])
        table = np.array(rows).T
        curves += [(np.array(lams), row) for row in table]
        curves += _joined(lams, table, at_fold, piece.lower, piece.upper)
    return curves


def _joined(
    lams: list[float], table: Any, at_fold: dict[float, float], lower: float, upper: float
) -> list[tuple[Any, Any]]:
    """Short pieces from a fold to the two curves that meet there."""
    pieces = []
    for where, height in at_fold.items():
        for edge, column in ((lower, 0), (upper, -1)):
            if abs(edge - where) < 1e-9 * (1 + where) and len(table) > 1:
                nearest = np.argsort(abs(table[:, column] - height))[:2]
                if abs(table[nearest, column] - height).max() < 0.2:
                    for k in nearest:
                        pieces.append((np.array([where, lams[column]]), [height, table[k, column]]))
    return pieces
