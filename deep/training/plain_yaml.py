"""Read the plain part of YAML that experiments are written in: names, values and sections.

    name: value          # a comment
    section:
      name: value        indented further than its section; sections may be nested

Values stay text: what they must be is said by the field they are for, so ``5e-4`` is a number here
(YAML 1.1 reads it as text) and ``off`` is not a truth value by accident. What is read here, any
YAML reader reads alike; what is not plain (lists by dashes, anchors, text over several lines) is
refused with its line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias

from tabular_marl.validation import InputError

Section: TypeAlias = "dict[str, str | Section]"

_LINE = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z_][\w.-]*) *:(?: +(?P<value>.*))?$")
_NOT_PLAIN = tuple("&*!|>%@`{")


def read_yaml(path: Path) -> Section:
    """The sections and values of a file. Raises InputError with the line that cannot be read."""
    if not path.is_file():
        raise InputError("experiment", "be a published one or a file", f"{path} was not found")
    return parse_yaml(path.read_text(encoding="utf-8"), path.name)


def parse_yaml(text: str, file: str = "the text") -> Section:
    """The sections and values of ``text``.

    >>> parse_yaml("steps: 100\\nagent:\\n  hidden: 64  # wide")
    {'steps': '100', 'agent': {'hidden': '64'}}
    """
    whole: Section = {}
    open_sections: list[tuple[int, Section]] = [(0, whole)]
    empty: tuple[Section, str] | None = None  # the name that the next, deeper line would fill
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).rstrip()
        if not line:
            continue
        found = _LINE.fullmatch(line)
        value = found["value"] if found else None
        if found is None or (value or "").startswith(_NOT_PLAIN) or _half_quoted(value or ""):
            raise _unreadable(file, number, "be 'name: value' or 'section:'", raw)
        indent, name = len(found["indent"]), found["name"]
        if empty is not None and indent > open_sections[-1][0]:
            section: Section = {}
            empty[0][empty[1]] = section
            open_sections.append((indent, section))
        while indent < open_sections[-1][0]:
            open_sections.pop()
        if indent != open_sections[-1][0]:
            raise _unreadable(file, number, "be indented as far as its section", raw)
        here = open_sections[-1][1]
        if name in here:
            raise _unreadable(file, number, "name each thing once", raw)
        here[name] = "" if value is None else _unquoted(value.strip())
        empty = (here, name) if value is None else None
    return whole


def _half_quoted(value: str) -> bool:
    return value[:1] in ("'", '"') and (len(value) == 1 or value[-1] != value[0])


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in ("'", '"') else value


def _unreadable(file: str, number: int, must: str, raw: str) -> InputError:
    return InputError(f"line {number} of {file}", must, f"it was {raw.strip()!r}")
