"""Gambit's .nfg: files that Gambit wrote, every variant of the format, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.games.formats import nfg

HERE = Path(__file__).parent / "nfg"
EXAMPLES = Path(__file__).parents[2] / "examples" / "games"


def read(text: str) -> tm.MatrixGame:
    return nfg.decode(text.encode())


def test_outcome_form_written_by_gambit() -> None:
    game = tm.load_game(EXAMPLES / "stag-hunt.nfg")
    assert np.array_equal(game.payoffs, tm.games.stag_hunt().payoffs)
    assert game.actions == (("stag", "hare"), ("stag", "hare"))
    assert game.players == ("Row", "Column")
    assert game.name == "Stag hunt"
    assert game.source.startswith("Hunting the stag")


def test_rationals_decimals_escapes_and_newlines_written_by_gambit() -> None:
    game = tm.load_game(HERE / "rationals.nfg")
    assert game.name == 'Say "hello"'
    assert game.players == ('Ann "A"', "Bob")
    assert game.source == "line one\nline two"
    assert game.actions == (("up", "do\\wn"), ("l", "m", "r"))
    assert game.payoffs[0].tolist() == [[1 / 3, 2.5, -4], [0, 0.001, -3.5]]
    assert game.payoffs[1].tolist() == [[1, 2, 3], [4, 5, float(Fraction(22, 7))]]


def test_three_players_with_a_null_outcome_written_by_gambit() -> None:
    game = tm.load_game(HERE / "three-players.nfg")
    want = np.arange(12).reshape(2, 3, 2) + np.array([0, 100, 200]).reshape(3, 1, 1, 1)
    want[:, 0, 0, 1] = 0  # outcome 0
    assert np.array_equal(game.payoffs, want)


def test_payoff_form_written_by_gambit_from_an_extensive_game() -> None:
    game = tm.load_game(HERE / "entry.nfg")
    assert game.payoffs[0].tolist() == [[-5 / 3, 13 / 6], [0, 0]]
    assert game.payoffs[1].tolist() == [[-5 / 3, 1], [2, 2]]


def test_the_first_players_strategy_runs_fastest() -> None:
    """The example of Gambit's documentation: a 3×2 game in the oldest form."""
    game = read('NFG 1 R "old" { "P" "Q" } { 3 2 }\n\n1 1 0 2 0 2 1 1 0 3 2 0')
    assert game.actions is None
    assert game.payoffs[0].tolist() == [[1, 1], [0, 0], [0, 2]]
    assert game.payoffs[1].tolist() == [[1, 1], [2, 3], [2, 0]]


def test_optional_parts_and_spacing() -> None:
    body = " 1 2 3 4 5 6 7 8"
    plain = read('NFG 1 R "t" { "A" "B" } { { "a" "b" } { "c" "d" } }' + body)
    assert read('NFG 1 D "t"{"A""B"}{{"a""b"}{"c""d"}}""\t' + body + "\r\n") == plain
    assert read('\ufeffNFG\n1\nR\n"t" { "A" "B" }\n{ { "a" "b" } { "c" "d" } }' + body) == plain
    table = '{ { "x" 1, 2 } { "" 3 4 } { "y" 5, 6, } { "" 7, 8 } } 1 2 3 4'
    assert read('NFG 1 R "t" { "A" "B" } { { "a" "b" } { "c" "d" } } ' + table) == plain


def test_every_kind_of_numeral() -> None:
    text = 'NFG 1 R "" { "A" "B" } { 5 1 } .5 -.5 +4 4. 1.5e-3 1E2 -1/3 22/7 0 -0'
    assert read(text).payoffs.T.ravel().tolist() == [
        0.5, -0.5, 4.0, 4.0, 0.0015, 100.0, -1 / 3, 22 / 7, 0.0, 0.0,
    ]  # fmt: skip


def test_outcomes_may_repeat_and_be_null() -> None:
    game = read('NFG 1 R "" { "A" "B" } { 2 2 } "" { { "w" 1/3 2 } } 1 0 0 1')
    assert game.payoffs[0].tolist() == [[1 / 3, 0], [0, 1 / 3]]


def test_empty_and_repeated_labels_are_numbered_as_gambit_does() -> None:
    game = read('NFG 1 R "" { "A" "A" } { { "" "x" "x" "x_1" } { "1" "2" } }' + " 1" * 16)
    assert game.players == ("A_1", "A_2")
    assert game.actions == (("_1", "x_2", "x_3", "x_1"), ("1", "2"))


def test_latin_1_bytes_are_read() -> None:
    text = 'NFG 1 R "Küchen" { "A" "B" } { 1 1 } 1 2'
    assert nfg.decode(text.encode("latin-1")).name == "Küchen"


