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
    wanted = ["target", "gradient", "critic", "critic", "actor", "objective", "learning", "policy"]
    assert checks == wanted
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


def test_where_there_is_nothing_to_draw_no_picture_is_written(capsys, tmp_path):
    file, picture = tmp_path / "mine.py", tmp_path / "bench.png"
    file.write_text(
        "class Mine:\n"
        "    def __init__(self, system):\n        pass\n"
        "    def target(self, tables, batch):\n        return batch.reward\n"
    )
    code, out, err = run(capsys, *BALANCING, "--entry", f"{file}:Mine", "--plot", str(picture))
    assert code == 2
    assert out.startswith("FAIL  target")
    assert err.splitlines() == [
        "tabular-marl: --plot must have learning, policy, exploitability, gain to draw; there was "
        "only target"
    ]
    assert not picture.exists()


def test_an_entry_file_may_import_what_lies_beside_it(capsys, tmp_path):
    (tmp_path / "beside_it.py").write_text("SIGN = -1\n")
    file = tmp_path / "mine.py"
    file.write_text(
        "from beside_it import SIGN\n"
        "def mine(system):\n"
        "    class Mine:\n"
        "        def target(self, tables, batch):\n"
        "            return SIGN * batch.reward\n"
        "    return Mine()\n"
    )
    before = list(sys.path)
    code, out, _ = run(capsys, *BALANCING, "--entry", f"{file}:mine")
    assert code == 1
    assert out.startswith("FAIL  target    is -1·R")
    assert sys.path == before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("\nimport no_such_module", "No module named 'no_such_module' (mine.py, line 2)"),
        ("x = 1\ny = 1 / 0", "raised ZeroDivisionError: division by zero (mine.py, line 2)"),
        ("def f(:", "raised SyntaxError: invalid syntax (mine.py, line 1)"),
        ("raise SystemExit('no')", "raised SystemExit: no (mine.py, line 1)"),
    ],
)
def test_an_entry_file_that_fails_is_told_in_one_line(capsys, tmp_path, code, said):
    file = tmp_path / "mine.py"
    file.write_text(code + "\n")
    status, out, err = run(capsys, *BALANCING, "--entry", f"{file}:mine")
    assert status == 2
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*GAME, "pr2", "--beta", "0"), "beta must be finite and not 0"),
        ((*GAME, "pr", "--beta", "1"), "did you mean 'pr2'"),
        ((*BALANCING, "--entry", "mine"), "--entry must read FILE.py:NAME"),
        ((*BALANCING, "--entry", "gone.py:x"), "--entry must exist; gone.py was not found"),
        ((*BALANCING, "--entry", f"{EXAMPLE}:gone"), "'gone' is not there"),
        (("train", "ibz"), "did you mean 'ibs'"),
        (("train", "ibs", "--set", "temperature"), "--set must read NAME=VALUE"),
        (("train", "ibs", "--set", "temprature=1"), "did you mean 'temperature'"),
        (("train", "ibs", "--set", "window=many"), "window must be a number; it was 'many'"),
        (("train", "gone.yaml"), "gone.yaml was not found"),
        (("train", "ibs", "--steps", "300"), "steps must be one interval of 250 or a multiple"),
        (("train", "robosumo", "--steps", "250"), "it was 'robosumo', which needs MuJoCo"),
        (("evaluate", "gone"), "checkpoint must exist; gone/checkpoint.pt was not found"),
        (("crossplay", "gone", "gone"), "DIR must name each run once"),
        (("train", "ibs", "--resume"), "--resume must find a checkpoint"),
        (("train", "ibs", "--device", "cudda"), "did you mean 'cuda'"),
        (
            ("train", "two-quadratics", "--agent", "sac", "--compile"),
            "compile must be left out for",
        ),
        ((*GAME, "pr2", "--beta", "1", "--device", "cuda"), "--device must be cpu without"),
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
    names = {p.name for p in tmp_path.iterdir() if not p.name.startswith("events.out.")}
    assert names == {"curve.csv", "losses.csv", "curve.png", "checkpoint.pt"}
    code, out, _ = run(capsys, *words, "--steps", "750", "--resume")
    row = json.loads(out)
    assert code == 0
    assert row["steps"] == 750
    assert len(row["reward_by_seed"]) == 2
    assert row["interval"][0] <= row["iqm"] <= row["interval"][1]


