"""A compiled training step is the training step."""

import pytest
import torch
from torch._inductor import cpp_builder
from torch._inductor.exc import InvalidCxxCompiler

from tabular_marl.deep.training import Run, Session, train
from tabular_marl.validation import InputError

SMALL = (("window", 8), ("hidden", 4))
BASELINES = ("further", "lili", "masac", "dron", "moa")


@pytest.fixture
def in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def pair(experiment, agent, settings, steps, seeds=3):
    """The same run as it is and compiled, some training steps on."""
    held = []
    for compiled in (False, True):
        same = {"preset": "code", "seeds": seeds, "interval": 1, "settings": settings}
        session = Session(Run(experiment, agent, compiled=compiled, **same))
        while session.step < session.run.config.window + steps:
            session.advance()
        held.append(session)
    return held


def tensors(state):
    """Every tensor of a nested state, in its order."""
    if isinstance(state, torch.Tensor):
        return [state]
    below = state.values() if isinstance(state, dict) else state
    nested = isinstance(state, dict | list | tuple)
    return [t for part in below for t in tensors(part)] if nested else []


def test_it_moves_everything_as_the_plain_step_does(in_double):
    plain, compiled = pair("ibs", "further", SMALL, 25)
    assert torch.equal(plain.curve, compiled.curve)
    held, found = (tensors(s.players[0].state_dict()) for s in (plain, compiled))
    assert len(held) > 50
    for one, other in zip(held, found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.deep
@pytest.mark.parametrize(
    ("experiment", "agent"),
    [
        *((game, kind) for game in ("ibs", "imp") for kind in BASELINES),
        *(("grid-game-1", kind) for kind in ("sac", "rommeo", "pr2", "balancing-q", "options")),
    ],
)
def test_every_agent_at_its_published_size_has_the_gradients_it_had(experiment, agent):
    plain, compiled = pair(experiment, agent, (), 1, 20)
    for name, optimiser in plain.players[0].optimisers.items():
        found = compiled.players[0].optimisers[name]
        assert optimiser.steps == found.steps
        for one, other in zip(optimiser.first, found.first, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(one.abs().max()))


def test_a_compiled_run_goes_on_bit_for_bit(tmp_path):
    def run(steps):
        return Run("ic", "moa", seeds=3, steps=steps, interval=10, settings=SMALL, compiled=True)

    whole = train(run(40))
    train(run(20), tmp_path)
    assert train(run(40), tmp_path, resume=True).reward.tolist() == whole.reward.tolist()
    again = Session.load(tmp_path / "checkpoint.pt", run(40))
    straight = Session(run(40))
    while straight.step < 40:
        straight.advance()
    for one, other in zip(again.players, straight.players, strict=True):
        pairs = zip(tensors(one.state_dict()), tensors(other.state_dict()), strict=True)
        assert all(torch.equal(*both) for both in pairs)


def test_an_agent_that_draws_as_it_trains_is_refused():
    with pytest.raises(InputError, match=r"agents that draw as they train.*ContinuousSac"):
        Session(Run("two-quadratics", "sac", seeds=2, compiled=True))


def test_without_a_compiler_it_says_so(monkeypatch):
    def none():
        raise InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
    with pytest.raises(InputError, match=r"compile must find a C\+\+ compiler"):
        Session(Run("ic", "moa", seeds=2, compiled=True))
