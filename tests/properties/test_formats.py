"""Files: what is saved loads back equal, bit for bit; what is broken is refused by name."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from fractions import Fraction
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis.extra import numpy as hnp
from scipy import sparse

import tabular_marl as tm
from tabular_marl.games import formats
from tabular_marl.games.formats import files, jsonfile, nfg, npz
from tabular_marl.games.formats.numbers import numeral, parse, plain_numeral

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
LABEL = TEXT.filter(bool)


@st.composite
def matrix_games(draw: st.DrawFn) -> tm.MatrixGame:
    counts = draw(st.lists(st.integers(1, 3), min_size=2, max_size=3))
    payoffs = draw(hnp.arrays(np.float64, (len(counts), *counts), elements=FINITE))
    labels = st.tuples(*(st.lists(LABEL, min_size=n, max_size=n, unique=True) for n in counts))
    players = st.lists(LABEL, min_size=len(counts), max_size=len(counts), unique=True)
    return tm.MatrixGame(
        payoffs,
        actions=draw(st.none() | labels),
        name=draw(TEXT),
        source=draw(TEXT),
        players=draw(st.none() | players),
    )


@st.composite
def stochastic_games(draw: st.DrawFn) -> tm.StochasticGame:
    states = draw(st.integers(1, 3))
    counts = tuple(draw(st.lists(st.integers(1, 2), min_size=2, max_size=3)))
    two = len(counts) == 2
    shape = (states, *counts)
    weight = draw(hnp.arrays(np.float64, (*shape, states), elements=st.floats(0, 1)))
    weight[..., 0] += weight.sum(axis=-1) == 0
    rows = weight / weight.sum(axis=-1, keepdims=True)
    rewards = hnp.arrays(np.float64, shape if two else (len(counts), *shape), elements=FINITE)
    return tm.StochasticGame(
        sparse.csr_array(rows.reshape(-1, states)) if draw(st.booleans()) else rows,
        draw(rewards),
        draw(st.none() | rewards) if two else None,
        discount=draw(st.floats(0, 1, exclude_max=True)),
        states=draw(st.none() | st.lists(LABEL, min_size=states, max_size=states, unique=True)),
        actions=None if draw(st.booleans()) else [[f"a{k}" for k in range(n)] for n in counts],
        name=draw(TEXT),
        source=draw(TEXT),
        initial=draw(st.none() | st.integers(0, states - 1)),
    )


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.tobytes() == other.tobytes()


@given(matrix_games())
def test_matrix_games_round_trip_in_every_format(game: tm.MatrixGame) -> None:
    for text in (
        nfg.encode(game),
        nfg.encode(game, outcomes=True),
    ):
        back = nfg.decode(text)
        assert back == game
        assert same_bits(back.payoffs, game.payoffs)
    for module in (jsonfile, npz):
        back = module.decode(module.encode(game))
        assert back == game
        assert same_bits(back.payoffs, game.payoffs)


@given(stochastic_games())
def test_stochastic_games_round_trip(game: tm.StochasticGame) -> None:
    for module in (jsonfile, npz):
        back = module.decode(module.encode(game))
        assert back == game
        assert back.is_sparse == game.is_sparse
        assert same_bits(back.reward, game.reward)


@given(FINITE)
@example(5e-324)
@example(1.7976931348623157e308)
@example(-0.0)
@example(2.0**53)
@example(1e22)
def test_float_to_text_to_float_is_exact(value: float) -> None:
    for text in (numeral(value), plain_numeral(value)):
        back = parse("x", text)
        assert back == value
        assert np.signbit(back) == np.signbit(value)
    assert "e" not in plain_numeral(value)
    json.loads(numeral(value) if "/" not in numeral(value) else "0")


@given(st.integers(-(10**6), 10**6), st.integers(1, 10_000))
def test_fractions_survive_in_lowest_terms_or_as_short_decimals(p: int, q: int) -> None:
    text = numeral(parse("x", f"{p}/{q}"))
    assert Fraction(text) == Fraction(p, q)


@given(st.fractions())
def test_rationals_are_read_to_the_nearest_float(value: Fraction) -> None:
    read = parse("x", f"{value.numerator}/{value.denominator}")
    error = abs(Fraction(read) - value)
    for neighbour in (np.nextafter(read, -np.inf), np.nextafter(read, np.inf)):
        assert error <= abs(Fraction(float(neighbour)) - value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1/2/3",
        "1/-2",
        "0x10",
        "1_000",
        "inf",
        "nan",
        "١",
        "1/0",
        "1e999",
        "9" * 2000,
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(tm.InputError, match=r"^reward\[0\] must "):
        parse("reward[0]", text)


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", tm.games.REGISTRY)
def test_named_games_survive_being_saved(name: str, tmp_path: Path) -> None:
    game = tm.games.named(name)
    suffixes = [".npz", ".json"] + ([".nfg"] if isinstance(game, tm.MatrixGame) else [])
    for suffix in suffixes:
        path = tmp_path / f"{name}{suffix}"
        tm.save_game(game, path)
        tm.save_game(game, str(path))  # over the old one
        assert tm.load_game(path) == game
    assert len(os.listdir(tmp_path)) == len(suffixes)  # no temporary files stay


def test_what_numpy_users_write_by_hand(tmp_path: Path) -> None:
    game = tm.games.grid_game_2()
    path = tmp_path / "game.npz"
    np.savez_compressed(
        path, transition=np.asfortranarray(game.transition), reward=game.reward.astype(">f4"),
        discount=0.5,
    )  # fmt: skip
    loaded = tm.load_game(path)
    assert np.array_equal(loaded.transition, game.transition)
    assert np.array_equal(loaded.reward, game.reward)
    assert (loaded.discount, loaded.opponent_reward, loaded.name) == (0.5, None, "")
    np.savez(path, transition=np.ones((1, 1, 1, 1), dtype=int), reward=np.zeros((1, 1, 1), bool))
    assert tm.load_game(path).discount == 0.9


def test_json_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "game.json"
    path.write_text(
        '{"transition": [[[["1/3", "2/3"]]], [[[0, 1]]]], "reward": [[["-1/7"]], [[2.5]]],'
        ' "discount": "9/10", "initial": "b", "states": ["a", "b"], "opponent_reward": null}'
    )
    game = tm.load_game(path)
    assert game.transition[0, 0, 0].tolist() == [1 / 3, 2 / 3]
    assert game.reward.ravel().tolist() == [-1 / 7, 2.5]
    assert game.discount == 0.9
    assert game.initial.tolist() == [0, 1]
    thin = '{"transition": {"entries": [[0,0,0,1,"1/3"],[0,0,0,0,"2/3"],[1,0,0,1,1]]},'
    path.write_text(thin + ' "reward": [[[0]], [[1]]], "initial": 1}')
    game = tm.load_game(path)
    assert game.is_sparse
    assert game.transition.toarray().tolist() == [[2 / 3, 1 / 3], [0, 1]]
    assert game.initial.tolist() == [0, 1]


def test_the_json_example_keeps_its_rationals_when_saved_again(tmp_path: Path) -> None:
    game = tm.load_game(Path(__file__).parents[2] / "examples" / "games" / "two-doors.json")
    assert game.reward[0, 1].tolist() == [1 / 3, -1 / 3]
    assert game.state_labels[int(game.initial.argmax())] == "hall"
    tm.save_game(game, tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["reward"][0][1] == ["1/3", "-1/3"]
    assert again["transition"][0][1][1] == ["5/6", "1/6"]
    assert tm.load_game(tmp_path / "again.json") == game


R = '"reward": [[[0]], [[1]]]'
BAD_JSON = [
    ("", "JSON text in UTF-8"),
    ('{"payoffs": [[1', "JSON text in UTF-8"),
    (b"\xff\xfe", "JSON text in UTF-8"),
    ("[1, 2]", "be an object with a game's fields; it was a list"),
    ("{}", "payoffs, or transition and reward; its fields were []"),
    ('{"payoffs": null}', "payoffs, or transition and reward"),
    ('{"reward": [[[1]]]}', "its fields were ['reward']"),
    ('{"payoffs": [[1]], "reward": 1}', "field must be one of actions"),
    ('{"payoffs": [[1]], "payof": 1}', "did you mean 'payoffs'?"),
    ('{"payoffs": [[1]], "payoffs": [[2]]}', "'payoffs' was given more often"),
    ('{"payoffs": [[1, NaN]]}', "the file says NaN"),
    ('{"payoffs": [[1, -Infinity]]}', "the file says -Infinity"),
    ('{"payoffs": [[1, 1e999]]}', "payoffs[0][1] must be within the range of float64"),
    ('{"payoffs": [[1, "1/0"]]}', "payoffs[0][1] must be a number"),
    ('{"payoffs": [[1, "x"]]}', "payoffs[0][1] must be a number"),
    ('{"payoffs": [[1, true]]}', "payoffs[0][1] must be a number, \"p/q\", or a list of them"),
    ('{"payoffs": [[1, null]]}', "it was null"),
    ('{"payoffs": [[1, {}]]}', "it was an object"),
    ('{"payoffs": [[1, 2], [3]]}', "payoffs must be an array of numbers"),
    ('{"payoffs": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested so deeply"),
    ('{"payoffs": [[1, 2]], "actions": [["a"], ["b", 3]]}', "actions[1][1] must be a string; it"),
    ('{"payoffs": [[1, 2]], "name": 3}', "name must be a string; it was 3"),
    ('{"transition": [[[[1, 0]]], [[[0, 0.5]]]], ' + R + "}", "row [s=1, a=0, b=0] summed to 0.5"),
    ('{"transition": {"rows": []}, ' + R + "}", "field of transition must be one of entries"),
    ('{"transition": {"entries": 3}, ' + R + "}", "transition.entries must be a list"),
    ('{"transition": {"entries": [[0, 0, 0, 1]]}, ' + R + "}", "transition.entries[0] must be 4"),
    ('{"transition": {"entries": [[0, 0, 0, 2, 1]]}, ' + R + "}", "transition.entries[0][3] must"),
    ('{"transition": {"entries": [[0, 0, 0, -1, 1]]}, ' + R + "}", "an index below 2; it was -1"),
    ('{"transition": {"entries": [[0,0,0,1,1],[0,0,0,1,1]]}, ' + R + "}", "entry 1 repeats"),
    ('{"transition": {"entries": [[0,0,0,1,1]]}, ' + R + "}", "row [s=1, a=0, b=0] summed to 0"),
    ('{"transition": {"entries": []}, "reward": [1]}', "reward must have axes"),
    ('{"transition": {"entries": []}, "reward": {}}', "reward must be a number"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD_JSON)
def test_bad_json_is_refused_with_the_fields_path(text, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(tm.InputError) as caught:
        tm.load_game(path)
    assert message in str(caught.value)
    assert "bad.json" in str(caught.value)


def archive(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(shape: tuple[int, ...], data: bytes) -> bytes:
    """A .npy member whose header claims ``shape`` whatever ``data`` holds."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue() + data


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def single_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    return buffer.getvalue()


