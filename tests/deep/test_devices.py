"""A run lives on one device, and no step of it waits for a number.

No GPU is needed: torch's device ``meta`` has no numbers, so that every look at one raises there,
and so does an operation with a tensor of the CPU.
"""

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from tabular_marl.deep.agents.further_mean_field import FurtherMeanField, MeanFieldConfig
from tabular_marl.deep.environments.crowd import Crowd
from tabular_marl.deep.environments.stochastic import Stationary
from tabular_marl.deep.parts import devices, networks
from tabular_marl.deep.parts.devices import device_named, draw
from tabular_marl.deep.parts.networks import clip_gradients
from tabular_marl.deep.training import Run, Session, TrainingError, session
from tabular_marl.deep.training.experiments import CONTINUOUS
from tabular_marl.validation import InputError

ELSEWHERE = torch.device("meta")
#: What makes a tensor out of no other.
NAMES = """
    arange as_tensor empty eye full linspace logspace normal ones rand randint randn randperm
    scalar_tensor tensor tril_indices triu_indices zeros
"""
FACTORIES = {getattr(torch, name) for name in NAMES.split()}
SMALL = (("window", 20), ("hidden", 4))
REPLAYED = (*SMALL, ("replay", 40), ("batch", 4))
#: Every agent and every environment: against itself, and the Q-learner once.
LINE_UPS = [
    ("ibs", "further", SMALL),
    ("ic", "moa", SMALL),
    ("imp", "masac", SMALL),
    ("ic", "dron", SMALL),
    ("imp", "lili", SMALL),
    *(
        ("grid-game-1", kind, REPLAYED)
        for kind in ("sac", "rommeo", "pr2", "balancing-q", "options")
    ),
    ("soccer", "sac", REPLAYED),
    *(("two-quadratics", kind, REPLAYED) for kind in CONTINUOUS),
]


