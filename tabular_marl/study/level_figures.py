"""The path of level-k reasoning: the report's levels beside those of behavioural game theory.

    level k                  tilts the marginals of level k − 1                   report (103)-(109)
    behavioural level k      answers level k − 1, from its own prior
    cognitive hierarchy      answers Poisson shares of all levels below

against k = 0, 1, …: the agent's probability of an action and its value. A limit is a dashed line;
the levels of a cycle are shaded, one period of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.recursive import Levels, behavioural_levels, level_k
from tabular_marl.study.style import CURVES, INK, MARKERS, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def level_k_path(
    game: MatrixGame | StochasticGame,
    beta: float,
    *,
    levels: int = 12,
    beta_opponent: float | None = None,
    poisson_mean: float = 1.5,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    state: int = 0,
    action: int = 0,
) -> Figure:
    """The agent's probability of ``action`` and its value in ``state`` at levels 0 to ``levels``.

    ``beta``, ``beta_opponent`` and the priors as for :func:`tabular_marl.level_k`; ``poisson_mean``
    is the cognitive hierarchy's. The behavioural levels answer the agent's reward with each
    player's β, or the game's ``opponent_reward``. Raises InputError.
    Source: report (103)-(109).
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    shared: dict[str, Any] = {
        "beta": beta, "beta_opponent": beta_opponent, "agent_prior": agent_prior,
        "opponent_prior": opponent_prior, "on_failure": "return",
    }  # fmt: skip
    ours = level_k(game, **shared)
    known = ours if len(ours.path) >= levels else level_k(game, levels=levels, **shared)
    paths = {
        "level k, report": known,
        "level k, behavioural": behavioural_levels(game, levels=levels, **shared),
        "cognitive hierarchy": behavioural_levels(
            game, levels=levels, poisson_mean=poisson_mean, **shared
        ),
    }
    label = game.action_labels[0][action]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.3), layout="constrained", dpi=150)
        for k, (name, path) in enumerate(paths.items()):
            policy = [pi[state, action] for pi in path.agent_marginals[: levels + 1]]
            value = [solution.value[state] for solution in path.path[:levels]]
            drawn = {"color": CURVES[k], "marker": MARKERS[k], "ms": 4, "lw": 1.3, "label": name}
            axes[0].plot(range(len(policy)), policy, **drawn, zorder=3 - k)
            axes[1].plot(range(1, len(value) + 1), value, **drawn, zorder=3 - k)
        _ending(axes[0], ours, levels, ours.agent_marginals[-1][state, action])
        _ending(axes[1], ours, levels, ours.value[state])
        axes[0].set(ylabel=f"probability of {label}", ylim=(-0.03, 1.03))
        axes[1].set(ylabel="value")
        for axis in axes:
            axis.set(xlabel="level k", xlim=(-0.3, levels + 0.3))
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        figure.suptitle(f"Reasoning levels on {game.name or 'a game'}: {_words(ours)}", fontsize=11)
    return figure


def _ending(axis: Axes, path: Levels, levels: int, limit: float) -> None:
    """The limit as a dashed line, or the last whole period of a cycle that is in sight, shaded."""
    if path.period == 1:
        axis.axhline(limit, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=0)
    elif path.period and path.period < levels:
        axis.axvspan(levels - path.period, levels, color=CURVES[4], alpha=0.18, lw=0, zorder=0)


def _words(path: Levels) -> str:
    if path.period is None:
        return f"no limit in {len(path.path)} levels"
    return "a limit" if path.period == 1 else f"a cycle of period {path.period}"
