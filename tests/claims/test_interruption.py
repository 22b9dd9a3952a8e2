"""A Ctrl-C that Python drops is still seen."""

from __future__ import annotations

import signal

import pytest

from tabular_marl.verification.interruption import Interruption


class Swallows:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_lost_in_a_destructor_is_noted() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        dropped = Swallows()
        del dropped  # KeyboardInterrupt is raised in __del__ and ignored there
    assert interruption.asked
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ordinary_signal_interrupts() -> None:
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt), interruption:
        signal.raise_signal(signal.SIGINT)
    assert interruption.asked
