"""The command line, ``tabular-marl``: games, solve, influence, chain, verify, equations, train, …

Tables and progress go to the terminal; ``--json`` prints one JSON value to stdout and nothing
else. Exit codes: 0 as expected, 1 a verdict differs from what its claim expects or a witness does
not replay or a cross-check fails, 2 wrong input, 3 a solve that did not converge or a training that
broke down, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg

from tabular_marl.answers import emit_json, print_solution, solution_row
from tabular_marl.cli.active import chain, influence
from tabular_marl.cli.common import JsonFlag, read_game, working
from tabular_marl.cli.deep import crosscheck, train
from tabular_marl.cli.evaluation import crossplay, evaluate
from tabular_marl.validation import InputError, one_of


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
    with working("solving (the first run of a kind compiles its kernels)", quiet=json):
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


def equations(
    places: Annotated[
        Positional[tuple[str, ...]],
        arg(metavar="PLACE", help='Such as "report (42)-(50)" or "FURTHER Prop. 3"; none: all.'),
    ] = (),
    *,
    report: Annotated[
        Path | None, arg(metavar="DIR", help="Write the map there, as equations.md.")
    ] = None,
    json: JsonFlag = False,
) -> int:
    """Where each equation of the documents is implemented, and which claims speak of it."""
    from tabular_marl.verification.documents import places as read
    from tabular_marl.verification.equations import equation_map
    from tabular_marl.verification.reports import equation_map as page

    for text in places:
        if not read(text):
            raise InputError(
                "PLACE", 'be such as "report (42)" or "FURTHER (19)"', f"it was {text!r}"
            )
    entries = equation_map([place for text in places for place in read(text)])
    if json:
        emit_json([entry.as_dict() for entry in entries])
    else:
        page.show(entries)
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        (report / "equations.md").write_text(page.render(entries), encoding="utf-8")
        print(f"wrote {report / 'equations.md'}", file=sys.stderr)
    return 0


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
    "influence": influence,
    "chain": chain,
    "verify": verify,
    "equations": equations,
    "replay": replay,
    "train": train,
    "evaluate": evaluate,
    "crossplay": crossplay,
    "crosscheck": crosscheck,
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
    except ImportError as error:  # an extra that is not installed
        code = fail(str(error), 2)
    except KeyboardInterrupt:
        code = fail("interrupted", 130)
    except SystemError as error:  # compiled code that is loaded during Ctrl-C wraps it so
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        code = fail("interrupted", 130)
    except MemoryError as error:
        code = fail(f"there is not enough memory: {error}", 2)
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