def test_written_text_is_what_gambit_writes_apart_from_outcomes() -> None:
    game = tm.MatrixGame(
        [[[1 / 3, 1e-7], [2, -0.5]], [[1, 2], [3, 1e21]]],
        actions=[["u", "d"], ["l", 'r"']],
        name="t",
        source="c",
    )
    assert nfg.encode(game).decode() == (
        'NFG 1 R "t" { "Player 1" "Player 2" }\n\n{ { "u" "d" }\n{ "l" "r\\"" }\n}\n"c"\n\n'
        "1/3 1\n2 3\n0.0000001 2\n-0.5 1000000000000000000000\n"
    )


@pytest.mark.parametrize("outcomes", [False, True])
@pytest.mark.parametrize(
    "text",
    ["plain", "", "a\\b", "a\\\\b", 'x\\"', "x\\", '"', "\\\\", '\\\\\\"', "2\nlines", "é∞"],
)
def test_round_trip_of_awkward_text(text: str, outcomes: bool) -> None:
    label = text or "x"
    game = tm.MatrixGame(
        [[1, 2], [3, 4]],
        name=text,
        source=text,
        players=[label, "q"],
        actions=[[label, "b"], ["c", label]],
    )
    assert nfg.decode(nfg.encode(game, outcomes=outcomes)) == game


HEAD = 'NFG 1 R "t" { "A" "B" } '
#: the text, and what the message says
BAD = [
    ("", "line 1 must have 'NFG'; the file ended"),
    ("EFG 2 R", "line 1 must have 'NFG'; it was 'EFG 2 R'"),
    ('NFG 2 R "t"', "line 1 must have '1'; it was '2 R"),
    ('NFG 1 Q "t"', "data type R or D"),
    ("NFG 1 R t", "a quoted string; it was 't'"),
    ('NFG 1 R "t', "a closing quote; the string is never closed"),
    ('NFG 1 R "t" { "A" } { 2 } 1 2', "two players or more; the list has 1"),
    ('NFG 1 R "t" { "A" 3 } { 2 2 }', "'}'; it was '3 } { 2 2 }'"),
    (HEAD + "{ 2 }", "a positive number of strategies for each of 2 players; it was '}'"),
    (HEAD + "{ 2 0 } 1", "a positive number of strategies"),
    (HEAD + "{ 2 -2 } 1", "a positive number of strategies"),
    (HEAD + "{ 2 2.5 } 1", "a positive number of strategies"),
    (HEAD + "{ 999999999 999999999 } 1 2", "number 3 is missing; the file ended"),
    (HEAD + '{ { "a" } { } } 1 2', "at least one strategy; the list has 0"),
    (HEAD + '{ { "a" } } 1 2', "'{'; it was '} 1 2'"),
    (HEAD + "{ 2 1 }\n1 2\n3", "line 3 must have 4 payoffs (2 profiles of 2 players); number 4"),
    (HEAD + "{ 2 1 } 1 2 3 4 5", "the end of the file after the last of 2 strategy profiles"),
    (HEAD + "{ 2 1 } 1 2 3 x", "number 4 is missing; it was 'x'"),
    (HEAD + "{ 2 1 } 1 2 3 1e999", "range of float64"),
    (HEAD + "{ 2 1 } 1 2 3 1/0", "denominator 0"),
    (HEAD + "{ 2 1 } 1 2 3 4x", "a number, a string, a word or a brace; it was '4x'"),
    (HEAD + "{ 2 1 } 1 2 3 nan", "number 4 is missing; it was 'nan'"),
    (HEAD + '{ 2 1 } { { "o" 1 } } 1 1', "2 payoffs, of which this is number 2"),
    (HEAD + '{ 2 1 } { { "o" 1 2 } } 1 2', "an outcome 0..1 for each of 2 profiles; it was '2'"),
    (HEAD + '{ 2 1 } { { "o" 1 2 } } 1', "for each of 2 profiles; the file ended"),
    (HEAD + "{ 2 1 } { { 1 2 } } 1 1", "a quoted string; it was '1 2 } } 1 1'"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_malformed_text_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.nfg"
    path.write_text(text)
    with pytest.raises(tm.InputError) as caught:
        tm.load_game(path)
    assert message in str(caught.value)
    assert "bad.nfg" in str(caught.value)


def test_every_truncation_of_a_real_file_is_refused() -> None:
    text = (HERE / "three-players.nfg").read_text().rstrip()
    for stop in range(len(text)):
        if text[:stop].rstrip() != text and not text.startswith(text[:stop] + "1"):
            with pytest.raises(tm.InputError):
                read(text[:stop])


def test_stochastic_games_do_not_fit() -> None:
    with pytest.raises(tm.InputError, match=r"game must be a MatrixGame to be saved as \.nfg"):
        nfg.encode(tm.games.grid_game_1())
