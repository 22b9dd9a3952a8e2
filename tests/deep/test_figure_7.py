"""The examples of Figure 7: exact levels, and conditions that are the agents they vary."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from tabular_marl.deep.training import Run, Session, train

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


def test_the_levels_of_coordination_are_those_of_its_equilibria(example):
    values = example("figure_7").coordination_values()
    assert list(values.values()) == pytest.approx([8, 4, 8 / 3])


@pytest.mark.parametrize(
    ("agent", "settings"),
    [("lili", {}), ("further", {"discount": 1.0, "centred": True})],
)
def test_a_condition_without_a_change_is_the_agent_itself(example, monkeypatch, agent, settings):
    held = example("figure_7_ablations")
    monkeypatch.setattr(held, "CONDITIONS", (held.Condition("none", **settings),))
    short = {"preset": "code", "seeds": 2, "steps": 500, "interval": 50}
    ours = train(Run("ibs", "conditions", **short))
    plain = train(Run("ibs", agent, settings=(("optimistic", 0.0),), **short))
    assert np.array_equal(ours.reward, plain.reward)


def test_conditions_differ_from_seed_to_seed(example):
    held = example("figure_7_ablations")
    agent = Session(Run("ibs", "conditions", "code", seeds=6)).players[0]
    wanted = [[c.discount, c.scale, c.centred, c.first] for c in held.CONDITIONS]
    last = agent.critics.biases[-1].detach().view(6, 2, 2)
    assert (last == last[:, :1, :1]).all()  # both critics, every action
    found = [agent.discount, agent.scale, agent.centred, last[:, 0, :1]]
    assert np.concatenate(found, 1) == pytest.approx(np.array(wanted, float))
