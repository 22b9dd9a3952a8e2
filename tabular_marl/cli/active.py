"""``influence`` and ``chain``: the best average reward against learners, and the joint chain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from tabular_marl.answers import emit_json
from tabular_marl.cli.common import JsonFlag, read_game, working
from tabular_marl.cli.learner_options import LearnerOptions
from tabular_marl.validation import InputError, one_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tabular_marl.active.joint_chain import JointProcess
    from tabular_marl.games.stochastic import StochasticGame

Game = Annotated[Positional[str], arg(metavar="GAME", help="A named game, or a file.")]
Learners = Annotated[LearnerOptions, OmitArgPrefixes]
Start = Annotated[str | None, arg(help="The first state's label; by default the game's own.")]
MaxStates = Annotated[int, arg(help="Refuse to build more joint states than this.")]
Plot = Annotated[Path | None, arg(metavar="FILE", help="Draw a picture there.")]

COMPILING = "(the first run of a kind compiles its kernels)"


def influence(
    game: Game,
    learners: Learners,
    *,
    player: Annotated[int, arg(help="Agent i, who does not learn.")] = 0,
    start: Start = None,
    method: Literal["policy-iteration", "relative-value-iteration"] = "policy-iteration",
    beta: Annotated[
        float, arg(help="Inverse temperature of agent i; inf is the hard maximum.")
    ] = float("inf"),
    discount: Annotated[
        float | None, arg(help="Solve the discounted objective too, γ in [0, 1).")
    ] = None,
    tol: Annotated[float, arg(help="Wanted width of the bracket, in reward units.")] = 1e-8,
    max_states: MaxStates = 5_000_000,
    plot: Plot = None,
    save: Annotated[
        Path | None,
        arg(metavar="FILE.npz", help="Write every joint state's policy and bias there."),
    ] = None,
    json: JsonFlag = False,
) -> int:
    """Find the best average reward against opponents who learn, with proved bounds."""
    from tabular_marl.active.average_reward import average_reward
    from tabular_marl.active.discounted import discounted
    from tabular_marl.active.influence import Influence
    from tabular_marl.cli import active_answers as answers

    writable(plot, "--plot", (".png", ".pdf", ".svg"))
    writable(save, "--save", (".npz",))
    loaded = stochastic(game)
    with working(f"exploring joint states {COMPILING}", quiet=json):
        process = explored(loaded, learners, player, start, max_states)
    with working(f"solving {process.num_states} joint states {COMPILING}", quiet=json):
        found = Influence(process, average_reward(process.decision, method, beta, tol=tol))
        short = None if discount is None else discounted(process.decision, discount, beta)
    row = answers.influence_row(game, learners, found, short, discount, beta)
    if save is not None:
        answers.save_influence(save, found)
        row["saved"] = str(save)
        print(f"wrote {save}", file=sys.stderr)
    if json:
        emit_json(row)
    else:
        answers.print_influence(row, found)
    if plot is not None:
        from tabular_marl.study.influence_figures import picture

        draw(picture(found), plot)
    return 0


def chain(
    game: Game,
    learners: Learners,
    *,
    player: Annotated[
        int | None, arg(help="Agent i, who does not learn; without it everybody does.")
    ] = None,
    policy: Annotated[
        str | None,
        arg(
            metavar="POLICY",
            help="Agent i's: optimal, uniform, an action's label, or a JSON file [S][A].",
        ),
    ] = None,
    start: Start = None,
    k: Annotated[int, arg(help="Show the k-periodic distributions, FURTHER (19).")] = 1,
    stable: Annotated[
        bool, arg(help="Find the stochastically stable distribution: exploration rates → 0.")
    ] = False,
    max_states: MaxStates = 5_000_000,
    plot: Plot = None,
    json: JsonFlag = False,
) -> int:
    """Show the joint chain: recurrent classes, periods, periodic and stable distributions."""
    from tabular_marl.active.stability import stable_distribution, with_trembles
    from tabular_marl.cli import active_answers as answers

    writable(plot, "--plot", (".png", ".pdf", ".svg"))
    if (policy is None) != (player is None):
        given, missing = ("--player", "--policy") if policy is None else ("--policy", "--player")
        raise InputError(missing, f"be given with {given}", "it was not")
    loaded = stochastic(game)
    with working(f"building the chain {COMPILING}", quiet=json):
        process = explored(loaded, learners, player, start, max_states)
        weights = None if policy is None else agent_policy(policy, process)
        found = process.chain(weights)
        limit = stable_distribution(with_trembles(process, weights)) if stable else None
        row = answers.chain_row(game, learners, process, found, weights, k, limit)
    if json:
        emit_json(row)
    else:
        answers.print_chain(row, process)
    if plot is not None:
        from tabular_marl.study.influence_figures import transition_graph

        draw(transition_graph(process, weights), plot)
    return 0


def stochastic(game: str) -> StochasticGame:
    """The game, a matrix game as one of one state."""
    from tabular_marl.games.matrix import MatrixGame

    loaded = read_game(game)
    return loaded.as_stochastic() if isinstance(loaded, MatrixGame) else loaded


def explored(
    game: StochasticGame,
    options: LearnerOptions,
    player: int | None,
    start: str | None,
    max_states: int,
) -> JointProcess:
    """The joint process from ``start``."""
    from tabular_marl.active.joint_chain import explore

    states = None
    if start is not None:
        states = [game.state_labels.index(one_of("--start", start, game.state_labels))]
    return explore(game, options.seats(game, player), states, max_states)


def agent_policy(policy: str, process: JointProcess) -> Any:
    """``policy`` on the joint states, [X, A]."""
    import numpy as np

    from tabular_marl.active.average_reward import average_reward
    from tabular_marl.validation import probability_rows

    actions = process.num_actions
    labels = process.game.action_labels[process.player or 0]
    if policy == "optimal":
        return average_reward(process.decision).policy
    if policy == "uniform":
        return np.full((process.num_states, actions), 1 / actions)
    if Path(policy).suffix == ".json":
        import json

        try:
            given = json.loads(Path(policy).read_text())
        except ValueError as error:
            raise InputError("--policy", "be a JSON file", f"{policy}: {error}") from None
        table = probability_rows("--policy", given, (process.game.num_states, actions))
        return table[process.state]
    chosen = labels.index(one_of("--policy", policy, ("optimal", "uniform", *labels)))
    return np.tile(np.eye(actions)[chosen], (process.num_states, 1))


def writable(path: Path | None, option: str, endings: tuple[str, ...]) -> None:
    """Tell of a folder or a format that cannot be before the work, not after it."""
    if path is None:
        return
    if path.suffix not in endings:
        raise InputError(option, f"end in {' or '.join(endings)}", f"it was '{path}'")
    path.parent.mkdir(parents=True, exist_ok=True)


def draw(figure: Figure, path: Path) -> None:
    """Write a figure and say where."""
    figure.savefig(path)
    print(f"wrote {path}", file=sys.stderr)
