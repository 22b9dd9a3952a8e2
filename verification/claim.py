"""A claim as data, and the fingerprint of the code that states it."""

from __future__ import annotations

import functools
import hashlib
import inspect
import io
import sys
import sysconfig
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tabular_marl.validation import InputError, one_of
from tabular_marl.verification.arithmetic import rational
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.scope import Scope
from tabular_marl.verification.verdict import EXPECTATIONS

READINGS = ("printed", "corrected", "added")


@dataclass(frozen=True)
class Options:
    """How hard a run looks: instances a sample, the seed, known instances.

    ``examples`` None leaves each sample its own number; ``known`` are instances of the corpus.
    """

    examples: int | None = None
    seed: int = 0
    known: tuple[dict[str, Any], ...] = ()


@runtime_checkable
class Check(Protocol):
    """Something that finds evidence for or against a claim."""

    def run(self, claim: Claim, options: Options) -> Evidence:
        """Look, and say what was found."""
        ...

    def stated_scope(self, claim: Claim) -> Scope:
        """The scope that the evidence will be about, known before it is run."""
        ...


@dataclass(frozen=True)
class Claim:
    """A statement of a document, as printed or as corrected, or one that neither prints.

    ``id`` is dotted and stable; ``statement`` is LaTeX; ``source`` like "report (22)" or
    "report (22); report A.2.2"; ``assumes`` are sentences; ``note`` says what is wrong or why it
    is right; ``expects`` is the first word of the verdict that a healthy ledger shows
    ("holds": any of proved, exhausted, certified, supported); ``rests_on`` names claims without
    which this one means nothing.
    """

    id: str
    source: str
    reading: str
    statement: str
    scope: Scope
    checks: tuple[Check, ...]
    expects: str = "holds"
    assumes: tuple[str, ...] = ()
    note: str = ""
    rests_on: tuple[str, ...] = ()
    module: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.id or not set(self.id) <= set(_ID_CHARACTERS):
            raise InputError("id", "be made of letters, digits and . - _ +", f"it was {self.id!r}")
        one_of("reading", self.reading, READINGS)
        one_of("expects", self.expects, EXPECTATIONS)
        for name in ("checks", "assumes", "rests_on"):
            object.__setattr__(self, name, _tuple(getattr(self, name)))
        for check in self.checks:
            self._fit(check)

    def _fit(self, check: Check) -> None:
        """Refuse a check whose scope could never count, which is most often a misspelt name."""
        about = check.stated_scope(self)
        name = f"scope of {type(check).__name__} in claim {self.id}"
        if getattr(check, "samples", False):
            if not about.represents(self.scope):
                raise InputError(
                    name,
                    f"lie inside ({self.scope}) and meet each piece of it",
                    f"it was ({about})",
                )
        elif unknown := sorted(set(about) - set(self.scope)):
            raise InputError(
                name, "name only dimensions of the claim's scope", f"it named {', '.join(unknown)}"
            )

    def admits(self, instance: Mapping[str, Any]) -> bool:
        """Whether an instance's scalars lie in the scope, and, where a check's family says what its
        arrays are, its sizes do and its distributions sum to one."""
        numbers = {n: rational(v) for n, v in instance.items() if _is_scalar(v)}
        for check in self.checks:
            family = getattr(check, "family", None)
            if family is not None and set(instance) == set(dict(family.fields)):
                if not all(field.proper(instance[name]) for name, field in family.fields):
                    return False
                numbers.update(family.sizes_of(instance))
        return all(self.scope.contains(n, v) for n, v in numbers.items() if n in self.scope)

    @property
    def premises(self) -> tuple[str, ...]:
        """Every claim that this one, or one of its checks, rests on."""
        named = [*self.rests_on]
        for check in self.checks:
            named.extend(getattr(check, "rests_on", ()))
        return tuple(dict.fromkeys(named))

    def fingerprint(self) -> str:
        """A hash of everything that decides the evidence: code, scope, checks."""
        return fingerprint(self.scope, *self.checks, *self.rests_on)

    def error(self, message: str) -> Evidence:
        """Evidence that the claim's own code failed."""
        return Evidence("code", Outcome.ERROR, self.scope, detail=message)


