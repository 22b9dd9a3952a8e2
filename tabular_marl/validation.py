"""Input errors: one place and one wording.

Every message names the argument, says what it must be, and what it was:
``reward must hold finite numbers; entry [0, 1, 0] was nan``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Rows of probabilities may miss 1 by this much (rounding of the caller's arithmetic), no more.
ROW_SUM_TOLERANCE = 1e-9


class InputError(ValueError):
    """An argument is not what it must be; the message names it, the rule and the offending value."""

    def __init__(self, argument: str, must: str, was: object) -> None:
        super().__init__(f"{argument} must {must}; {was}")
        self.argument = argument


def finite_array(
    argument: str, values: ArrayLike, shape: Sequence[int | None] | None = None
) -> NDArray[np.float64]:
    """A fresh float64 copy of ``values``; None in ``shape`` matches any length of that axis."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(argument, "be an array of numbers", f"it was not ({error})") from None
    if shape is not None and (
        array.ndim != len(shape)
        or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True))
    ):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise InputError(argument, f"have shape {wanted}", f"it had {array.shape}")
    bad = ~np.isfinite(array)
    if bad.any():
        entry = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            argument, "hold finite numbers", f"entry {list(entry)} was {array[entry]}"
        )
    return array


def probability_rows(
    argument: str,
    values: ArrayLike,
    shape: Sequence[int | None] | None = None,
    axis: int = -1,
) -> NDArray[np.float64]:
    """A fresh copy of non-negative ``values`` that sum to one along ``axis`` within rounding."""
    array = finite_array(argument, values, shape)
    if (array < 0).any():
        entry = tuple(int(i) for i in np.argwhere(array < 0)[0])
        raise InputError(
            argument, "hold probabilities >= 0", f"entry {list(entry)} was {array[entry]}"
        )
    sums = array.sum(axis=axis)
    wrong = np.abs(sums - 1) > ROW_SUM_TOLERANCE
    if np.any(wrong):
        row = tuple(int(i) for i in np.argwhere(wrong)[0]) if np.ndim(sums) else ()
        raise InputError(
            argument,
            "have rows that sum to 1",
            f"row {list(row)} summed to {float(sums[row]):.12g}",
        )
    return array


def inverse_temperature(argument: str, beta: float) -> float:
    """β in [−∞, ∞]; only NaN and non-numbers are refused."""
    try:
        value = float(beta)
    except (TypeError, ValueError):
        raise InputError(argument, "be a number in [-inf, inf]", f"it was {beta!r}") from None
    if math.isnan(value):
        raise InputError(argument, "be a number in [-inf, inf]", "it was nan")
    return value


def discount_factor(argument: str, discount: float) -> float:
    """γ in [0, 1)."""
    try:
        value = float(discount)
    except (TypeError, ValueError):
        raise InputError(argument, "be a number in [0, 1)", f"it was {discount!r}") from None
    if not 0 <= value < 1:
        raise InputError(argument, "be a number in [0, 1)", f"it was {discount!r}")
    return value


def one_of(argument: str, name: str, known: Collection[str]) -> str:
    """``name`` if it is known, else an error that suggests the nearest known name."""
    if name in known:
        return name
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.4)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise InputError(
        argument, f"be one of {', '.join(sorted(known))}", f"it was {name!r}{hint}"
    )


def read_only(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same array, locked."""
    array.flags.writeable = False
    return array
