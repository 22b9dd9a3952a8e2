"""The figures say what was proved: bands, counts and folds of the drawn game."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import tabular_marl as tm
from tabular_marl.study.logit_figures import certified_phase_diagram, logit_branches


def test_the_phase_diagram_shows_bands_and_the_fold():
    game = tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]])
    figure = certified_phase_diagram(game, 6.0, points=40)
    axis = figure.axes[0]
    words = [text.get_text() for text in axis.texts]
    assert "one" in words
    assert "three" in words
    assert any("3.112973925637" in word for word in words)
    heights = np.concatenate([line.get_ydata() for line in axis.get_lines()])
    assert heights.min() >= 0
    assert heights.max() <= 1
    plt.close(figure)


def test_the_branch_diagram_marks_every_fold():
    game = tm.MatrixGame(np.random.default_rng(31).normal(size=(2, 4, 3)))
    branch = tm.logit_equilibria(game, 10.0, longest_step=0.3)
    figure = logit_branches(branch)
    marked = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert len(marked) == 4
    assert all(len(line.get_xdata()) == len(branch.folds) == 2 for line in marked)
    plt.close(figure)


def test_every_point_of_the_phase_diagram_answers_itself():
    gains = ((-3.0, -0.5), (-0.5, 8.0))  # of action 1, against the other's 0 and 1
    game = tm.MatrixGame([[[0, 0], gains[0]], [[0, gains[1][0]], [0, gains[1][1]]]])
    figure = certified_phase_diagram(game, 3.0, points=40)
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.texts if len(text.get_text()) < 6] == [
        "one", "three", "one",
    ]  # fmt: skip
    drawn = [
        line
        for line in axis.get_lines()
        if line.get_linestyle() == "-" and len(line.get_xdata()) > 2
    ]
    assert len(drawn) == 5

    def answer(lam, own, other):
        return 1 / (1 + np.exp(-lam * (own[0] + (own[1] - own[0]) * other)))

    for line in drawn:
        lam, mine = line.get_xdata(), line.get_ydata()
        again = answer(lam, gains[0], answer(lam, gains[1], mine))
        np.testing.assert_allclose(again, mine, atol=1e-9)
    folds = [line.get_xdata()[0] for line in axis.get_lines() if line.get_linestyle() == "--"]
    np.testing.assert_allclose(sorted(folds), [1.544833244401, 1.883601691191], atol=1e-9)
    plt.close(figure)


def test_the_branch_diagram_draws_the_branch():
    game = tm.MatrixGame(np.random.default_rng(31).normal(size=(2, 4, 3)))
    branch = tm.logit_equilibria(game, 10.0, longest_step=0.3)
    figure = logit_branches(branch, actions=(("a", "b", "c", "d"), ("e", "f", "g")))
    for player, axis in enumerate(figure.axes):
        lines = {line.get_label(): line for line in axis.get_lines()}
        for action, label in enumerate(("abcd", "efg")[player]):
            np.testing.assert_array_equal(lines[label].get_xdata(), branch.path_lambda)
            drawn = lines[label].get_ydata()
            np.testing.assert_array_equal(drawn, branch.path_policies[player][:, 0, action])
    plt.close(figure)
