"""Games as JSON: the fields of the game's own constructor, numbers as JSON numbers or "p/q".

    {"payoffs": [[[-1, -3], [0, -2]], [[-1, 0], [-3, -2]]], "actions": [["C", "D"], ["C", "D"]]}

    {"transition": [[[["1/3", "2/3"]]], [[[0, 1]]]], "reward": [[[1]], [[0]]], "discount": "9/10"}

A matrix game has ``payoffs``, a stochastic one ``transition`` and ``reward``; the other fields
are optional (``discount`` 0.9 if left out). Sparse transitions are
``{"entries": [[s, a, b, t, p], …]}``, one for each probability that is not zero, and load as CSR.
Unknown or repeated fields, NaN and Infinity are refused, with the path of the field.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from scipy import sparse

from tabular_marl.games.formats import numbers
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, finite_array, one_of

MATRIX_FIELDS = ("name", "source", "players", "actions", "payoffs")
STOCHASTIC_FIELDS = (
    "name",
    "source",
    "players",
    "states",
    "actions",
    "discount",
    "initial",
    "reward",
    "opponent_reward",
    "transition",
)
#: Fields that hold numbers, or nested lists of numbers.
NUMERIC = {"payoffs", "discount", "initial", "reward", "opponent_reward", "transition"}
LINE = 100


def decode(data: bytes) -> MatrixGame | StochasticGame:
    """The game in a JSON text."""
    given = {field: value for field, value in _parse(data).items() if value is not None}
    matrix = "payoffs" in given
    for field in given:
        one_of("field", field, MATRIX_FIELDS if matrix else STOCHASTIC_FIELDS)
    if not matrix and not {"transition", "reward"} <= given.keys():
        raise InputError(
            "a game", "have payoffs, or transition and reward", f"its fields were {sorted(given)}"
        )
    for field in NUMERIC & given.keys():
        value = given[field]
        if field == "initial" and isinstance(value, str):
            continue  # a state's label
        if field == "initial" and isinstance(value, _Numeral) and value.text.isdigit():
            given[field] = int(value.text)  # a state's index
        elif not (field == "transition" and isinstance(value, dict)):
            given[field] = _numbers(value, field)
    if isinstance(given.get("transition"), dict):
        reward = finite_array("reward", given["reward"])
        given["transition"] = _from_entries(given["transition"], reward.shape)
    return MatrixGame(**given) if matrix else StochasticGame(**given)


def encode(game: MatrixGame | StochasticGame) -> bytes:
    """JSON text that :func:`decode` turns back into an equal game."""
    matrix = isinstance(game, MatrixGame)
    lines = []
    for field in MATRIX_FIELDS if matrix else STOCHASTIC_FIELDS:
        value = getattr(game, field)
        if value is None or (isinstance(value, str) and not value):
            continue
        if sparse.issparse(value):
            text = f'{{"entries": {_text(_entries(game))}}}'
        else:
            text = _text(value.tolist() if isinstance(value, np.ndarray) else value)
        lines.append(f"  {json.dumps(field)}: {text}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _parse(data: bytes) -> dict[str, Any]:
    """The outermost object, with every number kept as the text it was written in."""

    def no_constant(name: str) -> None:
        raise InputError("numbers", "be finite", f"the file says {name}")

    def object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            raise InputError("fields", "be given once", f"{repeated!r} was given more often")
        return fields

    try:
        fields = json.loads(
            data.decode("utf-8-sig"),
            parse_constant=no_constant,
            parse_float=_Numeral,
            parse_int=_Numeral,
            object_pairs_hook=object_once,
        )
    except InputError:
        raise
    except RecursionError:
        raise InputError("its JSON", "not be nested so deeply", "it was") from None
    except ValueError as error:  # malformed JSON, or bytes that are not UTF-8
        raise InputError("its content", "be JSON text in UTF-8", f"it was not ({error})") from None
    if not isinstance(fields, dict):
        raise InputError("its JSON", "be an object with a game's fields", _was(fields))
    return fields


class _Numeral:
    """A JSON number, unread; not a string, so that a number is no label."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _numbers(value: Any, path: str) -> Any:
    """Nested lists of numbers as nested lists of floats; ``path`` names the place in messages."""
    if isinstance(value, list):
        return [_numbers(item, f"{path}[{k}]") for k, item in enumerate(value)]
    if isinstance(value, str | _Numeral):
        return numbers.parse(path, value if isinstance(value, str) else value.text)
    raise InputError(path, 'be a number, "p/q", or a list of them', _was(value))