GOOD = {"transition": np.ones((1, 1, 1, 1)), "reward": np.zeros((1, 1, 1))}
CSR = {"transition_data": np.ones(1), "transition_indices": [0], "transition_indptr": [0, 1]}
BAD_NPZ = [
    (b"", "the file was empty"),
    (b"not a zip", "be a .npz archive"),
    (pickle.dumps({"reward": 1}), "it was a pickle, which is never loaded"),
    (single_array(), "it was a single .npy array"),
    (archive(**GOOD)[:-30], "or is truncated"),
    (archive(**GOOD)[:200], "or is truncated"),
    (archive(transition=np.array([1, None]), reward=1), "it was pickled (objects)"),
    (archive(reward=np.zeros((1, 1, 1))), "transition was missing"),
    (archive(transition=np.ones((1, 1, 1, 1))), "reward was missing"),
    (archive(**GOOD, discont=0.9), "did you mean 'discount'?"),
    (archive(**GOOD, discount=[0.9, 0.8]), "discount must be one number"),
    (archive(**GOOD, discount="0.9"), "discount must be one number"),
    (archive(**GOOD, discount=1.5), "discount must be a number in [0, 1); it was 1.5"),
    (archive(**GOOD, states=[1]), "states must be a 1-D array of strings"),
    (archive(**GOOD, name=["x"]), "name must be a string"),
    (archive(**GOOD, actions_1=["x"]), "actions must be numbered"),
    (archive(transition=np.ones((1, 1, 1, 1)) * 1j, reward=1), "its type was complex128"),
    (archive(transition=np.full((1, 1, 1, 1), 0.5), reward=GOOD["reward"]), "summed to 0.5"),
    (zipped(reward=npy((10**12,), b"")), "entries its header says"),
    (zipped(reward=npy((2,), b"12345678")), "entries its header says"),
    (zipped(reward=b"nonsense"), "array 'reward' must be in .npy format"),
    (archive(reward=GOOD["reward"], transition_data=[1.0]), "no transition_indices"),
    (archive(reward=GOOD["reward"], **CSR | {"transition_indices": [1]}), "out of range"),
    (archive(reward=GOOD["reward"], **CSR | {"transition_indices": [-1]}), "out of range"),
    (archive(reward=GOOD["reward"], **CSR | {"transition_indptr": [0, 2]}), "CSR arrays"),
    (archive(reward=GOOD["reward"], **CSR | {"transition_indptr": [0, 0, 1]}), "CSR arrays"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), BAD_NPZ)
