"""Evaluation: frozen and learning, against whom, all against all; and the interval's coverage."""

import numpy as np
import pytest
import torch

from tabular_marl.deep.training import Run, TrainingError, train
from tabular_marl.deep.training.checkpoint import read_checkpoint
from tabular_marl.deep.training.evaluation import (
    CrossPlay,
    Score,
    cross_play,
    evaluate,
    short_names,
)
from tabular_marl.deep.training.experiments import AGENTS
from tabular_marl.deep.training.figures import cross_play_matrix
from tabular_marl.deep.training.lineup import line_up
from tabular_marl.deep.training.statistics import iqm, iqm_interval, stratified_interval
from tabular_marl.validation import InputError

SHORT = {"seeds": 3, "steps": 100, "interval": 50, "settings": (("window", 30),)}


def always(state, seat, action):
    """Make a DRON agent choose one action whatever it sees, seat 1 by more than seat 0.

    The target is 0, so what is chosen and not paid loses value: 0.002 a step, as Adam goes.
    """
    modules = state["players"][seat]["modules"]
    for network in (modules["critic"], modules["target"]):
        for held in network.values():
            held.zero_()
    biases = [name for name in modules["critic"] if name.startswith("biases")]
    values = modules["critic"][max(biases)].view(3, -1)
    values[:] = (0.5, 0.0)[seat]
    values[:, action] += (0.1, 1.0)[seat]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of DRON on Bach or Stravinsky whose players are made to insist on an action each."""
    folder = tmp_path_factory.mktemp("runs")
    for name, choices in {"bach": (0, 0), "stravinsky": (1, 1)}.items():
        settings = (*SHORT["settings"], ("opponent", "self"), ("epsilon", 0.0))
        run = Run("ibs", "dron", **{**SHORT, "settings": settings})
        train(run, folder / name)
        path = folder / name / "checkpoint.pt"
        state = read_checkpoint(path)
        for seat, action in enumerate(choices):
            always(state, seat, action)
        torch.save(state, path)
    return folder


def test_rewards_are_those_of_the_actions_played(runs):
    mine, theirs = evaluate(runs / "bach", steps=40)
    assert mine.reward.tolist() == [2.0] * 3  # both at Bach
    assert theirs.reward.tolist() == [1.0] * 3
    mine, theirs = evaluate(runs / "bach", runs / "stravinsky", steps=40)
    assert mine.reward.tolist() == theirs.reward.tolist() == [0.0] * 3
    assert mine.iqm == 0.0
    assert mine.interval == (0.0, 0.0)


def test_cross_play_has_every_agent_with_every_partner(runs, tmp_path):
    found = cross_play(short_names([runs / "bach", runs / "stravinsky"]), steps=40)
    assert found.names == ("bach", "stravinsky")
    assert found.iqm.tolist() == [[2.0, 0.0], [0.0, 1.0]]
    assert found.against_all(0) == (1.0, 1.0, 1.0)  # half the pairs, and no noise within a pair
    found.write_csv(tmp_path / "all.csv")
    lines = (tmp_path / "all.csv").read_text().splitlines()
    assert lines[:3] == ["row,column,iqm,low,high", "bach,bach,2,2,2", "bach,stravinsky,0,0,0"]
    row = found.as_dict()
    assert row["iqm"] == [[2.0, 0.0], [0.0, 1.0]]
    assert row["learning"] == "nobody"
    assert row["interval"][0][0] == [2.0, 2.0]


def test_the_picture_has_a_cell_a_pair():
    reward = np.array([[[2.0, 2.0], [0.0, np.nan]], [[0.0, 1.0], [1.0, 1.0]]])
    figure = cross_play_matrix(CrossPlay(("one", "two"), reward, 10, "both"))
    axis = figure.axes[0]
    assert axis.images[0].get_array().tolist() == [[2.0, 0.0], [0.5, 1.0]]
    assert [text.get_text().split("\n")[0] for text in axis.texts] == [
        "2.00",
        "0.00",
        "0.50",
        "1.00",
    ]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["one", "two"]
    assert axis.get_title() == "Reward of the agent, both learning"


def test_whoever_learns_gives_up_what_does_not_pay_and_whoever_is_frozen_does_not(runs):
    frozen = evaluate(runs / "bach", runs / "stravinsky", steps=400)[0]
    assert frozen.reward.tolist() == [0.0] * 3
    for learning, gives_way in (("agent", True), ("both", True), ("opponent", False)):
        mine = evaluate(runs / "bach", runs / "stravinsky", steps=400, learning=learning)[0]
        assert ((mine.reward > 0.5) == gives_way).all(), learning
    with pytest.raises(InputError, match="did you mean 'nobody'"):
        evaluate(runs / "bach", learning="nobodi")


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_that_no_longer_learns_keeps_its_weights(agent):
    run = Run("ic", agent, **SHORT)
    generator = torch.Generator().manual_seed(0)
    env, (first, second) = line_up(run.plan, agent, 3, generator)

    def play(steps):
        told = []
        for _ in range(steps):
            seen = env.observations
            a, b = first.act(seen[0]), second.act(seen[1])
            reward = env.step(a, b)
            told.append(first.observe(seen[0], a, b, reward[0], env.arrivals[0]))
            second.observe(seen[1], b, a, reward[1], env.arrivals[1])
        return told

    def weights():
        gain = getattr(first, "gain", None)  # which a warm-up sets too, without a loss
        held = [p for group in first.optimisers.values() for p in group.parameters]
        return [p.clone() for p in held if p is not gain]

    assert any(play(35))
    first.learns = False
    before = weights()
    assert not any(play(20))
    after = weights()
    assert all(map(torch.equal, before, after))
    first.learns = True
    play(5)
    assert not all(map(torch.equal, after, weights()))


def test_it_is_the_same_again_and_another_with_another_seed(tmp_path):
    train(Run("imp", "further", **SHORT), tmp_path)
    one, two, other = (evaluate(tmp_path, steps=50, seed=seed)[0].reward for seed in (0, 0, 1))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    mine, theirs = evaluate(tmp_path, steps=50)
    np.testing.assert_allclose(mine.reward, -theirs.reward)


def test_against_a_fresh_q_learner(tmp_path):
    train(Run("ibs", "dron", **SHORT), tmp_path)
    mine, _ = evaluate(tmp_path, "q-learner", steps=300, learning="both")
    assert ((mine.reward > 0) & (mine.reward < 2)).all()


def test_seeds_that_failed_in_training_are_left_out(tmp_path):
    train(Run("ic", "dron", **SHORT), tmp_path)
    path = tmp_path / "checkpoint.pt"
    state = read_checkpoint(path)
    state["failed"] = {1: "was nan"}
    torch.save(state, path)
    score = evaluate(tmp_path, steps=20)[0]
    assert np.isnan(score.reward).tolist() == [False, True, False]
    assert score.seeds == 2
    assert score.as_dict()["reward_by_seed"][1] is None
    assert np.isfinite(score.iqm)


def test_whoever_breaks_down_while_learning_is_told(tmp_path):
    train(Run("ic", "further", **SHORT), tmp_path)
    path = tmp_path / "checkpoint.pt"
    state = read_checkpoint(path)
    state["players"][0]["modules"]["actor"]["weights.0"][1] = np.nan
    torch.save(state, path)
    with pytest.raises(TrainingError, match=r"both learning: .* at step 1 in seeds 1$"):
        evaluate(tmp_path, steps=20, learning="both")


def test_it_says_how_long_the_agent_was_trained(tmp_path):
    train(Run("ic", "dron", **SHORT), tmp_path)
    assert evaluate(tmp_path, steps=5)[0].trained == SHORT["steps"]


def test_runs_of_other_worlds_are_refused(runs, tmp_path):
    train(Run("ic", "dron", **SHORT), tmp_path / "ic")
    with pytest.raises(InputError, match="environment 'coordination' not 'bach-or-stravinsky'"):
        evaluate(runs / "bach", tmp_path / "ic")
    train(Run("ibs", "dron", **{**SHORT, "seeds": 2}), tmp_path / "two")
    with pytest.raises(InputError, match="seeds 2 not 3"):
        evaluate(runs / "bach", tmp_path / "two")
    with pytest.raises(InputError, match=r"gone/checkpoint\.pt was not found"):
        evaluate(tmp_path / "gone")
    with pytest.raises(InputError, match="DIR must name each run once"):
        short_names([runs / "bach", runs / "bach"])


def test_iqm_and_its_interval():
    assert iqm([[0, 1, 2, 100], [3, 3, 3, 3]]).tolist() == [1.5, 3.0]
    assert iqm([[0, 1, 2, 100, np.nan]]).tolist() == [1.5]
    assert np.isnan(iqm([np.nan, np.nan]))
    low, high = iqm_interval(np.random.default_rng(0).normal(size=(3, 20)))
    assert ((low < high) & (high - low < 2)).all()
    assert iqm_interval(np.ones((1, 5))).tolist() == [[1.0], [1.0]]
    assert np.isnan(iqm_interval([np.nan, np.nan])).all()


def test_iqm_is_scipy_s_trimmed_mean():
    from scipy import stats

    for count in range(1, 25):
        scores = np.random.default_rng(count).normal(size=(3, count))
        np.testing.assert_allclose(iqm(scores), stats.trim_mean(scores, 0.25, axis=-1))


def test_the_interval_covers_as_often_as_it_says():
    """95 % of the intervals of 20 normal runs hold the law's IQM, 0; a bootstrap's is short."""
    random = np.random.default_rng(0)
    low, high = iqm_interval(random.normal(size=(300, 20)))
    covered = ((low < 0) & (high > 0)).mean()
    assert 0.88 < covered < 0.98


def test_stratified_intervals_do_not_count_what_differs_between_tasks():
    random = np.random.default_rng(0)
    tasks = np.array([[0.0], [10.0], [20.0]]) + 0.1 * random.normal(size=(3, 12))
    low, high = stratified_interval(tasks)
    assert high - low < 0.2  # runs of one task differ by 0.1
    low, high = iqm_interval(tasks.ravel())
    assert high - low > 4  # not so where tasks are resampled with them


def test_a_score_of_one_seed_has_an_interval_without_width():
    score = Score(np.array([1.5]))
    assert score.interval == (1.5, 1.5)