def _was(value: Any) -> str:
    """What a JSON value was, in a few characters."""
    if isinstance(value, dict):
        return "it was an object"
    if isinstance(value, list):
        return "it was a list"
    return "it was " + (repr(value) if isinstance(value, _Numeral) else json.dumps(value))[:40]


def _from_entries(transition: dict[str, Any], reward_shape: tuple[int, ...]) -> sparse.csr_array:
    """CSR rows from ``{"entries": [[s, a1, …, an, t, p], …]}``."""
    for field in transition:
        one_of("field of transition", field, ("entries",))
    shape = reward_shape if len(reward_shape) == 3 else reward_shape[1:]
    if len(shape) < 3 or 0 in shape:
        raise InputError("reward", "have axes (states, *actions)", f"its shape was {reward_shape}")
    entries = transition.get("entries")
    limits = (*shape, *shape[:1])
    if not isinstance(entries, list):
        raise InputError("transition.entries", "be a list of [s, *actions, t, p]", _was(entries))
    index = np.empty((len(entries), len(limits)), dtype=np.int64)
    data = np.empty(len(entries))
    for k, entry in enumerate(entries):
        path = f"transition.entries[{k}]"
        if not isinstance(entry, list) or len(entry) != len(limits) + 1:
            raise InputError(path, f"be {len(limits)} indices and a probability", _was(entry))
        for axis, (item, limit) in enumerate(zip(entry[:-1], limits, strict=True)):
            numeral = item.text if isinstance(item, _Numeral) else ""
            if not (numeral.isdigit() and len(numeral) < 10 and int(numeral) < limit):
                raise InputError(f"{path}[{axis}]", f"be an index below {limit}", _was(item))
            index[k, axis] = int(numeral)
        data[k] = _numbers(entry[-1], f"{path}[{len(limits)}]")
    rows = np.ravel_multi_index(tuple(index[:, :-1].T), shape)
    flat = rows * shape[0] + index[:, -1]
    first = np.unique(flat, return_index=True)[1]
    if len(first) < len(flat):
        k = int(np.setdiff1d(np.arange(len(flat)), first)[0])
        raise InputError("transition.entries", "be given once", f"entry {k} repeats an earlier one")
    return sparse.csr_array((data, (rows, index[:, -1])), shape=(math.prod(shape), shape[0]))


def _entries(game: Any) -> list[list[Any]]:
    """The stored transitions as [s, a1, …, an, t, p]."""
    coordinates = game.transition.tocoo()
    shape = (game.num_states, *game.action_counts)
    where = [axis.tolist() for axis in np.unravel_index(coordinates.row, shape)]
    return [
        list(entry)
        for entry in zip(*where, coordinates.col.tolist(), coordinates.data.tolist(), strict=True)
    ]


def _text(value: Any, indent: int = 2) -> str:
    """JSON text; a list goes on one line where it fits, else one item a line."""
    if isinstance(value, list | tuple):
        items = [_text(item, indent + 2) for item in value]
        line = f"[{', '.join(items)}]"
        if len(line) + indent <= LINE and "\n" not in line:
            return line
        inner = " " * (indent + 2)
        return "[\n" + ",\n".join(inner + item for item in items) + "\n" + " " * indent + "]"
    if isinstance(value, float):
        text = numbers.numeral(value)
        return json.dumps(text) if "/" in text else text
    return json.dumps(value, ensure_ascii=False)