class ExplicitDevice(TorchFunctionMode):
    """Raises where a tensor is made without a device."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in FACTORIES and kwargs.get("device") is None:
            raise AssertionError(f"{function.__name__}{args} was given no device")
        return function(*args, **kwargs)


class Elsewhere(torch.Generator):
    """Says that it is on another device, whose tensors draw nothing from it."""

    def __new__(cls, device=None):
        return super().__new__(cls)

    device = ELSEWHERE


def run_of(experiment, agent, settings, **more):
    return Run(experiment, agent, seeds=2, steps=100, interval=50, settings=settings, **more)


@pytest.mark.parametrize(("experiment", "agent", "settings"), LINE_UPS)
def test_every_tensor_is_made_on_a_device_that_was_told(experiment, agent, settings):
    with ExplicitDevice():
        held = Session(run_of(experiment, agent, settings))
        while held.step < 100:
            held.advance()
    assert held.curve.isfinite().all()
    assert not all(np.isnan(list(held.losses.values())).ravel())


def test_the_mode_catches_what_it_must():
    with ExplicitDevice(), pytest.raises(AssertionError, match=r"zeros.* no device"):
        torch.zeros(3)


@pytest.fixture
def elsewhere(monkeypatch):
    monkeypatch.setattr(session, "device_named", lambda name: ELSEWHERE)
    monkeypatch.setattr(torch, "Generator", Elsewhere)


def tensors(state):
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for part in state.values() if isinstance(state, dict) else state:
            yield from tensors(part)


@pytest.mark.parametrize(("experiment", "agent", "settings"), LINE_UPS)
def test_a_step_stays_on_the_device_and_waits_for_no_number(elsewhere, experiment, agent, settings):
    held = Session(run_of(experiment, agent, settings))
    total = torch.zeros(2, dtype=torch.float64, device=ELSEWHERE)
    for _ in range(30):
        losses = held._round(total)
    assert losses
    state = [player.state_dict() for player in held.players], held.env.state_dict(), losses
    found = list(tensors(state))
    assert len(found) > 10
    assert {x.device for x in found} == {ELSEWHERE}


def test_the_other_device_catches_what_it_must():
    here, there = torch.zeros(2, device="cpu"), torch.zeros(2, device=ELSEWHERE)
    with pytest.raises(RuntimeError, match="device"):
        here + there
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        bool(there.isfinite().all())


def test_many_among_many_stay_on_the_device():
    crowd = Crowd([[4.0, 0.0], [0.0, 8.0]], 3, 2, device=ELSEWHERE)
    config = MeanFieldConfig(window=5, hidden=4, replay=10, batch=2)
    agent = FurtherMeanField(config, 6, 1, 2, 2, Elsewhere())
    for _ in range(8):
        obs = crowd.observation.flatten(0, 1)
        action = agent.act(obs)
        reward, means = crowd.step(action.view(2, 3))
        losses = agent.observe(obs, action, means.flatten(0, 1), reward.flatten(), obs)
    assert losses
    assert {x.device for x in tensors([agent.state_dict(), losses])} == {ELSEWHERE}


def test_a_steady_player_moves_where_its_stream_is():
    steady = Stationary(torch.tensor([[0.5, 0.5]]), Elsewhere())
    assert steady.act(torch.ones(3, 1, device=ELSEWHERE)).device == ELSEWHERE


def test_the_race_draws_by_its_probabilities(monkeypatch):
    monkeypatch.setattr(devices, "at_hand", lambda x: False)
    law = torch.tensor([0.5, 0.0, 0.125, 0.375])
    stream = torch.Generator().manual_seed(0)
    drawn = draw(law.expand(100_000, -1), stream)
    shares = torch.bincount(drawn, minlength=4) / len(drawn)
    assert shares[1] == 0
    assert torch.allclose(shares, law, atol=5e-3)  # three standard deviations


def test_clipping_without_a_look_is_clipping(monkeypatch):
    stream = torch.Generator().manual_seed(0)
    for largest in (0.5, 100.0):
        one = [torch.randn(6, 3, 2, generator=stream), torch.randn(3, 4, generator=stream)]
        two = [g.clone() for g in one]
        monkeypatch.setattr(networks, "at_hand", lambda x: True)
        clip_gradients(one, largest, 3)
        monkeypatch.setattr(networks, "at_hand", lambda x: False)
        clip_gradients(two, largest, 3)
        assert all(torch.equal(p, q) for p, q in zip(one, two, strict=True))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cudda", r"device must be one of cpu, cuda; it was 'cudda' \(did you mean 'cuda'\?\)"),
        ("cuda:x", "device must be a kind"),
    ],
)
def test_an_unknown_device_is_told(name, told):
    with pytest.raises(InputError, match=told):
        Run("ic", device=name)


def test_a_device_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"device must be there; cuda is not available; "):
        Run("ic", device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="device must be below cuda:1; it was cuda:3"):
        device_named("cuda:3")
    assert device_named("cuda") == torch.device("cuda", 0)


def test_a_checkpoint_goes_on_on_another_kind_of_device(tmp_path):
    held = Session(run_of("ic", "dron", SMALL))
    held.advance()
    held.save(tmp_path / "here.pt")
    state = torch.load(tmp_path / "here.pt", weights_only=True)
    state["device"], state["generator"] = "cuda", torch.zeros(16, dtype=torch.uint8)
    torch.save(state, tmp_path / "there.pt")
    here, there = (Session.open(tmp_path / f"{name}.pt") for name in ("here", "there"))
    assert torch.equal(here.generator.get_state(), held.generator.get_state())
    assert not torch.equal(there.generator.get_state(), held.generator.get_state())
    again = Session.open(tmp_path / "there.pt")
    there.advance()
    again.advance()
    assert torch.equal(there.curve, again.curve)


def test_losses_seen_late_name_the_step_at_which_they_broke(monkeypatch):
    held = Session(run_of("ic", "dron", SMALL))
    held.device = torch.device("cuda", 0)  # as far as the checks go
    monkeypatch.setattr(held, "_round", poisoned_at(held, 33))
    total = torch.zeros(2)
    monkeypatch.setattr(torch, "zeros", lambda *size, **kind: total)
    with pytest.raises(TrainingError, match="the critic loss of dron on ic was nan at step 33"):
        held.advance()


def poisoned_at(held, step):
    def round_of(total):
        last = held.step + 1 >= step
        return {"critic": torch.tensor(float("nan") if last else 1.0)}

    return round_of
