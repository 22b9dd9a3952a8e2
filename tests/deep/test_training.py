"""Training: seeds do not mix, a resumed run is the unbroken one bit for bit, NaN stops it."""

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.agents.base import AgentConfig
from tabular_marl.deep.agents.further import Further
from tabular_marl.deep.environments.matrix import IteratedMatrixGame, QLearner
from tabular_marl.deep.experiments import AGENTS
from tabular_marl.deep.networks import SeedMLP, clip_gradients
from tabular_marl.deep.statistics import iqm
from tabular_marl.deep.train import Run, Session, TrainingError, train
from tabular_marl.deep.window import Window
from tabular_marl.validation import InputError


def generator():
    return torch.Generator().manual_seed(0)


def test_seeds_are_separate_networks():
    net = SeedMLP(3, (4, 8, 2), generator())
    x = torch.randn(3, 5, 4, generator=generator())
    for n in range(3):
        alone = x[n]
        for layer in range(2):
            alone = alone @ net.weights[layer][n] + net.biases[layer][n]
            alone = torch.relu(alone) if layer == 0 else alone
        torch.testing.assert_close(net(x)[n], alone)
    net(x)[1].sum().backward()
    for p in net.parameters():
        assert (p.grad[[0, 2]] == 0).all()


def test_gradients_are_clipped_seed_by_seed():
    held = [torch.zeros(2, 3, 1, requires_grad=True), torch.zeros(2, requires_grad=True)]
    held[0].grad = torch.tensor([[[3.0]] * 3, [[0.1]] * 3]).reshape(2, 3, 1)
    held[1].grad = torch.tensor([4.0, 0.1])
    clip_gradients(held, 1.0)
    norms = torch.sqrt(held[0].grad.flatten(1).square().sum(1) + held[1].grad.square())
    torch.testing.assert_close(norms, torch.tensor([1.0, 0.2]))


def test_the_window_is_the_latest_rows_in_order():
    window = Window(3, 2, {"x": ()})
    for k in range(8):
        window.add(x=torch.tensor([k, 10 * k]))
        if k >= 2:
            assert window.last("x")[0].tolist() == [k - 2, k - 1, k]
    assert window.last("x")[1].tolist() == [50, 60, 70]