MINE = """
environment: chicken
steps: 250
agent:
  window: 50
"""


def test_a_file_of_one_s_own_is_trained_evaluated_and_cross_played(capsys, tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE)
    for agent in ("dron", "sac"):
        words = ("--agent", agent, "--seeds", "2", "--out", str(tmp_path / agent), "--json")
        code, out, _ = run(capsys, "train", str(tmp_path / "mine.yaml"), *words)
        assert code == 0
        assert json.loads(out)["experiment"] == "mine"
    code, out, _ = run(capsys, "evaluate", str(tmp_path / "dron"), "--steps", "30")
    assert code == 0
    assert "IQM of 2 seeds, 95 % interval" in out
    words = ("evaluate", str(tmp_path / "dron"), "--against", str(tmp_path / "sac"), "--learning")
    code, out, _ = run(capsys, *words, "both", "--steps", "30", "--json")
    assert code == 0
    row = json.loads(out)
    assert (row["learning"], row["steps"]) == ("both", 30)
    assert 1 <= row["opponent"]["iqm"] <= 4
    folders = [str(tmp_path / agent) for agent in ("dron", "sac")]
    words = ("crossplay", *folders, "--steps", "20", "--out", str(tmp_path / "all"))
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "against sac's" in out
    assert (tmp_path / "all" / "crossplay.csv").read_text().count("\n") == 5
    assert (tmp_path / "all" / "crossplay.png").stat().st_size > 10_000
    code, out, _ = run(capsys, "crossplay", *folders, "--steps", "20", "--json")
    assert len(json.loads(out)["iqm"]) == 2


def test_a_seed_that_fails_stops_with_exit_code_3_or_is_left_out(capsys, tmp_path):
    from tabular_marl.deep.training.checkpoint import read_checkpoint, write_checkpoint

    words = ("train", "ic", "--agent", "dron", "--seeds", "2", "--out", str(tmp_path))
    assert run(capsys, *words, "--steps", "250")[0] == 0
    path = tmp_path / "checkpoint.pt"
    state = read_checkpoint(path)
    state["players"][0]["modules"]["critic"]["weights.0"][1] = float("nan")
    write_checkpoint(path, state)
    longer = (*words, "--steps", "500", "--resume")
    code, _, err = run(capsys, *longer)
    assert code == 3
    assert "the critic loss of dron on ic was nan at step 251 in seed 1" in err
    code, out, err = run(capsys, *longer, "--keep-going")
    assert code == 0
    assert "IQM of 1 seeds" in out
    assert "left out: the critic loss of dron on ic was nan at step 251 in seed 1" in err


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
def test_ctrl_c_at_a_terminal_says_how_to_go_on(tmp_path):
    import os
    import pty
    import signal

    words = ["train", "ic", "--agent", "dron", "--seeds", "2", "--out", str(tmp_path / "run")]
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", COLUMNS="120")
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
        code = f"from tabular_marl.cli import main; main({words!r})"
        os.execv(sys.executable, [sys.executable, "-c", code])
    seen, sent = b"", False
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the child closed it
            break
        seen += data
        if not sent and b"steps/s" in seen:
            os.write(terminal, b"\x03")
            sent = True
        if not data:
            break
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    text = seen.decode()
    assert "/10000" in text
    assert "2 seeds, reward" in text
    assert "interrupted; the same command with --resume goes on from the last checkpoint" in text
    assert (tmp_path / "run" / "checkpoint.pt").is_file()


def test_without_torch_it_says_how_to_install_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = run(capsys, "train", "ibs")
    assert code == 2
    assert "pip install 'tabular-marl[deep]'" in err