def test_bad_npz_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(data)
    with pytest.raises(tm.InputError) as caught:
        tm.load_game(path)
    assert message in str(caught.value)
    assert "bad.npz" in str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "MOST_BYTES", 1_000_000)
    bomb = zipped(reward=npy((250_000,), bytes(2_000_000)))
    assert len(bomb) < 10_000
    with pytest.raises(tm.InputError, match="unpack to at most 1000000 bytes"):
        npz.decode(bomb)


CORRUPTED = {
    ".npz": npz.encode(tm.games.iterated_coordination()),
    ".json": jsonfile.encode(tm.games.iterated_coordination()),
    ".nfg": nfg.encode(tm.games.climbing()),
}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(CORRUPTED)), st.data())
def test_corruption_is_refused_or_harmless(suffix: str, data: st.DataObject) -> None:
    """Whatever bytes change, the reader gives a checked game or an InputError, nothing else."""
    content = bytearray(CORRUPTED[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    decode = {".npz": npz.decode, ".json": jsonfile.decode, ".nfg": nfg.decode}[suffix]
    try:
        game = decode(bytes(content))
    except tm.InputError:
        return
    assert isinstance(game, tm.MatrixGame | tm.StochasticGame)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.npz", "'absent.npz' must exist; there is no such file"),
        ("folder.json", "reading it failed (Is a directory)"),
        ("game.txt", "path must end in .npz, .json or .nfg; it was 'game.txt'"),
        ("game", "path must end in"),
    ],
)
def test_paths_that_cannot_be_read(name, message, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.json").mkdir()
    with pytest.raises(tm.InputError) as caught:
        tm.load_game(name)
    assert message in str(caught.value)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "game.json"
    tm.save_game(tm.games.chicken(), path)
    old = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(tm.InputError, match=r"game\.json.*\(No space left"):
        tm.save_game(tm.games.climbing(), path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["game.json"]


def test_saving_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(tm.InputError, match="No such file or directory"):
        tm.save_game(tm.games.chicken(), tmp_path / "no" / "game.json")
    with pytest.raises(tm.InputError, match="game must be a MatrixGame or a StochasticGame"):
        tm.save_game("chicken", tmp_path / "game.json")  # type: ignore[arg-type]


def test_saving_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    tm.save_game(tm.games.chicken(), real)
    link.symlink_to(real)
    tm.save_game(tm.games.climbing(), link)
    assert link.is_symlink()
    assert tm.load_game(real) == tm.games.climbing()


def test_suffixes() -> None:
    assert formats.SUFFIXES == (".npz", ".json", ".nfg")
