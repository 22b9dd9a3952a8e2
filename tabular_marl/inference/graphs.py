"""The report's graphical models, one function each.

    rommeo_graph               b, a, s+           w = βR(s,a,b)                    report (2), (3)
    options_graph              stop, z, a, s+     w = βr(s,a)                      report (69), (71)
    multi_agent_options_graph  stop_y, y, b, stop, z, a, s+    w = βR(s,a,b)       report (77), (81)
    rommeo_em_graph            b, a               w = Q(s,a,b)                     report (87), (88)
    em_agent_graph             b (kept), a        w = Q^i(s,a,b)                   report (94), (95)
    em_opponent_graph          b, a (kept)        w = Q^-i(s,b)                    report (98), (99)

Variables: s state, a the agent's action and b the opponent's; z, y their options, "z-", "y-" those
of the step before; stop, stop_y whether these end. Policies and priors have the shapes of the
models: a master's [s, z] becomes the (71) of [s, z-, stop, z] by :func:`master`, a termination's
probability [s, z-] becomes [s, z-, stop] by :func:`ending`. Games are stochastic games of two
players (``MatrixGame.as_stochastic()``); β in 1/reward, of either sign; Q's in log units.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.inference.trajectories import Factor, Graph
from tabular_marl.numerics.free_energy import free_energy
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, check
from tabular_marl.solution import Array
from tabular_marl.validation import InputError, finite_array


def rommeo_graph(
    game: StochasticGame,
    beta: float,
    steps: int,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    initial: ArrayLike | None = None,
) -> Graph:
    """``steps`` = T + 1 steps of (2): policies "b" ρ [s, b] and "a" π [s, a, b].

    ``agent_prior`` [a], [s, a] or [s, a, b]; ``opponent_prior`` [b] or [s, b]; ``initial`` [s],
    by default the game's, else uniform. Raises InputError. Source: report (2), (3), (6).

    >>> import tabular_marl as tm
    >>> graph = rommeo_graph(tm.games.stag_hunt().as_stochastic(), beta=2.0, steps=3)
    >>> graph.names, [factor.variable for factor in graph.chosen]
    (('s', 'b', 'a', 's+'), ['b', 'a'])
    """
    acts, answers = _priors(game.reward.shape, agent_prior, opponent_prior)
    step = (
        Factor("b", ("s", "b"), answers, chosen=True),
        Factor("a", ("s", "a", "b"), acts, chosen=True),
        _dynamics(game),
    )
    return Graph((_first(game, initial),), step, beta * game.reward, ("s", "a", "b"), steps)


def options_graph(
    game: StochasticGame,
    beta: float,
    steps: int,
    prior: ArrayLike,
    master_prior: ArrayLike,
    termination_prior: ArrayLike,
    initial: ArrayLike | None = None,
    initial_option: ArrayLike | None = None,
) -> Graph:
    """``steps`` steps of (69) for one agent (the opponent has one action).

    ``prior`` P(a|s,z) [s, a, z], ``master_prior`` [s, z], ``termination_prior`` P^T(1|s,z-)
    [s, z-]; ``initial_option`` P(z_{-1}), uniform by default. Policies: "stop" [s, z-, stop], "z"
    [s, z-, stop, z], "a" [s, a, z]. Raises InputError. Source: report (69)-(72).

    >>> import numpy as np, tabular_marl as tm
    >>> game = tm.MatrixGame([[1.0], [0.0]]).as_stochastic()
    >>> sure = np.array([[[0.9, 0.1], [0.1, 0.9]]])
    >>> graph = options_graph(game, 2.0, 1, sure, [[0.5, 0.5]], [[0.5, 0.5]])
    >>> best = tm.inference.optimise(graph)
    >>> best.policies["stop"][0, :, :, 1].round(4).tolist()
    [[0.3832, 0.719]]
    """
    if game.reward.shape[2] != 1:
        raise InputError("game", "have an opponent of one action", f"it had {game.action_counts}")
    acts = finite_array("prior", prior, (*game.reward.shape[:2], None))
    step = (
        Factor("stop", ("s", "z-", "stop"), ending(termination_prior), chosen=True),
        Factor("z", ("s", "z-", "stop", "z"), master(master_prior), chosen=True),
        Factor("a", ("s", "a", "z"), acts, chosen=True),
        Factor("s+", ("s", "a", "s+"), _dynamics(game).table[:, :, 0]),
    )
    start = (_first(game, initial), _option("z-", initial_option, acts.shape[2]))
    return Graph(start, step, beta * game.reward[:, :, 0], ("s", "a"), steps)


def multi_agent_options_graph(
    game: StochasticGame,
    beta: float,
    steps: int,
    agent_prior: ArrayLike,
    agent_master_prior: ArrayLike,
    agent_termination_prior: ArrayLike,
    opponent_prior: ArrayLike,
    opponent_master_prior: ArrayLike,
    opponent_termination_prior: ArrayLike,
    initial: ArrayLike | None = None,
    initial_option: ArrayLike | None = None,
    initial_opponent_option: ArrayLike | None = None,
) -> Graph:
    """``steps`` steps of (77), with every policy conditioned as in (82)-(85).

    Priors have their policies' axes (length 1 where they do not depend on one): ``agent_prior``
    [s, a, b, z, y], ``agent_master_prior`` [s, b, z, y], ``agent_termination_prior`` [s, z-, b, y],
    ``opponent_prior`` [s, z-, b, y], ``opponent_master_prior`` [s, z-, y],
    ``opponent_termination_prior`` [s, z-, y-]. The q of (79) are the policies of this graph that
    do not depend on what (79) leaves out. Raises InputError. Source: report (77)-(81), (82)-(85).
    """
    acts = finite_array("agent_prior", agent_prior, (None,) * 5)
    m, n = acts.shape[3], acts.shape[4]
    theirs = finite_array("opponent_prior", opponent_prior, (None,) * 4)
    choose = finite_array("agent_master_prior", agent_master_prior, (None,) * 4)
    choose_y = finite_array("opponent_master_prior", opponent_master_prior, (None,) * 3)
    step = (
        Factor(
            "stop_y", ("s", "z-", "y-", "stop_y"), ending(opponent_termination_prior), chosen=True
        ),
        Factor("y", ("s", "y-", "stop_y", "z-", "y"), master(choose_y), chosen=True),
        Factor("b", ("s", "z-", "b", "y"), theirs, chosen=True),
        Factor("stop", ("s", "z-", "b", "y", "stop"), ending(agent_termination_prior), chosen=True),
        Factor("z", ("s", "z-", "stop", "b", "z", "y"), master(choose, own=2), chosen=True),
        Factor("a", ("s", "a", "b", "z", "y"), acts, chosen=True),
        _dynamics(game),
    )
    start = (
        _first(game, initial),
        _option("z-", initial_option, m),
        _option("y-", initial_opponent_option, n),
    )
    return Graph(start, step, beta * game.reward, ("s", "a", "b"), steps)


def rommeo_em_graph(
    q: ArrayLike, agent_prior: ArrayLike | None = None, opponent_prior: ArrayLike | None = None
) -> Graph:
    """One draw of (s, b, a), s uniform, weighed by exp Q: its bound is (91), its evidence (90)'s.

    ``q`` Q [s, a, b] in log units; priors as in :func:`rommeo_graph`. Policies: "b" ρ [s, b] and
    "a" π [s, a, b]. Raises InputError. Source: report (88), (90), (91).

    >>> import tabular_marl as tm
    >>> graph = rommeo_em_graph([[[0.0]], [[1.0]]])  # two states, nothing to choose
    >>> round(tm.inference.optimise(graph).elbo, 4), round(tm.inference.log_evidence(graph), 4)
    (0.5, 0.6201)
    """
    weights = finite_array("q", q, (None, None, None))
    acts, answers = _priors(weights.shape, agent_prior, opponent_prior)
    step = (
        Factor("b", ("s", "b"), answers, chosen=True),
        Factor("a", ("s", "a", "b"), acts, chosen=True),
    )
    return Graph((_uniform("s", weights.shape[0]),), step, weights, ("s", "a", "b"), 1)


def em_agent_graph(
    q: ArrayLike, opponent_policy: ArrayLike, agent_prior: ArrayLike | None = None
) -> Graph:
    """The agent's graph of generalised EM; q keeps P*(b|s). Its bound is (97).

    ``q`` Q^i [s, a, b] in log units, ``opponent_policy`` P*(b|s, O^-i = 1) [b] or [s, b]. Policies:
    "a" π [s, a, b]. Raises InputError. Source: report (94)-(97).
    """
    weights = finite_array("q", q, (None, None, None))
    acts, answers = _priors(weights.shape, agent_prior, opponent_policy)
    step = (
        Factor("b", ("s", "b"), answers),
        Factor("a", ("s", "a", "b"), acts, chosen=True),
    )
    return Graph((_uniform("s", weights.shape[0]),), step, weights, ("s", "a", "b"), 1)


def em_opponent_graph(
    q: ArrayLike, agent_policy: ArrayLike, opponent_prior: ArrayLike | None = None
) -> Graph:
    """The opponent's graph of generalised EM; q keeps the agent's π(a|s,b). Its bound is (101).

    ``q`` Q^-i [s, a, b] in log units, ``agent_policy`` [a], [s, a] or [s, a, b]; the weight is
    Q^-i(s,b) = log Σ_a π(a|s,b) exp Q^-i(s,a,b). Policies: "b" ρ [s, b].
    Raises InputError. Source: report (98), (99), (101).
    """
    values = finite_array("q", q, (None, None, None))
    acts, answers = _priors(values.shape, agent_policy, opponent_prior)
    step = (
        Factor("b", ("s", "b"), answers, chosen=True),
        Factor("a", ("s", "a", "b"), acts),
    )
    weights = free_energy(values, 1.0, np.broadcast_to(acts, values.shape), axis=1)
    return Graph((_uniform("s", values.shape[0]),), step, weights, ("s", "b"), 1)


def master(choose: ArrayLike, own: int = -1) -> Array:
    """(71): (1 − stop) δ(z, z-) + stop · choose, as [s, z-, stop, …] with the rest of ``choose``.

    ``choose`` q^H [s, …] has z on axis ``own`` (the last by default). Source: report (71), (81).

    >>> master([[0.25, 0.75]])[0].tolist()
    [[[1.0, 0.0], [0.25, 0.75]], [[0.0, 1.0], [0.25, 0.75]]]
    """
    chosen = finite_array("master's policy", choose)
    own %= chosen.ndim
    m = chosen.shape[own]
    shape = [1] * chosen.ndim
    shape[own] = m
    kept = np.stack([np.broadcast_to(row.reshape(shape), chosen.shape) for row in np.eye(m)], 1)
    taken = np.broadcast_to(chosen[:, None], kept.shape)
    return np.stack([kept, taken], axis=2)


def ending(terminates: ArrayLike) -> Array:
    """Probabilities of terminating as a table with one more, last axis: (1 − τ, τ)."""
    tau = finite_array("termination's policy", terminates)
    return np.stack([1 - tau, tau], axis=-1)


def _priors(
    shape: tuple[int, ...], agent: ArrayLike | None, opponent: ArrayLike | None
) -> tuple[Array, Array]:
    """P(a|s,b) [s, a, b] and P(b|s) [s, b], of length 1 where they do not depend."""
    recipe = (Aggregation(AGENT, 1.0, agent), Aggregation(OPPONENT, 1.0, opponent))
    first, second = check(recipe, shape[0], shape[1:])
    return first.prior, second.prior[:, 0]


def _dynamics(game: StochasticGame) -> Factor:
    """P(s+ | s, a, b)."""
    if game.num_players != 2:
        raise InputError("game", "have two players", f"it had {game.num_players}")
    rows = game.transition.toarray() if game.is_sparse else game.transition
    return Factor("s+", ("s", "a", "b", "s+"), rows.reshape(*game.reward.shape, game.num_states))


def _first(game: StochasticGame, initial: ArrayLike | None) -> Factor:
    """P(s_0)."""
    given = game.initial if initial is None else initial
    return _uniform("s", game.num_states) if given is None else Factor("s", ("s",), np.array(given))


def _option(name: str, given: ArrayLike | None, count: int) -> Factor:
    """P(z_{-1})."""
    return _uniform(name, count) if given is None else Factor(name, (name,), np.array(given))


def _uniform(name: str, count: int) -> Factor:
    return Factor(name, (name,), np.full(count, 1.0 / count))
