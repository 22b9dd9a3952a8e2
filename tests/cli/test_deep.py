"""``train`` and ``crosscheck`` as a user runs them."""

import json
import sys
from pathlib import Path

import pytest

from tabular_marl.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "crosscheck_sac.py"


def run(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    out, err = capsys.readouterr()
    return stop.value.code, out, err


GAME = ("crosscheck", "iterated-prisoners-dilemma", "--model")
BALANCING = (*GAME, "balancing-q", "--beta-agent", "2", "--beta-opponent", "-1")


def test_the_package_passes_its_own_check(capsys, tmp_path):
    picture = tmp_path / "bench.png"
    code, out, _ = run(capsys, *BALANCING, "--steps", "1000", "--plot", str(picture), "--json")
    row = json.loads(out)
    assert code == 0
    assert row["passed"]
    checks = [f["check"] for f in row["findings"]]
    assert checks == ["target", "gradient", "actor", "objective", "learning", "policy"]
    assert picture.stat().st_size > 10_000


def test_a_wrong_implementation_of_somebody_s_file_fails(capsys, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "class Mine:\n"
        "    def __init__(self, system):\n        self.system = system\n"
        "    def target(self, tables, batch):\n"
        "        after = self.system.value(tables.q)[batch.next_state]\n"
        "        return batch.reward - self.system.game.discount * after\n"
    )
    code, out, _ = run(capsys, *BALANCING, "--entry", f"{file}:Mine")
    assert code == 1
    assert out.startswith("FAIL  target    is 1·R + -0.9·V(s') aggregated from q")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*GAME, "pr2", "--beta", "0"), "beta must be finite and not 0"),
        ((*GAME, "pr", "--beta", "1"), "did you mean 'pr2'"),
        ((*BALANCING, "--entry", "mine"), "--entry must read FILE.py:NAME"),
        ((*BALANCING, "--entry", "gone.py:x"), "--entry must exist; gone.py was not found"),
        ((*BALANCING, "--entry", f"{EXAMPLE}:gone"), "'gone' is not there"),
        (("train", "ibz"), "did you mean 'ibs'"),
        (("train", "ibs", "--set", "temperature"), "--set must read NAME=NUMBER"),
        (("train", "ibs", "--set", "temprature=1"), "did you mean 'temperature'"),
        (("train", "ibs", "--resume"), "--resume must find a checkpoint"),
    ],
)
def test_mistakes_are_one_line(capsys, words, said):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


def test_train_writes_what_it_says_and_resumes(capsys, tmp_path):
    words = ("train", "ibs", "--agent", "dron", "--seeds", "2", "--out", str(tmp_path), "--json")
    code, out, err = run(capsys, *words, "--steps", "500")
    assert code == 0
    assert "curve.png" in err
    assert {p.name for p in tmp_path.iterdir()} == {"curve.csv", "curve.png", "checkpoint.pt"}
    code, out, _ = run(capsys, *words, "--steps", "750", "--resume")
    row = json.loads(out)
    assert code == 0
    assert row["steps"] == 750
    assert len(row["reward_by_seed"]) == 2
    assert row["interval"][0] <= row["iqm"] <= row["interval"][1]


def test_without_torch_it_says_how_to_install_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = run(capsys, "train", "ibs")
    assert code == 2
    assert "pip install 'tabular-marl[deep]'" in err
