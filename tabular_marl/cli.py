"""The command line: ``tabular-marl games | solve | verify | replay | cite``.

Tables and progress go to the terminal; ``--json`` prints one JSON value to stdout and nothing
else. Exit codes: 0 as expected, 1 a verdict differs from what its claim expects or a witness does
not replay, 2 wrong input, 3 a solve that did not converge, 130 interrupted.
"""

from __future__ import annotations

import json as json_module
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg

from tabular_marl.validation import InputError, one_of

if TYPE_CHECKING:
    from tabular_marl.games.matrix import MatrixGame
    from tabular_marl.games.stochastic import StochasticGame
    from tabular_marl.solution import Solution

JsonFlag = Annotated[bool, arg(help="Print one JSON value to stdout and nothing else.")]


def emit_json(value: object) -> None:
    """One JSON value; numbers JSON has no name for become the strings "inf", "-inf"."""

    def plain(item: Any) -> Any:
        if hasattr(item, "tolist"):
            item = item.tolist()
        if isinstance(item, float) and not math.isfinite(item):
            return str(item)
        if isinstance(item, dict):
            return {str(key): plain(entry) for key, entry in item.items()}
        if isinstance(item, list | tuple):
            return [plain(entry) for entry in item]
        return item

    print(json_module.dumps(plain(value), allow_nan=False))


def read_game(game: str) -> MatrixGame | StochasticGame:
    """A named game, or a file where the argument looks like a path or exists as one."""
    from tabular_marl.games import formats, library

    if Path(game).suffix in formats.SUFFIXES or "/" in game or Path(game).is_file():
        return formats.load_game(game)
    return library.named(game)


def games(*, json: JsonFlag = False) -> int:
    """List the named games with their sizes and sources."""
    from tabular_marl.games import library

    rows = library.describe()
    if json:
        emit_json(rows)
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 1, 0))
    table.add_column("game", no_wrap=True)
    table.add_column("states, actions", no_wrap=True)
    table.add_column("what it is, and its source")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['states']}, {'×'.join(map(str, row['actions']))}",
            f"{row['summary']}\n[dim]{row['source']}[/dim]",
        )
    Console().print(table)
    return 0


