"""Cells of a notebook that is evaluated run for as long as they may, where that can be kept."""

import signal

from codeface_jupyter.evaluation import quiet_shell


def test_a_system_without_alarms_runs_cells_without_a_limit(monkeypatch):
    monkeypatch.delattr(signal, "SIGALRM")
    monkeypatch.delattr(signal, "setitimer")
    with quiet_shell._interrupted_after(0.001):
        total = sum(range(200_000))

    assert total == 19_999_900_000