def test_the_game_pays_and_remembers():
    env = IteratedMatrixGame(tm.games.bach_or_stravinsky(), 2, episode=3)
    assert env.observation.tolist() == [[1, 0, 0, 0, 0]] * 2
    paid = env.step(torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert paid.tolist() == [[2, 1], [1, 2]]
    assert env.state.tolist() == [1, 4]
    env.step(torch.tensor([0, 1]), torch.tensor([1, 0]))
    assert env.state.tolist() == [2, 3]
    env.step(torch.tensor([0, 1]), torch.tensor([1, 0]))
    assert env.state.tolist() == [0, 0]  # a new episode


@pytest.mark.parametrize(("step", "flips"), [(1.0, 7), (0.5, 14)])
def test_the_learner_yields_after_as_many_mismatches_as_the_exact_one(step, flips):
    learner = QLearner(torch.tensor([10.0, 20.0]), 1, generator(), step, epsilon=0.0, waits=0)
    nothing, obs = torch.zeros(1), torch.zeros(1, 5)
    for k in range(flips):
        assert learner.act(obs).item() == 1, k
        learner.observe(obs, torch.tensor([1]), torch.tensor([0]), nothing, obs)
    assert learner.act(obs).item() == 0


def test_value_is_equation_13_written_out():
    agent = Further(AgentConfig(), 2, 5, 2, 3, generator())
    obs, latent = torch.randn(2, 5, generator=generator()), torch.randn(2, 5, generator=generator())
    found = agent._value(obs, latent)
    for n in range(2):
        both = torch.cat([obs, latent], 1)[:, None]
        policy = torch.softmax(agent.actor(both)[n, 0], 0)
        law = torch.softmax(agent.decoder(both)[n, 0], 0)
        total = 0.0
        for a in range(2):
            for b in range(3):
                played = torch.zeros(2, 1, 3)
                played[:, :, b] = 1
                inputs = torch.cat([both, played], 2)
                q = min(target(inputs)[n, 0, a] for target in agent.targets)
                total += policy[a] * law[b] * q
            total -= agent.config.temperature * policy[a] * policy[a].log()
        assert found[n].item() == pytest.approx(total.item(), abs=1e-5)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(tmp_path, agent):
    def run(steps):
        return Run("ibs", agent, seeds=3, steps=steps, interval=50)

    whole = train(run(500), tmp_path / "whole")
    train(run(350), tmp_path / "broken")
    again = train(run(500), tmp_path / "broken", resume=True)
    assert np.array_equal(whole.reward, again.reward)
    one, two = (Session.load(tmp_path / k / "checkpoint.pt", run(500)) for k in ("whole", "broken"))
    for name in one.players[0].modules:
        held = (getattr(session.players[0], name).state_dict() for session in (one, two))
        for p, q in zip(*(state.values() for state in held), strict=True):
            assert torch.equal(p, q), name
    csv = np.loadtxt(tmp_path / "broken" / "curve.csv", delimiter=",", skiprows=1)
    assert csv.shape == (10, 4)
    np.testing.assert_allclose(csv[:, 1:], whole.reward, rtol=1e-5)


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("name", ["ibs", "ic", "imp"])
def test_every_line_up_trains(name, agent):
    curve = train(Run(name, agent, seeds=2, steps=300, interval=100))
    assert curve.reward.shape == (3, 2)
    assert np.isfinite(curve.reward).all()


def test_a_checkpoint_opens_without_its_run(tmp_path):
    run = Run("ic", "masac", seeds=2, steps=200, interval=100, settings=(("window", 50),))
    train(run, tmp_path)
    session = Session.open(tmp_path / "checkpoint.pt")
    assert session.run.as_dict() == run.as_dict()
    assert session.step == 200
    same = Session.load(tmp_path / "checkpoint.pt", run)
    obs = session.env.observation
    for one, two in zip(session.players, same.players, strict=True):
        assert torch.equal(one.policy(obs), two.policy(obs))
        assert one.config.window == 50


def test_nan_stops_with_the_step_the_agent_and_the_term(tmp_path):
    session = Session(Run("ibs", seeds=2, steps=400, interval=100))
    for _ in range(3):
        session.advance()
    with torch.no_grad():
        session.players[0].critics[0].weights[0][0] = float("nan")
    with pytest.raises(TrainingError, match="critic loss of further on ibs was nan at step 301"):
        session.advance()


def test_mistakes_are_told(tmp_path):
    with pytest.raises(InputError, match="did you mean 'ibs'"):
        Run("ibz")
    with pytest.raises(InputError, match="seeds must be at least 1; it was 0"):
        Run("ibs", seeds=0)
    with pytest.raises(
        InputError, match="steps must be one interval of 250 or a multiple; it was 3"
    ):
        Run("ibs", steps=3)
    short = {"seeds": 2, "steps": 50, "interval": 50}
    train(Run("ibs", **short), tmp_path)
    with pytest.raises(InputError, match="out must be a new folder, or be resumed"):
        train(Run("ibs", **short), tmp_path)
    with pytest.raises(InputError, match="seeds 2 not 3"):
        train(Run("ibs", **{**short, "seeds": 3}), tmp_path, resume=True)
    with pytest.raises(InputError, match="has agent 'further' not 'lili'"):
        train(Run("ibs", "lili", **short), tmp_path, resume=True)
    with pytest.raises(InputError, match=r"experiment\.agent\.temperature 0\.4 not 1\.0"):
        train(Run("ibs", **short, settings=(("temperature", 1),)), tmp_path, resume=True)
    with pytest.raises(InputError, match="name 'ibs' not 'ic'"):
        train(Run("ic", **short), tmp_path, resume=True)
    with pytest.raises(InputError, match="--resume must find a checkpoint"):
        train(Run("ibs", **short), tmp_path / "none", resume=True)


def test_the_picture_shows_the_curve_and_the_optimum():
    from tabular_marl.deep.figures import learning_curves, thinned
    from tabular_marl.deep.train import Curve

    rng = np.random.default_rng(0)
    curve = Curve(np.arange(1, 121) * 10, rng.normal(size=(120, 8)))
    step, reward = thinned(curve, 60)
    assert len(step) == 60
    np.testing.assert_allclose(reward[0], curve.reward[:2].mean(0))
    axis = learning_curves({"further": curve}, "IBS", optimum=1.95).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    np.testing.assert_allclose(lines["further"], iqm(reward))
    assert 1.95 in axis.lines[0].get_ydata()