def solve(
    game: Annotated[Positional[str], arg(metavar="GAME", help="A named game, or a file.")],
    *,
    model: Annotated[str, arg(help="A model's name, such as rommeo; a wrong one lists them all.")],
    beta: Annotated[float | None, arg(help="Inverse temperature, in models with one.")] = None,
    beta_agent: Annotated[float | None, arg(help="Agent's β, in models with two.")] = None,
    beta_opponent: Annotated[float | None, arg(help="Opponent's β, in models with two.")] = None,
    view: Annotated[
        Literal["agent", "opponent"] | None, arg(help="Who moves first (balancing-q).")
    ] = None,
    prior_update: Annotated[
        Literal["replaced", "kept"] | None,
        arg(help="Whether a round's policy is the next prior (fictitious-play, em, rommeo-em)."),
    ] = None,
    evaluation: Annotated[
        Literal["expectation", "regularised"] | None,
        arg(
            help="Values without or with the cost of leaving the prior (fictitious-play, "
            "perfect-model, rommeo-em)."
        ),
    ] = None,
    coupled: Annotated[
        bool, arg(help="The opponent expects the agent's policy, not its prior (perfect-model).")
    ] = False,
    damping: Annotated[
        float | None, arg(help="Share of the old policies kept in a round (perfect-model).")
    ] = None,
    num_options: Annotated[
        int | None, arg(help="Options of each player (options, multi-agent-options).")
    ] = None,
    levels: Annotated[
        int | None, arg(help="The reasoning level asked for (level-k), instead of the limit.")
    ] = None,
    chain: Annotated[
        Literal["agent", "opponent"] | None, arg(help="Who answers at level 1 (level-k).")
    ] = None,
    level_two: Annotated[
        Literal["previous", "initial"] | None,
        arg(help="Level 2's prior over the other: that of level 1, or of level 0 (level-k)."),
    ] = None,
    rounds: Annotated[
        int | None, arg(help="Play exactly this many rounds, instead of to a limit or a cycle.")
    ] = None,
    priors: Annotated[
        Path | None,
        arg(
            metavar="FILE", help='JSON with priors by argument name: {"agent_prior": [0.5, "1/2"]}.'
        ),
    ] = None,
    player: Annotated[int, arg(help="Whose view of the game is solved; the others are one.")] = 0,
    discount: Annotated[float | None, arg(help="γ in [0, 1), instead of the game's own.")] = None,
    method: Literal["auto", "newton", "value-iteration", "anderson"] = "auto",
    tol: Annotated[float, arg(help="Wanted bound on the error, in reward units.")] = 1e-10,
    certify: Annotated[bool, arg(help="Prove the answer again in ball arithmetic.")] = False,
    bits: Annotated[int, arg(help="Precision of --certify.")] = 128,
    json: JsonFlag = False,
) -> int:
    """Solve a game exactly and print values, policies and the proved error bound."""
    from tabular_marl.models.registry import MODELS

    known = MODELS[one_of("--model", model, MODELS)]
    given = {
        "beta": beta,
        "beta_agent": beta_agent,
        "beta_opponent": beta_opponent,
        "view": view,
        "prior_update": prior_update,
        "evaluation": evaluation,
        "coupled": coupled or None,
        "damping": damping,
        "num_options": num_options,
        "levels": levels,
        "chain": chain,
        "level_two": level_two,
        "rounds": rounds,
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    for name in arguments:
        if name not in known.parameters:
            raise InputError(
                f"--{name.replace('_', '-')}", f"not be given for model {model}", "it was"
            )
    for name in known.required:
        if name not in arguments:
            raise InputError(
                f"--{name.replace('_', '-')}", f"be given for model {model}", "it was not"
            )

    loaded = read_game(game)
    seen = loaded if player == 0 and loaded.num_players == 2 else loaded.against(player)
    given_priors = {}
    if priors is not None:
        from tabular_marl.models.prior_files import load_priors

        given_priors = load_priors(priors, known.function)
    solution = known.function(
        seen, **arguments, **given_priors, discount=discount, method=method, tol=tol
    )
    enclosure = solution.certify(bits) if certify else None
    used = discount if discount is not None else getattr(seen, "discount", 0.0)
    if json:
        emit_json(solution_row(model, game, used, arguments, solution, enclosure))
    else:
        print_solution(model, game, used, arguments, seen, solution, enclosure)
    return 0


def solution_row(
    model: str,
    game: str,
    discount: float,
    arguments: dict[str, Any],
    solution: Solution,
    enclosure: Any,
) -> dict[str, Any]:
    """One solve as a JSON object, in reward units; arrays index [state][agent][opponent]."""
    row = {
        "model": model,
        "game": game,
        "discount": discount,
        **arguments,
        "status": solution.status.value,
        "method": solution.method,
        "value": solution.value,
        "q": solution.q,
        "agent_q": solution.agent_q,
        "opponent_q": solution.opponent_q,
        "agent_policy": solution.agent_policy,
        "opponent_policy": solution.opponent_policy,
        "conditional_policy": solution.conditional_policy,
        "joint_policy": solution.joint_policy,
        "iterations": solution.iterations,
        "residual": solution.residual,
        "error_bound": solution.error_bound,
        "seconds": solution.seconds,
    } | solution.details()
    if enclosure is not None:
        row["certificate"] = {
            "method": enclosure.method,
            "bits": enclosure.bits,
            "lower": enclosure.lower,
            "upper": enclosure.upper,
            "midpoint": enclosure.midpoint,
            "radius": enclosure.radius,
            "seconds": enclosure.seconds,
        }
    return row


#: Larger games are summarised on the terminal; --json has everything.
ROWS_SHOWN = 30


def print_solution(
    model: str,
    game: str,
    discount: float,
    arguments: dict[str, Any],
    seen: MatrixGame | StochasticGame,
    solution: Solution,
    enclosure: Any,
) -> None:
    """Tables of the value and of both policies, and how far the answer can be trusted."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    console = Console()
    setting = ", ".join(f"{k}={v}" for k, v in {**arguments, "discount": discount}.items())
    console.print(f"[bold]{model}[/bold] on {game} ({setting})", highlight=False)
    agents, opponents = ("agent", 0), ("opponent", 1)
    states = getattr(seen, "state_labels", ("(only one)",))
    shown = range(min(len(states), ROWS_SHOWN))

    def show(title: str, policy: Any, player: tuple[str, int]) -> None:
        """A row a state; where the player answers, a row a state and action of the other."""
        who, axis = player
        own, others = seen.action_labels[axis], seen.action_labels[1 - axis]
        answers = policy.ndim == 3
        table = Table("state", *(["given"] if answers else []), *own, title=title.format(who))
        for s in shown:
            for k, other in enumerate(others if answers else ("",)):
                row = policy[s].take(k, axis=1 - axis) if answers else policy[s]
                given = [other] if answers else []
                table.add_row(states[s], *given, *(f"{p:.6g}" for p in row))
        console.print(table)

    values = solution.value.reshape(len(states), -1)
    names = ["value, reward units"]
    if values.shape[1] > 1:
        names = [f"option before: {k}" for k in np.ndindex(solution.value.shape[1:])]
    table = Table("state", *names)
    for s in shown:
        table.add_row(states[s], *(f"{value:.12g}" for value in values[s]))
    console.print(table)
    if solution.value.ndim == 1:
        show("{}'s policy", solution.agent_policy, agents)
        show("{}'s policy", solution.opponent_policy, opponents)
    else:
        console.print("(policies given options: --json prints all)")
    if solution.conditional_policy is not None:
        answering = opponents if arguments.get("view", "agent") == "agent" else agents
        show("{}'s answer to the other's action", solution.conditional_policy, answering)
    if len(states) > ROWS_SHOWN:
        console.print(f"({len(states) - ROWS_SHOWN} more states; --json prints all)")
    console.print(f"{solution.status.value}")
    facts = {k: v for k, v in solution.details().items() if isinstance(v, int | str)}
    if facts:
        console.print(", ".join(f"{name} {value}" for name, value in facts.items()))
    bound = "none" if solution.error_bound is None else f"{solution.error_bound:.3g}"
    console.print(
        f"method {solution.method}, iterations {solution.iterations}, residual "
        f"{solution.residual:.3g}, [bold]proved error bound {bound}[/bold], "
        f"{time_taken(solution.seconds)}",
        highlight=False,
    )
    if enclosure is not None:
        console.print(
            f"certified in {enclosure.bits}-bit ball arithmetic ({enclosure.method}): every value "
            f"lies in an interval at most {max(map(float, enclosure.radius)) * 2:.3g} wide, "
            f"{time_taken(enclosure.seconds)}",
            highlight=False,
        )


def time_taken(seconds: float) -> str:
    """Three digits, in ms below a second."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def verify(
    patterns: Annotated[
        Positional[tuple[str, ...]],
        arg(metavar="PATTERN", help='Ids, globs, sources such as "report (34)", or files *.py.'),
    ] = (),
    *,
    examples: Annotated[int | None, arg(help="Instances a sample looks at.")] = None,
    jobs: Annotated[int, arg(help="Processes.")] = 1,
    seed: int = 0,
    fresh: Annotated[bool, arg(help="Look again at what was already decided.")] = False,
    report: Annotated[
        Path | None, arg(metavar="DIR", help="Write the ledger there: .html .md .xml .json")
    ] = None,
    details: Annotated[bool, arg(help="Show evidence and counterexamples too.")] = False,
    json: JsonFlag = False,
) -> int:
    """Run the ledger and show each claim's verdict; interrupting keeps what was done."""
    from tabular_marl.verification.ledger import verify as run
    from tabular_marl.verification.reports import terminal, write

    if report is not None:  # told before the work, not after it
        report.mkdir(parents=True, exist_ok=True)
    ran = run(*patterns, examples=examples, jobs=jobs, seed=seed, fresh=fresh, progress=not json)
    if json:
        emit_json(ran.as_json())
    else:
        terminal.render(ran, details=details)
    if report is not None:
        for path in write(ran, report):
            print(f"wrote {path}", file=sys.stderr)
    if ran.interrupted:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0 if ran.ok else 1


