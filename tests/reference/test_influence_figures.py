"""Figures of active Markov games: a strip shows where play settles, a small graph its states."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pytest

from tabular_marl.active.influence import influence
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners import Grid, QLearning, best_response
from tabular_marl.games import coordination, prisoners_dilemma
from tabular_marl.study.influence_figures import STRIP_STEPS, picture, transition_graph


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_strip_goes_on_until_play_has_settled():
    learner = QLearning([-10, -15], epsilon=0.0, tie="first", grid=Grid(-30, 0, 151, "linear"))
    found = influence(prisoners_dilemma(), {1: learner})
    actions, values, means = picture(found).axes
    steps = means.lines[0].get_xdata().size
    assert STRIP_STEPS < steps < 360
    assert values.lines[0].get_xdata().size == steps
    level = means.lines[-1]
    assert set(level.get_ydata()) == {found.gain[0]}
    # the mean of all steps is still far below; that of the last ones, settled, is not
    mean = means.lines[0].get_ydata()
    first = steps - STRIP_STEPS
    settled = (steps * mean[-1] - first * mean[first - 1]) / STRIP_STEPS
    assert mean[-1] < -0.8
    assert settled == pytest.approx(found.gain[0], abs=0.06)
    assert [text.get_text() for text in actions.get_legend().get_texts()] == ["C", "D"]


def test_a_soft_gain_is_no_mean_of_rewards():
    found = influence(prisoners_dilemma(), {1: best_response()}, beta=2.0)
    assert len(picture(found).axes[-1].lines) == 2  # agent i and the learner


def test_a_small_graph_names_its_states():
    figure = transition_graph(explore(coordination(), {0: best_response(), 1: best_response()}))
    names = {text.get_text() for text in figure.axes[0].texts} - {""}
    assert names == {f"({a},) | ({b},)" for a in (0, 1) for b in (0, 1)}
