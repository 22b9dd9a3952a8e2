"""Numbers as text: float64 ↔ decimal or rational, without loss.

Reading rounds once: "p/q" and decimals become the nearest float64 (ties to even). Writing takes

    an integer below 2⁵³            3
    the shortest decimal            0.1        where it has at most MOST_DIGITS digits
    a fraction, q ≤ MOST_DENOMINATOR  1/3      where its nearest float64 is the number
    the shortest decimal            0.30000000000000004

so text → float → text keeps a fraction of that size or a short decimal, up to its lowest terms
and the choice between the two, and float → text → float is always exact.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from tabular_marl.validation import InputError

MOST_DIGITS = 8
MOST_DENOMINATOR = 10_000
#: Longer numerals are refused: they cannot be what anyone meant, and they take long to convert.
MOST_CHARACTERS = 1_000

_RATIONAL = re.compile(r"([+-]?[0-9]+)/([0-9]+)")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def parse(argument: str, numeral: str) -> float:
    """The float64 nearest to a decimal or to p/q.

    >>> parse("reward", "-1/3"), parse("reward", "2.5e-1")
    (-0.3333333333333333, 0.25)
    """
    must = 'be a number, as a decimal or "p/q"'
    shown = repr(numeral if len(numeral) <= 40 else numeral[:37] + "...")
    if len(numeral) > MOST_CHARACTERS:
        raise InputError(argument, f"have at most {MOST_CHARACTERS} characters", f"it was {shown}")
    rational = _RATIONAL.fullmatch(numeral)
    if rational is None and _DECIMAL.fullmatch(numeral) is None:
        raise InputError(argument, must, f"it was {shown}")
    try:
        value = float(Fraction(*map(int, rational.groups())) if rational else numeral)
    except ZeroDivisionError:
        raise InputError(argument, must, f"it was {shown}, with denominator 0") from None
    except OverflowError:
        value = float("inf")
    if value in (float("inf"), float("-inf")):
        raise InputError(argument, "be within the range of float64", f"it was {shown}")
    return value


def numeral(value: float) -> str:
    """The text that :func:`parse` reads back as exactly ``value``.

    >>> [numeral(x) for x in (3.0, 0.1, 1 / 3, 0.1 + 0.2, -0.0, 1e300)]
    ['3', '0.1', '1/3', '0.30000000000000004', '-0.0', '1e+300']
    """
    if value == int(value) and abs(value) < 2**53:
        return repr(value) if str(value) == "-0.0" else str(int(value))
    shortest = repr(float(value))
    if sum(character.isdigit() for character in shortest) > MOST_DIGITS:
        fraction = Fraction(value).limit_denominator(MOST_DENOMINATOR)
        if float(fraction) == value and fraction.denominator > 1:
            return str(fraction)
    return shortest


def plain_numeral(value: float) -> str:
    """:func:`numeral` without an exponent, which not every reader of .nfg files takes.

    >>> plain_numeral(2.5e-7)
    '0.00000025'
    """
    text = numeral(value)
    return format(Decimal(text), "f") if "e" in text else text