def replay(
    witness: Annotated[Positional[Path], arg(metavar="WITNESS.json")],
    *,
    json: JsonFlag = False,
) -> int:
    """Check one counterexample again, in exact or ball arithmetic."""
    from tabular_marl.verification.witness import replay as check

    found = check(witness)
    if json:
        emit_json(found.as_dict())
    else:
        print(found)
    return 0 if found.confirmed else 1


def cite(
    *,
    model: Annotated[str | None, arg(help="A model's name, as for solve.")] = None,
    method: Annotated[
        str | None, arg(help="A solver's name, as for solve, or as `solve` printed it.")
    ] = None,
    certify: Annotated[bool, arg(help="The answer was certified in ball arithmetic.")] = False,
    json: JsonFlag = False,
) -> int:
    """Print BibTeX for exactly the methods used."""
    from tabular_marl import citations

    keys = citations.keys_for(model, method, certify)
    if json:
        emit_json({key: citations.ENTRIES[key] for key in keys})
    else:
        print(citations.bibtex(keys), end="")
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "games": games,
    "solve": solve,
    "verify": verify,
    "replay": replay,
    "cite": cite,
}


def main(arguments: list[str] | None = None) -> None:
    """Run one command; errors go to stderr in one line, and exit codes say what happened."""
    from tabular_marl.solution import NotConverged

    try:
        code = tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="tabular-marl",
            description="Exact solutions of small games, and theorems verified or refuted.",
            args=arguments,
            config=(FlagCreatePairsOff,),
        )
    except InputError as error:
        code = fail(str(error), 2)
    except NotConverged as error:
        code = fail(str(error), 3)
    except KeyboardInterrupt:
        code = fail("interrupted", 130)
    except BrokenPipeError:
        code = 0
    except OSError as error:
        code = fail(f"file {error.filename!r} must be one to read or write; {error.strerror}", 2)
    sys.exit(code)


def fail(message: str, code: int) -> int:
    """Say what went wrong, on stderr."""
    print(f"tabular-marl: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
