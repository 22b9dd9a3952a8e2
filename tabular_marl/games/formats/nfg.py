"""Gambit's .nfg strategic games, read and written (Gambit documentation, "Game representation
formats").

    NFG 1 R "title" { "Player 1" "Player 2" }      R or D; both hold decimals and rationals
    { { "C" "D" } { "C" "D" } }                    strategies' labels, or counts: { 2 2 }
    "comment"                                      may be left out
    -1 -1  0 -3  -3 0  -2 -2                       payoff form: every player's payoff, profile
                                                   by profile, the first player's strategy fastest
    { { "" -1, -1 } { "" 0, -3 } … } 1 2 3 4       or outcome form: a table of outcomes, then each
                                                   profile's outcome; 0 pays everyone 0

Whitespace separates; commas between payoffs may be left out. Inside quotes a backslash escapes a
quote or a backslash and is itself otherwise (Gambit has no way to end a text with one). The title
is the game's ``name``, the comment its ``source``; names of outcomes are not kept. Empty or
repeated labels are numbered as Gambit numbers them.
We write the payoff form, whose numbers every version of Gambit takes.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from tabular_marl.games.formats.numbers import parse, plain_numeral
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError

_TOKEN = re.compile(
    r"""\s* (?: (?P<brace>[{},])
              | "(?P<string>[^"\\]*(?:\\.[^"\\]*)*)"
              | (?P<number>[+-]?(?:\d+/\d+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?=[\s{},"]|\Z))
              | (?P<word>[A-Za-z]\w*(?=[\s{},"]|\Z))
              | (?P<end>\Z) )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def decode(data: bytes) -> MatrixGame:
    """The game in the text of a .nfg file, payoff or outcome form, n ≥ 2 players."""
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        content = data.decode("latin-1")
    tokens = _Tokens(content)
    tokens.take("word", "NFG")
    tokens.take("number", "1")
    if tokens.value not in ("R", "D"):
        tokens.fail("data type R or D")
    tokens.next()
    title = tokens.take("string")
    players = tokens.strings("two players or more", least=2)
    actions, counts = _strategies(tokens, len(players))
    comment = tokens.take("string") if tokens.kind == "string" else ""
    profiles, n = math.prod(counts), len(players)
    if tokens.value == "{":
        table = _outcome_form(tokens, profiles, n)
    else:
        what = f"{profiles * n} payoffs ({profiles} profiles of {n} players)"
        table = [
            [tokens.number(f"{what}; number {n * k + i + 1} is missing") for i in range(n)]
            for k in range(profiles)
        ]
    if tokens.kind != "end":
        tokens.fail(f"the end of the file after the last of {profiles} strategy profiles")
    return MatrixGame(
        np.array(table).reshape(*reversed(counts), n).T,  # the first player's strategy fastest
        actions=actions,
        name=title,
        source=comment,
        players=_distinct(players),
    )


def encode(game: MatrixGame | StochasticGame, outcomes: bool = False) -> bytes:
    """The text of a .nfg file, in payoff form or with a table of outcomes."""
    if not isinstance(game, MatrixGame):
        raise InputError(
            "game", "be a MatrixGame to be saved as .nfg", f"it was {game!r}; save as .npz or .json"
        )
    n = game.num_players
    lines = [f"NFG 1 R {_quoted(game.name)} {_braced(game.players or ())}", ""]
    if game.actions is None:
        lines.append(f"{{ {' '.join(map(str, game.action_counts))} }}")
    else:
        lines += ["{ " + "\n".join(map(_braced, game.actions)), "}"]
    lines += [_quoted(game.source), ""]
    profiles = game.payoffs.T.reshape(-1, n)  # the transpose makes the first player fastest
    if outcomes:
        table = (", ".join(map(plain_numeral, payoffs)) for payoffs in profiles.tolist())
        lines += ["{", *(f'{{ "" {payoffs} }}' for payoffs in table), "}"]
        lines.append(" ".join(str(k + 1) for k in range(len(profiles))))
    else:
        lines += [" ".join(map(plain_numeral, payoffs)) for payoffs in profiles.tolist()]
    return ("\n".join(lines) + "\n").encode()


class _Tokens:
    """The tokens of a file, one at a time, with line numbers for messages."""

    def __init__(self, content: str) -> None:
        self.content = content
        self.at = 0  # where the current token begins
        self.stop = 0
        self.next()

    def next(self) -> None:
        """Move to the next token; it is (kind, value)."""
        match = _TOKEN.match(self.content, self.stop)
        if match is None:
            rest = self.content[self.stop :]
            self.at = self.stop + len(rest) - len(rest.lstrip())
            if rest.lstrip()[0] == '"':
                self.fail("a closing quote", was="the string is never closed")
            self.fail("a number, a string, a word or a brace", was=f"it was {self._shown()}")
        self.kind = str(match.lastgroup)
        self.value = match[self.kind]
        self.at, self.stop = match.start(self.kind), match.end()

    def take(self, kind: str, value: str | None = None) -> str:
        """The current token's value, which must be of this kind (and value); moves on."""
        if self.kind != kind or (value is not None and self.value != value):
            names = {"brace": "a brace", "string": "a quoted string", "number": "a number"}
            self.fail(repr(value) if value is not None else names.get(kind, f"a {kind}"))
        taken = self.value
        self.next()
        return re.sub(r'\\(["\\])', r"\1", taken) if kind == "string" else taken

    def strings(self, what: str, least: int) -> list[str]:
        """``{ "…" "…" }`` with at least so many strings."""
        self.take("brace", "{")
        found = []
        while self.kind == "string":
            found.append(self.take("string"))
        if self.value == "}" and len(found) < least:
            self.fail(what, was=f"the list has {len(found)}")
        self.take("brace", "}")
        return found

    def number(self, what: str) -> float:
        """A decimal or rational as the nearest float64."""
        if self.kind != "number":
            self.fail(what)
        value = parse(f"line {self.line}", self.value)
        self.next()
        return value

    def index(self, what: str, most: int | None = None) -> int:
        """A non-negative integer."""
        if self.kind != "number" or not self.value.isdigit() or len(self.value) > 9:
            self.fail(what)
        value = int(self.value)
        if most is not None and value > most:
            self.fail(what)
        self.next()
        return value

    @property
    def line(self) -> int:
        """The line of the current token, from 1."""
        return self.content.count("\n", 0, self.at) + 1

    def fail(self, expected: str, was: str | None = None) -> NoReturn:
        """Raise an InputError that names the line."""
        if was is None:
            was = "the file ended" if self.kind == "end" else f"it was {self._shown()}"
        raise InputError(f"line {self.line}", f"have {expected}", was)

    def _shown(self) -> str:
        return repr(self.content[self.at :].split("\n")[0][:30])


def _strategies(
    tokens: _Tokens, players: int
) -> tuple[tuple[tuple[str, ...], ...] | None, tuple[int, ...]]:
    """Labels and counts of each player's strategies; no labels where the file only counts."""
    tokens.take("brace", "{")
    if tokens.value == "{":
        lists = [tokens.strings("at least one strategy", least=1) for _ in range(players)]
        tokens.take("brace", "}")
        return tuple(_distinct(labels) for labels in lists), tuple(map(len, lists))
    what = f"a positive number of strategies for each of {players} players"
    counts = [tokens.index(what) for _ in range(players)]
    tokens.take("brace", "}")
    if 0 in counts:
        tokens.fail(what, was=f"the numbers were {counts}")
    return None, tuple(counts)


def _outcome_form(tokens: _Tokens, profiles: int, n: int) -> list[list[float]]:
    """The payoffs of every profile, by way of the table of outcomes."""
    table = [[0.0] * n]  # outcome 0 pays nothing
    tokens.take("brace", "{")
    while tokens.value == "{":
        tokens.next()
        tokens.take("string")
        payoffs = []
        for k in range(n):
            payoffs.append(tokens.number(f"{n} payoffs, of which this is number {k + 1}"))
            if tokens.value == ",":
                tokens.next()
        table.append(payoffs)
        tokens.take("brace", "}")
    tokens.take("brace", "}")
    what = f"an outcome 0..{len(table) - 1} for each of {profiles} profiles"
    return [table[tokens.index(what, len(table) - 1)] for _ in range(profiles)]


def _distinct(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels with the empty and the repeated ones numbered: x, x, "" become x_1, x_2, _1."""
    times = Counter(labels)
    used = set(labels)
    numbered: Counter[str] = Counter()
    result = []
    for label in labels:
        if times[label] > 1 or not label:
            fresh = label
            while fresh in used:
                numbered[label] += 1
                fresh = f"{label}_{numbered[label]}"
            used.add(fresh)
            label = fresh
        result.append(label)
    return tuple(result)


def _quoted(value: str) -> str:
    """A quoted string: quotes escaped, and backslashes where they would escape what follows."""
    return '"' + re.sub(r'\\(?=[\\"]|\Z)|"', r"\\\g<0>", value) + '"'


def _braced(values: Sequence[str]) -> str:
    return f"{{ {' '.join(map(_quoted, values))} }}"
