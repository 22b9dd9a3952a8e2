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


def test_the_levels_of_pennies_fall_with_the_learner_s_wit(example):
    values = list(example("figure_7").pennies_values().values())
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(1)
    assert values[-1] == 0


def test_a_line_goes_on_from_what_is_there_and_is_cut_where_it_is_longer(example, tmp_path):
    line = ("ic", "MASAC", "masac", ())
    first = example("figure_7").curve(*line, 500, tmp_path)
    longer = example("figure_7").curve(*line, 1000, tmp_path)
    again = example("figure_7").curve(*line, 500, tmp_path)
    assert list(longer.step) == [250, 500, 750, 1000]
    assert np.array_equal(longer.reward[:2], first.reward)
    assert np.array_equal(again.reward, first.reward)


def test_values_are_recorded_by_condition_and_committing_is_best_at_every_table(example):
    held = example("figure_7_values")
    step, found, tables = held.record(300, 2)
    assert list(step) == [50, 100, 150, 200, 250, 300]
    assert found.shape == (3, 6, 3, 2)
    assert tables.shape == (6, 3, 2, 2)
    assert (found[0, 0, 2] > 150).all()  # q starts at 200 in the third condition alone
    assert (np.abs(found[0, 0, :2]) < 5).all()
    assert (held.exact_gaps(tables) > 0).all()


def test_a_policy_has_closed_once_it_stays_closed(example):
    rarer = np.array([[0.4, 0.001, 0.3], [0.001, 0.001, 0.2], [0.001, 0.001, 0.4]])
    assert example("figure_7_values").closing(rarer).tolist() == [1, 0, 3]


@pytest.mark.parametrize(
    ("agent", "settings"),
    [("lili", {}), ("further", {"discount": 1.0, "centred": True})],
)
def test_a_condition_without_a_change_is_the_agent_itself(example, monkeypatch, agent, settings):
    held = example("figure_7_ablations")
    monkeypatch.setattr(held.Conditions, "conditions", (held.Condition("none", **settings),))
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
