"""A solve as one JSON value, and as tables on the terminal."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tabular_marl.games.matrix import MatrixGame
    from tabular_marl.games.stochastic import StochasticGame
    from tabular_marl.solution import Enclosure, Solution


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

    print(json.dumps(plain(value), allow_nan=False))


def solution_row(
    model: str,
    game: str,
    discount: float,
    arguments: dict[str, Any],
    solution: Solution,
    enclosure: Enclosure | None,
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
    enclosure: Enclosure | None,
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
