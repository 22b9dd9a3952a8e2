"""Symbolic: statements decided by rational-function algebra.

With x_k = log t_k and β = 1 (every claim about F_β is one about F_1 in the units y = β x), a free
energy is the logarithm of a polynomial in positive symbols, so most identities become rational
identities, and inequalities often become polynomials whose coefficients all have one sign.
Only ``cancel`` and ``Poly`` decide, never ``simplify``: what they return is a normal form.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabular_marl.verification.claim import Claim, Options
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.scope import Scope


@dataclass(frozen=True)
class Proof:
    """One decided step: ``holds`` is True, or False/None where the algebra says no/cannot say."""

    holds: bool | None
    what: str
    how: str


@dataclass(frozen=True)
class Symbolic:
    """``prove()`` returns the :class:`Proof` or proofs that together are the claim on ``scope``
    (the claim's own scope by default)."""

    prove: Callable[[], Proof | Iterable[Proof]]
    scope: Scope | None = None

    def stated_scope(self, claim: Claim) -> Scope:
        return claim.scope if self.scope is None else self.scope

    def run(self, claim: Claim, options: Options) -> Evidence:
        """Proved if every step is."""
        start = time.perf_counter()
        found = self.prove()
        proofs = [found] if isinstance(found, Proof) else list(found)
        done = bool(proofs) and all(p.holds is True for p in proofs)
        failed = [p for p in proofs if p.holds is not True]
        return Evidence(
            "symbolic",
            Outcome.PROVED if done else Outcome.UNDECIDED,
            self.stated_scope(claim),
            count=len(proofs),
            detail="; ".join(f"{p.what}: {p.how}" for p in (failed or proofs)),
            seconds=time.perf_counter() - start,
        )


def positive(name: str, *shape: int) -> Any:
    """Positive SymPy symbols: one, or an ndarray of this shape.

    >>> positive("t"), positive("p", 2)
    (t, array([p0, p1], dtype=object))
    """
    import sympy

    if not shape:
        return sympy.Symbol(name, positive=True)
    out: NDArray[Any] = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        label = name + "_".join(str(i) for i in index)
        out[index] = sympy.Symbol(label, positive=True)
    return out


def prove_zero(expression: Any, what: str = "") -> Proof:
    """Decide that an expression (or every entry of an array) is identically zero.

    Rational functions of symbols: ``cancel`` gives 0. With logarithms of rational functions of
    positive symbols: each log is split into logs of irreducible factors, which are algebraically
    independent, and the expression must cancel to 0 with those as further symbols. A maximum, an
    absolute value and an exponential of anything but logs stand for themselves: a True holds
    whatever they are, and nothing is called False. A condition such as Σ p = 1 is put in by the
    caller, by substitution.

    >>> t, u = positive("t"), positive("u")
    >>> prove_zero((t**2 - 1) / (t - 1) - t - 1).holds, prove_zero(t - u).holds
    (True, False)
    >>> import sympy
    >>> prove_zero(t * sympy.log(t * u + u**2) - t * sympy.log(u) - t * sympy.log(t + u)).holds
    True
    >>> x = sympy.Symbol("x", real=True)  # log x² is not 2 log x where x < 0
    >>> print(prove_zero(sympy.log(x**2) - 2 * sympy.log(x)).holds)
    None
    >>> top = sympy.Max(sympy.log(t), sympy.log(u))
    >>> prove_zero(sympy.exp(top) * sympy.exp(sympy.log(t) - top) - t).holds
    True
    """
    import sympy

    entries = [sympy.sympify(e) for e in np.asarray(expression, dtype=object).flat]
    name = what or f"{_short(entries[0])} = 0"
    for entry in entries:
        named, opaque = _others_as_symbols(entry)
        split, whole = _logs_as_symbols(named)
        if split.has(sympy.exp, sympy.log):
            return Proof(None, name, f"{_short(entry)} is not rational in symbols and their logs")
        left = sympy.cancel(sympy.together(split))
        if left != 0:
            holds = None if whole or opaque else False
            return Proof(holds, name, f"cancel leaves {_short(left)}")
    how = f"cancel gives 0 ({len(entries)} identit{'y' if len(entries) == 1 else 'ies'})"
    return Proof(True, name, how)


def prove_nonnegative(expression: Any, what: str = "") -> Proof:
    """Decide that a rational function of positive symbols is >= 0: after ``cancel``, numerator and
    denominator each have coefficients of one sign (sufficient, not necessary). Squares may be
    pulled out by the caller, who then proves the identity with :func:`prove_zero`.

    >>> t, u = positive("t"), positive("u")
    >>> prove_nonnegative(t / u + u / t).holds, prove_nonnegative(t - u).holds
    (True, None)
    """
    return _prove_sign(expression, what, strict=False)


def prove_positive(expression: Any, what: str = "") -> Proof:
    """As :func:`prove_nonnegative`, and not the zero polynomial: > 0 at positive symbols."""
    return _prove_sign(expression, what, strict=True)


def _prove_sign(expression: Any, what: str, strict: bool) -> Proof:
    import sympy

    entries = [sympy.sympify(e) for e in np.asarray(expression, dtype=object).flat]
    relation = ">" if strict else ">="
    terms = 0
    for entry in entries:
        numerator, denominator = sympy.fraction(sympy.cancel(sympy.together(entry)))
        name = what or f"{_short(entry)} {relation} 0"
        if any(not s.is_positive for s in entry.free_symbols):
            return Proof(None, name, "a symbol is not known to be positive")
        signs = [_coefficient_sign(numerator), _coefficient_sign(denominator)]
        if None in signs:
            return Proof(None, name, f"coefficients of both signs in {_short(numerator)}")
        product = int(signs[0] or 0) * int(signs[1] or 0)
        if product < 0 or (strict and product == 0):
            return Proof(False, name, f"equals {_short(numerator / denominator)}")
        terms += len(sympy.Add.make_args(sympy.expand(numerator)))
    name = what or f"{_short(entries[0])} {relation} 0"
    return Proof(True, name, f"all {terms} coefficients of the cancelled numerators have one sign")


def _coefficient_sign(polynomial: Any) -> int | None:
    """1, −1 or 0 if all coefficients agree; None if they do not, or it is no polynomial."""
    import sympy

    if polynomial.is_number:
        return int(sympy.sign(polynomial)) if polynomial.is_rational else None
    try:
        coefficients = sympy.Poly(polynomial, *sorted(polynomial.free_symbols, key=str)).coeffs()
    except sympy.PolynomialError:
        return None
    signs = {int(sympy.sign(c)) for c in coefficients if c != 0}
    return signs.pop() if len(signs) == 1 else None


def _others_as_symbols(expression: Any) -> tuple[Any, bool]:
    """The expression with each max, min and |·| replaced by the log of a positive symbol, then each
    remaining e^(…) by a positive symbol; and whether there was any."""
    import sympy

    def fresh(part: Any) -> Any:
        return sympy.Symbol(f"e^({part})", positive=True)

    kinds = (sympy.Max, sympy.Min, sympy.Abs)
    found = {part: sympy.log(fresh(part)) for part in expression.atoms(*kinds)}
    named = expression.xreplace(found)
    powers = {}
    for power in named.atoms(sympy.exp):
        exponent = sympy.cancel(sympy.together(power.args[0]))
        down = exponent.could_extract_minus_sign()
        powers[power] = 1 / fresh(-exponent) if down else fresh(exponent)
    return named.xreplace(powers), bool(found or powers)


def _logs_as_symbols(expression: Any) -> tuple[Any, bool]:
    """The expression with each log(e) replaced by Σ m_i L_i, where e = Π f_i^m_i with irreducible
    f_i > 0 and L_i a symbol for log f_i; and whether some log had to stay whole, or some factor may
    split further, as it holds a root."""
    import sympy

    whole = False
    replaced = {}
    for log in expression.atoms(sympy.log):
        argument = sympy.cancel(sympy.together(log.args[0]))
        factors = _positive_factors(argument)
        if factors is None:
            replaced[log], whole = sympy.Symbol(f"log({argument})"), True
            continue
        replaced[log] = sum((m * sympy.Symbol(f"log({f})") for f, m in factors), sympy.Integer(0))
        whole = whole or any(not m.is_integer or _has_root(f) for f, m in factors)
    return expression.xreplace(replaced), whole


def _positive_factors(argument: Any) -> list[tuple[Any, Any]] | None:
    """[(f, m)] with argument = Π f^m, every f a prime or irreducible with coefficients > 0 in
    positive symbols; None where there is no such product."""
    import sympy

    if any(not symbol.is_positive for symbol in argument.free_symbols):
        return None
    found = []
    for part in sympy.Mul.make_args(argument):
        base, power = part.as_base_exp()
        try:
            constant, factors = sympy.factor_list(base)
        except sympy.PolynomialError:
            return None
        if not power.is_rational or not constant.is_rational or constant <= 0:
            return None
        if any(_coefficient_sign(f) != 1 for f, _ in factors):
            return None
        for number, sign in ((constant.p, 1), (constant.q, -1)):
            found += [(sympy.Integer(f), sign * m * power) for f, m in _primes(number)]
        found += [(f, m * power) for f, m in factors]
    return found


def _primes(number: int) -> list[tuple[int, int]]:
    import sympy

    return list(sympy.factorint(number).items())


def _has_root(expression: Any) -> bool:
    import sympy

    return any(not power.exp.is_integer for power in expression.atoms(sympy.Pow))


def _short(expression: Any) -> str:
    shown = str(expression)
    return shown if len(shown) <= 160 else f"{shown[:157]}..."