_ID_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+"


def _is_scalar(value: Any) -> bool:
    return value is not None and np.ndim(value) == 0


def _tuple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def fingerprint(*parts: Any) -> str:
    """A short hash of data and of functions' sources.

    A function counts with its tokens (comments and layout do not matter), its closure, and the
    functions that it calls, except those of the ledger's tools and of installed packages.
    """
    seen: set[int] = set()
    lines: list[str] = []
    for part in parts:
        _describe(part, lines, seen)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _describe(part: Any, lines: list[str], seen: set[int]) -> None:
    if isinstance(part, functools.partial):
        for item in (part.func, *part.args, *sorted(part.keywords.items())):
            _describe(item, lines, seen)
    elif isinstance(part, FunctionType):
        if id(part) not in seen:
            seen.add(id(part))
            _describe_function(part, lines, seen)
    elif isinstance(part, (list, tuple)):
        lines.append(f"[{len(part)}")
        for item in part:
            _describe(item, lines, seen)
    elif isinstance(part, dict):
        for key in sorted(part, key=str):
            lines.append(str(key))
            _describe(part[key], lines, seen)
    elif hasattr(part, "__dataclass_fields__"):
        lines.append(type(part).__name__)
        for name in part.__dataclass_fields__:
            lines.append(name)
            _describe(getattr(part, name), lines, seen)
    elif callable(part):
        lines.append(getattr(part, "__qualname__", type(part).__qualname__))
    else:
        shown = repr(part)
        lines.append(type(part).__qualname__ if " at 0x" in shown else shown)


def _describe_function(function: FunctionType, lines: list[str], seen: set[int]) -> None:
    lines.append(_source(function))
    for cell in function.__closure__ or ():
        try:
            _describe(cell.cell_contents, lines, seen)
        except ValueError:  # a cell that is still empty
            lines.append("empty cell")
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        _describe(default, lines, seen)
    names = _names(function.__code__)
    for name in sorted(names):
        called = function.__globals__.get(name)
        if isinstance(called, ModuleType):
            if _is_own(called.__name__):
                for part in sorted(names & set(vars(called))):
                    _describe_global(part, vars(called)[part], function, lines, seen)
        else:
            _describe_global(name, called, function, lines, seen)


def _describe_global(
    name: str, called: Any, caller: FunctionType, lines: list[str], seen: set[int]
) -> None:
    if isinstance(called, FunctionType) and _is_statement(called, caller):
        _describe(called, lines, seen)
    elif isinstance(called, type) and _is_statement(called, caller):
        lines.append(_source(called))
    elif isinstance(called, (int, float, str, Fraction, tuple, list, dict)):
        lines.append(f"{name} = {called!r}")


def _is_statement(called: Any, caller: FunctionType) -> bool:
    """Whether a called function is part of what is claimed, not of the tools."""
    home = called.__module__ or ""
    return home == caller.__module__ or _is_own(home)


@functools.cache
def _is_own(module: str) -> bool:
    """Whether a module states claims or was written beside them: neither tool nor package."""
    if module.partition(".")[0] == "tabular_marl":
        return ".verification.claims" in module
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return False
    path = Path(file)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    standard = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    return not installed and not any(path.is_relative_to(place) for place in standard)


def _names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


@functools.cache
def _source(function: Any) -> str:
    """The tokens of a function's or a class's source, without comments and layout."""
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):  # typed at a prompt: the byte code has to do
        code = getattr(function, "__code__", None)
        if code is None:
            return str(function.__qualname__)
        constants = [c for c in code.co_consts if not isinstance(c, CodeType)]
        return f"{code.co_code.hex()} {constants!r} {code.co_names!r}"
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    try:
        tokens = tokenize.generate_tokens(io.StringIO(inspect.cleandoc("\n" + source)).readline)
        return " ".join(t.string for t in tokens if t.type not in skipped)
    except (tokenize.TokenError, IndentationError):
        return source
