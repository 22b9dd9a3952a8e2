"""Input errors: one place and one wording.

Every message names the argument, says what it must be, and what it was:
``reward must hold finite numbers; entry [0, 1, 0] was nan``.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Rows of probabilities may miss 1 by this much (rounding of the caller's arithmetic), no more.
ROW_SUM_TOLERANCE = 1e-9

#: Turns the index of an offending entry or row into words.
Where = Callable[[tuple[int, ...]], str]


def default_entry(index: tuple[int, ...]) -> str:
    """How messages name an entry of an array."""
    return f"entry {list(index)}" if index else "it"


def default_row(index: tuple[int, ...]) -> str:
    """How messages name a row of an array."""
    return f"row {list(index)}"


class InputError(ValueError):
    """An argument is not what it must be; the message names it, the rule and what it was."""

    def __init__(self, argument: str, must: str, was: object) -> None:
        super().__init__(f"{argument} must {must}; {was}")
        self.argument = argument


def finite_array(
    argument: str,
    values: ArrayLike,
    shape: Sequence[int | None] | None = None,
    where: Where = default_entry,
) -> NDArray[np.float64]:
    """A fresh C-ordered float64 copy of ``values``; None in ``shape`` matches any length.

    ``where`` turns the index of a bad entry into words, for messages that speak a game's labels.
    """
    array = float_array(argument, values)
    if shape is not None and (
        array.ndim != len(shape)
        or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True))
    ):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise InputError(argument, f"have shape {wanted}", f"it had {array.shape}")
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        entry = _first(~np.isfinite(array))
        raise InputError(argument, "hold finite numbers", f"{where(entry)} was {array[entry]}")
    return array


def probability_rows(
    argument: str,
    values: ArrayLike,
    shape: Sequence[int | None] | None = None,
    axis: int = -1,
    where: Where = default_entry,
    where_row: Where = default_row,
) -> NDArray[np.float64]:
    """A fresh copy of non-negative ``values`` that sum to one along ``axis`` within rounding."""
    array = finite_array(argument, values, shape, where)
    if array.size and array.min() < 0:
        entry = _first(array < 0)
        raise InputError(argument, "hold probabilities >= 0", f"{where(entry)} was {array[entry]}")
    unit_sums(argument, array.sum(axis=axis), where_row)
    return array


def unit_sums(argument: str, sums: ArrayLike, where_row: Where = default_row) -> None:
    """Refuse row sums that miss 1 by more than :data:`ROW_SUM_TOLERANCE`."""
    sums = np.asarray(sums)
    wrong = ~(np.abs(sums - 1) <= ROW_SUM_TOLERANCE)
    if wrong.any():
        row = _first(wrong)
        if not row:
            raise InputError(argument, "sum to 1", f"it summed to {sums:.12g}")
        raise InputError(
            argument, "have rows that sum to 1", f"{where_row(row)} summed to {sums[row]:.12g}"
        )


def float_array(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    """One copy of ``values`` as float64; text, dates and complex numbers are not numbers here."""
    must = "be an array of numbers"
    if values is None:
        raise InputError(argument, must, "it was None")
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "biufO":
            raise InputError(argument, must, f"its entries were of type {given.dtype}")
        with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf, refused later
            return np.array(given, dtype=np.float64, order="C")
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(argument, must, f"it was not ({error})") from None


def _first(bad: NDArray[np.bool_]) -> tuple[int, ...]:
    """The index of the first true entry."""
    return tuple(int(i) for i in np.argwhere(bad)[0])


def integer(argument: str, value: object, least: int = 1) -> int:
    """A whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(argument, f"be an integer >= {least}", f"it was {value!r}")
    return int(value)


def fitting(argument: str, must: str, what: str, needed: float) -> None:
    """Refuse before it is built what needs more bytes than this machine has memory, if known."""
    try:
        memory = float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return
    if needed > memory > 0:
        size = f"{what} need about {needed / 1e9:.3g} GB"
        raise InputError(argument, must, f"{size}, and this machine has {memory / 1e9:.3g} GB")


def positive(argument: str, value: object) -> float:
    """A finite number above 0."""
    number = _float(value)
    if not 0 < number < math.inf:
        raise InputError(argument, "be a number > 0", f"it was {value!r}")
    return number


def one_each(argument: str, values: object, count: int, of: str) -> None:
    """Refuse what is not a sequence of ``count`` of something, such as one policy a player."""
    if not hasattr(values, "__len__") or len(values) != count:
        was = f"it held {len(values)}" if hasattr(values, "__len__") else f"it was {values!r}"
        raise InputError(argument, f"hold {count} {of}", was)


def inverse_temperature(argument: str, beta: object) -> float:
    """β in [−∞, ∞]; only NaN and non-numbers are refused."""
    value = _float(beta)
    if math.isnan(value):
        raise InputError(argument, "be a number in [-inf, inf]", f"it was {beta!r}")
    return value


def discount_factor(argument: str, discount: object) -> float:
    """γ in [0, 1)."""
    value = _float(discount)
    if not 0 <= value < 1:
        raise InputError(argument, "be a number in [0, 1)", f"it was {discount!r}")
    return value


def _float(value: Any) -> float:
    """``value`` as a float, NaN where it is none; an integer beyond float64 is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def one_of(argument: str, name: str, known: Collection[str]) -> str:
    """``name`` if it is known, else an error that suggests the nearest known name."""
    if isinstance(name, str) and name in known:
        return name
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.4)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise InputError(argument, f"be one of {', '.join(sorted(known))}", f"it was {name!r}{hint}")


def text(argument: str, value: object) -> str:
    """A string that every file format can hold: no NUL, no lone surrogates."""
    if not isinstance(value, str):
        raise InputError(argument, "be a string", f"it was {value!r}")
    if "\0" in value or (not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)):
        raise InputError(
            argument, "be text without NUL or surrogate characters", f"it was {value!r}"
        )
    return str(value)


def labels(argument: str, values: object, count: int, of: str) -> tuple[str, ...]:
    """``count`` different, non-empty labels for ``of`` (such as "states")."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(argument, f"be a list of {count} labels for {of}", f"it was {values!r}")
    checked = tuple(text(f"{argument}[{k}]", value) for k, value in enumerate(values))
    if len(checked) != count:
        raise InputError(
            argument, f"hold {count} labels, one for each of the {of}", f"it held {len(checked)}"
        )
    if len(set(checked)) != count or "" in checked:
        seen: dict[str, int] = {}
        for k, label in enumerate(checked):
            if label == "":
                raise InputError(argument, "hold non-empty labels", f"entry {k} was ''")
            if label in seen:
                raise InputError(
                    argument,
                    "hold different labels",
                    f"entries {seen[label]} and {k} were both {label!r}",
                )
            seen[label] = k
    return checked


def read_only(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same array, locked."""
    array.flags.writeable = False
    return array
