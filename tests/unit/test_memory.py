"""What a model needs against what the machine has."""

import subprocess
import sys
from pathlib import Path

import pytest

from codeface_jupyter.errors import NotEnoughMemoryError
from codeface_jupyter.models import memory
from codeface_jupyter.models.memory import (
    WORKING_BYTES,
    MemoryEstimate,
    available_memory,
    check_fits,
    models_that_fit,
)

GB = 10**9


def needs(weights: int, kv_cache: int = 0) -> MemoryEstimate:
    return MemoryEstimate(weights_bytes=weights, kv_cache_bytes=kv_cache, context_tokens=4_096)


class TestCheckFits:
    def test_a_model_that_fits_passes(self) -> None:
        check_fits(needs(1 * GB), model="small", available_bytes=2 * GB)

    def test_a_model_that_does_not_fit_is_refused_with_numbers_and_what_would_fit(self) -> None:
        with pytest.raises(NotEnoughMemoryError) as caught:
            check_fits(needs(14 * GB, 2 * GB), model="big", available_bytes=4 * GB)
        error = caught.value
        assert error.needed_bytes == 16 * GB + WORKING_BYTES
        assert error.available_bytes == 4 * GB
        for words in ("big needs 16.3 GB", "14.0 GB weights", "2.0 GB KV cache", "4.0 GB are free"):
            assert words in error.message
        assert "qwen2.5-coder-1.5b" in error.hint
        assert "--force" in error.hint

    def test_the_working_margin_counts(self) -> None:
        with pytest.raises(NotEnoughMemoryError):
            check_fits(needs(1 * GB), model="m", available_bytes=1 * GB)

    def test_nothing_is_proposed_where_nothing_fits(self) -> None:
        assert models_that_fit(1_000) == []
        with pytest.raises(NotEnoughMemoryError) as caught:
            check_fits(needs(GB), model="m", available_bytes=1_000)
        assert "These fit" not in caught.value.hint

    def test_the_largest_that_fits_comes_first(self) -> None:
        assert models_that_fit(100 * GB)[0] == "codellama-34b"
        assert models_that_fit(2 * GB)[:2] == ["qwen3-0.6b", "qwen2.5-coder-0.5b"]


class TestAvailable:
    def test_free_memory_is_positive_and_no_more_than_the_machine_has(self) -> None:
        import psutil

        assert 0 < available_memory() <= psutil.virtual_memory().total

    def test_a_version_2_control_group_limits_what_is_free(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        group = tmp_path / "user.slice" / "notebook"
        group.mkdir(parents=True)
        (group / "memory.max").write_text("max\n")
        (group / "memory.current").write_text("100\n")
        # The limit of an enclosing group holds as well.
        (group.parent / "memory.max").write_text("5000\n")
        (group.parent / "memory.current").write_text("3000\n")
        (group.parent / "memory.stat").write_text("anon 2000\ninactive_file 700\n")
        self.pretend(monkeypatch, tmp_path, "0::/user.slice/notebook\n")
        assert available_memory() == 5_000 - 3_000 + 700

    def test_a_version_1_control_group_limits_what_is_free(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        group = tmp_path / "memory" / "docker" / "abc"
        group.mkdir(parents=True)
        (group / "memory.limit_in_bytes").write_text("9000\n")
        (group / "memory.usage_in_bytes").write_text("8000\n")
        self.pretend(monkeypatch, tmp_path, "5:cpu:/\n4:memory:/docker/abc\n")
        assert available_memory() == 1_000

    def test_a_group_beyond_its_limit_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "memory.max").write_text("10")
        (tmp_path / "memory.current").write_text("20")
        self.pretend(monkeypatch, tmp_path, "")
        assert available_memory() == 0

    @staticmethod
    def pretend(monkeypatch: pytest.MonkeyPatch, root: Path, own_groups: str) -> None:
        (root / "cgroup").write_text(own_groups)
        monkeypatch.setattr(memory, "CGROUP_V2", root)
        monkeypatch.setattr(memory, "CGROUP_V1", root / "memory")
        monkeypatch.setattr(memory, "PROC_CGROUP", root / "cgroup")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts its working set")
def test_the_peak_grows_with_what_the_process_held() -> None:
    # In a process of its own: this one's peak may lie far above what it holds now.
    code = (
        "from codeface_jupyter.models.memory import process_peak_bytes as peak\n"
        "before = peak()\nheld = bytearray(b'x') * (before + 50_000_000)\n"
        "print(before, peak())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    before, after = map(int, done.stdout.split())
    assert after > before + 40_000_000
    assert before > 5_000_000
