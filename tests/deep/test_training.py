"""Training: seeds do not mix, a resumed run is the unbroken one bit for bit, NaN stops it."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.agents.base import AgentConfig
from tabular_marl.deep.agents.further import Further
from tabular_marl.deep.environments.matrix import IteratedMatrixGame, QLearner
from tabular_marl.deep.parts.networks import Adam, SeedMLP, TwinMLP, clip_gradients
from tabular_marl.deep.parts.window import Window
from tabular_marl.deep.training import Run, Session, TrainingError, train
from tabular_marl.deep.training.experiments import AGENTS
from tabular_marl.deep.training.statistics import iqm
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
    twins = torch.tensor([[[3.0]] * 3, [[3.0]] * 3, [[0.1]] * 3, [[0.1]] * 3])  # two a seed
    gain = torch.tensor([4.0, 0.1])
    clip_gradients([twins, gain], 1.0, 2)
    norms = torch.sqrt(twins.reshape(2, -1).square().sum(1) + gain.square())
    torch.testing.assert_close(norms, torch.tensor([1.0, 0.07**0.5]))


def test_the_backward_pass_is_that_of_the_layers_written_out():
    net, x = SeedMLP(3, (4, 8, 8, 2), generator()).double(), torch.randn(3, 5, 4).double()
    assert torch.autograd.gradcheck(net, x.requires_grad_())
    y, weight = x, torch.randn(3, 5, 2).double()
    for layer in range(3):
        y = torch.relu(y) if layer else y
        y = torch.baddbmm(net.biases[layer], y, net.weights[layer])
    every = [x, *net.parameters()]
    wanted = torch.autograd.grad((y * weight).sum(), every)
    for found, expected in zip(
        torch.autograd.grad((net(x) * weight).sum(), every), wanted, strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_twins_are_two_networks_a_seed():
    net, x = TwinMLP(2, (4, 8, 3), generator()), torch.randn(2, 5, 4, generator=generator())
    both = net(x)
    assert both.shape == (2, 2, 5, 3)
    for n in range(2):
        for twin in range(2):
            one = SeedMLP(1, (4, 8, 3), generator())
            for held, every in zip(one.parameters(), net.parameters(), strict=True):
                held.data.copy_(every[2 * n + twin])
            torch.testing.assert_close(both[n, twin], one(x[n : n + 1])[0])


def test_adam_is_that_of_torch():
    held = [torch.nn.Parameter(torch.randn(2, 3, generator=generator())) for _ in range(2)]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in held]
    ours, adam = Adam(held, 0.01), torch.optim.Adam(theirs, 0.01, fused=True)
    for _ in range(5):
        gradients = [torch.randn(2, 3) for _ in held]
        ours.step(gradients)
        for p, g in zip(theirs, gradients, strict=True):
            p.grad = g
        adam.step()
    assert all(torch.equal(p, q) for p, q in zip(held, theirs, strict=True))


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
        law = torch.softmax(agent.inference.decoder(both)[n, 0], 0)
        total = 0.0
        for a in range(2):
            for b in range(3):
                played = torch.zeros(2, 1, 3)
                played[:, :, b] = 1
                inputs = torch.cat([both, played], 2)
                q = min(agent.targets(inputs)[n, :, 0, a])
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
            assert p == q if isinstance(p, int) else torch.equal(p, q), name
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
        session.players[0].critics.weights[0][0] = float("nan")
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
    from tabular_marl.deep.training import Curve
    from tabular_marl.deep.training.figures import learning_curves, thinned

    rng = np.random.default_rng(0)
    curve = Curve(np.arange(1, 121) * 10, rng.normal(size=(120, 8)))
    step, reward = thinned(curve, 60)
    assert len(step) == 60
    np.testing.assert_allclose(reward[0], curve.reward[:2].mean(0))
    axis = learning_curves({"further": curve}, "IBS", optimum=1.95).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    np.testing.assert_allclose(lines["further"], iqm(reward))
    assert 1.95 in axis.lines[0].get_ydata()


@pytest.mark.parametrize("breaks", [False, True])
def test_denormals_are_zero_in_a_training_step_and_only_there(monkeypatch, breaks):
    session, tiny, seen = Session(Run("ic", "moa", seeds=2, interval=1)), torch.tensor(1e-39), []

    def step(total):
        seen.append(float(tiny * 1))
        if breaks:
            raise TrainingError
        return {}

    monkeypatch.setattr(session, "_round", step)
    with pytest.raises(TrainingError) if breaks else nullcontext():
        session.advance()
    assert seen == [0]
    assert float(tiny * 1) > 0
