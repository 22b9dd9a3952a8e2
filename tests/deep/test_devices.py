"""A run lives on one device, and no step of it waits for a number.

No GPU is needed: fake tensors have a device and no numbers, so that an operation on two devices and
every look at a number raise.
"""

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.overrides import TorchFunctionMode

import tabular_marl as tm
from tabular_marl.deep.agents.base import AgentConfig
from tabular_marl.deep.agents.further_mean_field import FurtherMeanField, MeanFieldConfig
from tabular_marl.deep.environments.crowd import Crowd
from tabular_marl.deep.environments.stochastic import Stationary
from tabular_marl.deep.parts.devices import device_named, draw
from tabular_marl.deep.training import Run, Session, session
from tabular_marl.deep.training.experiments import AGENTS, CONTINUOUS
from tabular_marl.validation import InputError

CUDA = torch.device("cuda", 0)
#: What makes a tensor out of no other.
FACTORIES = {
    getattr(torch, name)
    for name in (
        "arange as_tensor empty eye full linspace logspace normal ones rand randint randn randperm "
        "scalar_tensor tensor tril_indices triu_indices zeros"
    ).split()
}
SMALL = (("window", 20), ("hidden", 4))
REPLAYED = (*SMALL, ("replay", 40), ("batch", 4))
#: Every agent and every environment: against itself, and the Q-learner once.
LINE_UPS = [
    ("ibs", "further", SMALL),
    ("ic", "moa", SMALL),
    ("imp", "masac", SMALL),
    ("ic", "dron", SMALL),
    ("imp", "lili", SMALL),
    *(("grid-game-1", kind, REPLAYED) for kind in AGENTS if kind not in ("further", "lili", "masac", "dron", "moa")),
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


class FakeGenerator(torch.Generator):
    """Says that it is on a GPU; fake tensors draw nothing from it."""

    def __new__(cls, device=None):
        return super().__new__(cls)

    device = CUDA


def run_of(experiment, agent, settings, **more):
    return Run(experiment, agent, seeds=2, steps=300, interval=50, settings=settings, **more)


@pytest.mark.parametrize(("experiment", "agent", "settings"), LINE_UPS)
def test_every_tensor_is_made_on_a_device_that_was_told(experiment, agent, settings):
    with ExplicitDevice():
        held = Session(run_of(experiment, agent, settings))
        while held.step < 300:
            held.advance()
    assert np.isfinite(held.curve).all()
    assert not all(np.isnan(list(held.losses.values())).ravel())


def test_the_mode_catches_what_it_must():
    with ExplicitDevice(), pytest.raises(AssertionError, match="zeros.* no device"):
        torch.zeros(3)


@pytest.fixture
def on_a_gpu(monkeypatch):
    monkeypatch.setattr(session, "device_named", lambda name: CUDA)
    monkeypatch.setattr(torch, "Generator", FakeGenerator)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def tensors(state):
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for part in state.values() if isinstance(state, dict) else state:
            yield from tensors(part)


@pytest.mark.parametrize(("experiment", "agent", "settings"), LINE_UPS)
def test_a_step_on_a_gpu_stays_there_and_waits_for_no_number(
    on_a_gpu, experiment, agent, settings
):
    held = Session(run_of(experiment, agent, settings))
    total = torch.zeros(2, dtype=torch.float64, device=CUDA)
    for _ in range(60):
        losses = held._round(total)
    assert losses
    state = [player.state_dict() for player in held.players], held.env.state_dict(), losses
    found = list(tensors(state))
    assert len(found) > 10
    assert {x.device for x in found} == {CUDA}
