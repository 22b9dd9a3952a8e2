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
from tabular_marl.study.round_figures import Line, draw_lines, mark_ending

if TYPE_CHECKING:
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
    lines = {
        name: Line(
            0,
            [pi[state, action] for pi in path.agent_marginals[: levels + 1]],
            [solution.value[state] for solution in path.path[:levels]],
        )
        for name, path in paths.items()
    }
    title = f"Reasoning levels on {game.name or 'a game'}: {_words(ours)}"
    label = game.action_labels[0][action]
    figure = draw_lines(lines, "level k", f"probability of {label}", title)
    mark_ending(figure.axes[0], ours, levels, ours.agent_marginals[-1][state, action])
    mark_ending(figure.axes[1], ours, levels, ours.value[state])
    return figure


def _words(path: Levels) -> str:
    if path.period is None:
        return f"no limit in {len(path.path)} levels"
    return "a limit" if path.period == 1 else f"a cycle of period {path.period}"
