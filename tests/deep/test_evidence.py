"""Claims about code: supported, refuted with a witness that replays, or suspect; never proved."""

import json

import pytest

from tabular_marl.cli import main
from tabular_marl.deep.crosscheck.evidence import measure
from tabular_marl.validation import InputError
from tabular_marl.verification import (
    Claim,
    Measured,
    Measurement,
    Options,
    Outcome,
    implementation,
    replay,
    scope,
    verify,
)
from tabular_marl.verification.ledger import LEDGER

CODE = """
class Agent:
    def __init__(self, system):
        self.system = system

    def target(self, tables, batch):
        after = self.system.value(tables.q)[batch.next_state]
        return batch.reward + {gamma} * after
"""


@pytest.fixture(autouse=True)
def no_leftovers():
    before = set(LEDGER._claims)
    yield
    for claim in [c for c in LEDGER if c.id not in before and c.id.startswith("mine.")]:
        del LEDGER._claims[claim.id]  # the ledger's own may have been loaded meanwhile


def claimed(tmp_path, name, gamma, **kind):
    file = tmp_path / f"{name}.py"
    file.write_text(CODE.format(gamma=gamma))
    parameters = {"beta_agent": 2.0, "beta_opponent": -1.0}
    entry = f"{file}:Agent"
    return implementation(
        f"mine.{name}", "balancing-q", parameters, entry, checks=("target",), **kind
    )


def test_somebody_s_right_code_is_supported_and_no_more(tmp_path):
    claimed(tmp_path, "right", 0.9)
    row = verify("mine.right", store=False, progress=False).rows[0]
    assert row.verdict.word == "supported"
    assert row.verdict.detail.startswith("72 instances")
    (evidence,) = row.evidence
    assert evidence.outcome is Outcome.SUPPORTED
    assert evidence.gap < 1e-13
    assert evidence.method == "measurement"


def test_wrong_code_is_refuted_by_a_case_that_replays(tmp_path):
    claim = claimed(tmp_path, "wrong", -0.9, expects="refuted")
    report = verify("mine.wrong", store=tmp_path / "store", progress=False)
    row = report.rows[0]
    assert row.verdict.word == "refuted"
    witness = row.witness
    case = dict(witness["instance"])
    at = case.pop("at")
    found = measure(**case)
    index = found.at.index(at)
    assert float.fromhex(witness["left"]) == found.measured[index]
    assert float.fromhex(witness["right"]) == found.wanted[index]
    assert abs(found.measured[index] - found.wanted[index]) > 0.1
    path = tmp_path / "store" / "witnesses" / "mine.wrong.json"
    again = replay(path)
    assert again.confirmed
    assert not again.stale
    assert "the miss is clear, in float64" in str(again)
    (tmp_path / "wrong.py").write_text(CODE.format(gamma=0.9))  # mended since
    LEDGER._claims.pop("mine.wrong")
    claimed(tmp_path, "wrong", 0.9, expects="refuted")
    mended = replay(path)
    assert not mended.confirmed
    assert mended.stale
    assert claim.fingerprint() != LEDGER["mine.wrong"].fingerprint()


def test_a_file_of_claims_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TABULAR_MARL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "agent.py").write_text(CODE.format(gamma=1.0))
    claims = tmp_path / "claims.py"
    claims.write_text(
        "from tabular_marl.verification import implementation\n"
        f"implementation('mine.agent', 'rommeo', {{'beta': 1.0}}, {str(tmp_path)!r} + "
        "'/agent.py:Agent', checks=('target',))\n"
    )
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(claims), "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert stop.value.code == 1
    assert row["verdict"] == "refuted"
    assert row["witness"]["instance"]["model"] == "rommeo"
    witness = tmp_path / "cache" / "witnesses" / "mine.agent.json"
    with pytest.raises(SystemExit) as stop:
        main(["replay", str(witness), "--json"])
    assert stop.value.code == 0
    assert json.loads(capsys.readouterr().out)["confirmed"]


def near(miss):
    return Measured(("x",), (1.0 + miss,), (1.0,), 1e-12)


@pytest.mark.parametrize(
    ("miss", "outcome"),
    [
        (0.0, Outcome.SUPPORTED),
        (5e-13, Outcome.SUPPORTED),
        (1e-11, Outcome.SUSPECT),
        (1e-6, Outcome.REFUTED),
        (float("nan"), Outcome.REFUTED),
    ],
)
def test_how_far_a_miss_decides(miss, outcome):
    check = Measurement(f"{__name__}:near", ({"miss": miss},))
    claim = Claim("t", "t", "added", "x", scope(), check)
    import sys

    sys.modules[__name__].near = near
    found = check.run(claim, Options())
    assert found.outcome is outcome
    assert (found.witness is not None) == (outcome is Outcome.REFUTED)


def test_bad_claims_are_named(tmp_path):
    with pytest.raises(InputError, match="checks must be one of actor"):
        implementation("mine.x", "pr2", {"beta": 1.0}, checks=("targets",))
    with pytest.raises(InputError, match=r"entry must read FILE\.py:NAME"):
        implementation("mine.x", "pr2", {"beta": 1.0}, "agent")
    with pytest.raises(InputError, match='measure must read "module:function"'):
        Measurement("module", ({},))
    with pytest.raises(InputError, match="cases must hold at least one case"):
        Measurement("a:b", ())
    broken = tmp_path / "broken.py"
    broken.write_text("import nowhere_to_be_found\n")
    implementation("mine.broken", "pr2", {"beta": 1.0}, f"{broken}:Agent", checks=("target",))
    row = verify("mine.broken", store=False, progress=False).rows[0]
    assert row.verdict.word == "open"
    assert "nowhere_to_be_found" in row.error
