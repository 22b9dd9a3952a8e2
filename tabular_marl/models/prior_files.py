"""A model's priors from a JSON file: one object, argument name -> nested lists of numbers or "p/q".

{"agent_prior": [["1/3", "2/3"]], "termination_prior": 0.25}
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tabular_marl.games.formats import numbers
from tabular_marl.games.formats.files import read_bytes
from tabular_marl.solution import Array
from tabular_marl.validation import InputError, one_of


def load_priors(path: str | os.PathLike[str], model: Callable[..., Any]) -> dict[str, Array]:
    """The priors in ``path``, by the names of ``model``'s arguments. Raises InputError."""
    known = [name for name in inspect.signature(model).parameters if name.endswith("prior")]
    held = read_bytes(path)
    try:
        content = json.loads(held.decode("utf-8-sig"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), "be JSON in UTF-8", f"it was not ({error})") from None
    if not isinstance(content, dict):
        raise InputError(str(path), "hold one JSON object", f"it was {type(content).__name__}")
    return {
        one_of("prior's name", name, known): _array(value, name) for name, value in content.items()
    }


def _array(value: Any, path: str) -> Array:
    def plain(item: Any, at: str) -> Any:
        if isinstance(item, list):
            return [plain(entry, f"{at}[{k}]") for k, entry in enumerate(item)]
        if isinstance(item, str):
            return numbers.parse(at, item)
        raise InputError(at, 'be a number, "p/q", or a list of them', f"it was {item!r}")

    try:
        return np.array(plain(value, path), dtype=np.float64)
    except InputError:
        raise
    except ValueError:
        raise InputError(path, "be lists of equal length", "it was not") from None
