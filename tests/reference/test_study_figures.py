"""The figures draw the numbers of the solvers, in the right place."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.patches import Rectangle

import tabular_marl as tm
from tabular_marl.study.figures import phase_diagram, three_values_diagram
from tabular_marl.study.level_figures import level_k_path
from tabular_marl.study.option_figures import option_value_map
from tabular_marl.study.round_figures import bounds_path, rounds_path
from tabular_marl.study.style import CURVES
from tabular_marl.validation import InputError

BETAS = [-3.0, 0.0, 1.5, 3.0]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def planes(figure):
    """The drawn arrays [β_opponent, β_agent], by title."""
    found = {}
    for axis in figure.axes:
        for mesh in axis.collections:
            if isinstance(mesh, QuadMesh) and axis.get_title():
                found[axis.get_title()] = np.asarray(mesh.get_array()).reshape(len(BETAS), -1)
    return found


def test_the_phase_diagram_has_the_agent_s_beta_across():
    game = tm.games.stag_hunt()
    drawn = planes(phase_diagram(game, BETAS, action=1))
    first = tm.balancing_q(game, beta_agent=BETAS[2], beta_opponent=BETAS[0])
    second = tm.balancing_q(game, beta_agent=BETAS[2], beta_opponent=BETAS[0], view="opponent")
    assert drawn["value, agent first"][0, 2] == pytest.approx(first.value[0])
    assert drawn["probability of hare"][0, 2] == pytest.approx(first.agent_policy[0, 1])
    order = drawn["opponent first minus agent first"]
    assert order[0, 2] == pytest.approx(second.value[0] - first.value[0])
    assert np.abs(np.diag(order)).max() < 1e-9


def test_three_values_are_the_solver_s_and_their_signs_the_proved_order():
    game = tm.MatrixGame([[3.0, 1.0], [2.0, 4.0]])
    drawn = planes(three_values_diagram(game, BETAS))
    first, product, second = (
        drawn["agent first − product form"],
        drawn["product form: value"],
        drawn["opponent first − product form"],
    )
    three = tm.three_values(game, BETAS[3], BETAS[0])
    assert product[0, 3] == pytest.approx(three.product_form.value[0])
    assert first[0, 3] == pytest.approx((three.agent_first.value - three.product_form.value)[0])
    assert second[0, 3] == pytest.approx((three.opponent_first.value - three.product_form.value)[0])
    policy = three.opponent_first.joint_policy[0].sum(axis=1)[0]
    assert drawn["opponent first: probability of 0"][0, 3] == pytest.approx(policy)
    tiny = 1e-9
    assert first[0, 3] < -tiny
    assert second[0, 3] > tiny  # the agent maximises what the opponent minimises
    assert first[3, 0] > tiny
    assert second[3, 0] < -tiny
    assert min(first[2:, 2:].min(), second[2:, 2:].min()) > -tiny  # both maximise
    assert max(first[0, 0], second[0, 0]) < tiny  # both minimise


def rooms(num_options=2):
    game = tm.games.four_rooms()
    prior = np.full((4, num_options), 0.1)
    prior[range(num_options), range(num_options)] = 0.7
    return game, tm.options(game, 1.0, num_options=num_options, prior=prior)


def test_the_option_map_puts_each_state_in_its_cell():
    game, solution = rooms()
    figure = option_value_map(game, solution, options=("up", "right"))
    value, chosen, up, right = (axis for axis in figure.axes if axis.get_images())
    grid = value.get_images()[0].get_array()
    for state in (0, 17, 103):
        row, column = map(int, game.states[state].split(","))
        assert grid[row, column] == pytest.approx(solution.master_value[state])
        for z, axis in enumerate((up, right)):
            drawn = axis.get_images()[0].get_array()[row, column]
            assert drawn == pytest.approx(solution.termination_policy[state, z])
        best = solution.master_policy[state].argmax()
        shade = 1 - chosen.get_images()[0].get_array()[row, column]
        full = 1 - np.array(mpl.colors.to_rgb(CURVES[best]))
        np.testing.assert_allclose(shade / shade.max(), full / full.max(), atol=1e-12)
    assert np.ma.getmaskarray(grid).sum() + np.isnan(np.ma.filled(grid, 0.0)).sum() == 169 - 104
    assert [text.get_text() for text in chosen.get_legend().get_texts()] == ["up", "right"]
    assert up.get_title() == "drops “up”"


def test_the_option_map_needs_cells_and_a_label_for_each_option():
    game, solution = rooms()
    with pytest.raises(InputError, match="2 labels"):
        option_value_map(game, solution, options=("up",))
    chain = tm.StochasticGame(np.full((2, 2, 1, 2), 0.5), np.ones((2, 2, 1)), discount=0.5)
    with pytest.raises(InputError, match="row,column"):
        option_value_map(chain, tm.options(chain, 1.0))


def curves(axis):
    return {line.get_label(): line for line in axis.get_lines()}


def test_the_level_path_draws_marginals_values_and_the_limit():
    hunt = tm.games.stag_hunt()
    priors = {"agent_prior": [0.3, 0.7], "opponent_prior": [0.4, 0.6]}
    policy, value = level_k_path(hunt, 1.0, levels=6, **priors).axes
    ours = tm.level_k(hunt, 1.0, levels=6, **priors)
    line = curves(policy)["level k, report"]
    assert line.get_xdata().tolist() == list(range(7))
    assert line.get_ydata() == pytest.approx([pi[0, 0] for pi in ours.agent_marginals])
    line = curves(value)["level k, report"]
    assert line.get_xdata().tolist() == list(range(1, 7))
    assert line.get_ydata() == pytest.approx([level.value[0] for level in ours.path])
    theirs = tm.behavioural_levels(hunt, 1.0, levels=6, poisson_mean=1.5, **priors)
    hierarchy = curves(policy)["cognitive hierarchy"].get_ydata()
    assert hierarchy == pytest.approx([pi[0, 0] for pi in theirs.agent_marginals])
    dashed = [line for line in value.get_lines() if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == pytest.approx([4.0], abs=1e-6)


def test_the_level_path_shades_one_period_of_a_cycle():
    pennies = tm.MatrixGame([[1.0, -1.0], [-1.0, 1.0]])
    figure = level_k_path(pennies, 1.0, beta_opponent=-1.0, agent_prior=[0.6, 0.4], levels=9)
    assert "period 4" in figure.get_suptitle()
    for axis in figure.axes:
        (band,) = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
        assert (band.get_x(), band.get_width()) == (5, 4)


def test_the_level_path_says_where_no_limit_was_found():
    pennies = tm.MatrixGame([[1.0, -1.0], [-1.0, 1.0]])
    figure = level_k_path(pennies, 3.0, beta_opponent=-3.0, agent_prior=[0.6, 0.4], levels=5)
    assert "no limit" in figure.get_suptitle()
    assert not any(axis.patches for axis in figure.axes)


def test_rounds_are_drawn_with_their_limit_and_a_settled_run_stays():
    hunt = tm.games.stag_hunt()
    runs = {
        update: tm.fictitious_play(hunt, 1.0, 0.5, prior_update=update)
        for update in ("replaced", "kept")
    }
    policy, value = rounds_path(runs, rounds=5, player=1).axes
    moving, settled = (curves(policy)[name].get_ydata() for name in runs)
    assert moving == pytest.approx([r.opponent_policy[0, 0] for r in runs["replaced"].path[:5]])
    assert len(settled) == 5
    assert settled[1:] == pytest.approx(np.full(4, runs["kept"].opponent_policy[0, 0]))
    assert curves(value)["replaced"].get_ydata() == pytest.approx(
        [r.value[0] for r in runs["replaced"].path[:5]]
    )
    dashed = {line.get_color(): line.get_ydata()[0] for line in value.get_lines()[2:]}
    assert dashed[CURVES[0]] == pytest.approx(runs["replaced"].limit.value[0])
    assert dashed[CURVES[1]] == pytest.approx(runs["kept"].value[0])
    with pytest.raises(InputError, match="runs"):
        rounds_path({})


def test_the_bound_of_em_climbs_to_no_more_than_the_evidence():
    result = tm.rommeo_em(tm.games.meeting(2), beta=1.0, rounds=4)
    axis = bounds_path(result, rounds=3).axes[0]
    path = axis.get_lines()[0]
    assert path.get_xdata().tolist() == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    assert path.get_ydata()[::2] == pytest.approx(result.elbo_before[:3])
    assert path.get_ydata()[1::2] == pytest.approx(result.elbo[:3])
    assert (np.diff(path.get_ydata()) > 0).all()
    evidence = curves(axis)["evidence, which it bounds"]
    assert evidence.get_ydata() == pytest.approx(result.evidence[:3])
    assert (evidence.get_ydata() > path.get_ydata()[1::2]).all()
