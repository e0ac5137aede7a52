"""What ``model = "auto"`` stands for: the rule, what it is told by, and that it is settled once."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from codeface_jupyter.config import AUTO_MODEL, Config, Settings
from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.engines import auto_model
from codeface_jupyter.engines.auto_model import choose_model, leaves_room, settled
from codeface_jupyter.engines.llamacpp.engine import LlamaCppEngine
from codeface_jupyter.engines.openvino.engine import OpenVINOEngine
from codeface_jupyter.engines.openvino.plugin import WITH_BYTE_PRODUCTS as INT8
from codeface_jupyter.engines.openvino.plugin import WITHOUT_BYTE_PRODUCTS
from codeface_jupyter.engines.registry import engine_speed
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.engines.transformers import plugin as transformers_plugin
from codeface_jupyter.engines.transformers import quantization
from codeface_jupyter.engines.transformers.best_dtype import best_dtype
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.errors import ConfigError, ModelNotFoundError
from codeface_jupyter.generation import EngineIdentity, GenerationMetrics, Remarked
from codeface_jupyter.jobs import Event, Job
from codeface_jupyter.models import speed, speed_records
from codeface_jupyter.models.alias_check import checked_alias
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.model_choice import Candidate, choose
from codeface_jupyter.models.speed import MachineSpeed, Rates, expected_rates
from codeface_jupyter.models.speed_records import SpeedRecords, rates_key
from codeface_jupyter.session import Session
from codeface_jupyter.session.auto_model import AutoModel
from codeface_jupyter.threads import within

SMALL, MIDDLE, LARGE = "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "qwen2.5-coder-7b"
GB = 10**9
# Two cores of a server, as the figures of decision 15 were taken on.
SERVER = MachineSpeed(
    cpu="test", cores=2, measured_on="2026-11-28", bytes_per_s=37 * GB, flop_per_s=250 * GB
)
# Two cores of another, without instructions for products of bytes.
OLDER_SERVER = MachineSpeed(
    cpu="test", cores=2, measured_on="2026-11-29", bytes_per_s=35 * GB, flop_per_s=187 * GB
)
MIDDLE_INT8 = EngineIdentity(engine="openvino", model=MIDDLE, quantization="int8")
FAST = Rates(decode_tokens_per_s=40, prefill_tokens_per_s=400)
SLOW = Rates(decode_tokens_per_s=9, prefill_tokens_per_s=90)


def candidate(name: str, **changes: object) -> Candidate:
    values = {"is_here": True, "needed_bytes": GB, "free_bytes": 20 * GB, "rates": FAST}
    return Candidate(entry=CATALOG[name], **(values | changes))  # type: ignore[arg-type]


class TestTheRule:
    def test_the_best_that_is_fast_is_taken(self) -> None:
        choice = choose([candidate(SMALL), candidate(MIDDLE), candidate(LARGE, rates=SLOW)])
        assert choice.name == MIDDLE
        line = choice.describe()
        assert "right in 43% of notebook tasks" in line
        assert f"A better model is {LARGE} (HumanEval 88% by its publisher), but it is slow" in line
        assert "first token after about 2.3 s, then about 9 tokens/s." in line
        assert f"Faster: {SMALL} (right in 30%" in line
        assert "\n" not in line

    def test_half_of_the_free_memory_is_the_users(self) -> None:
        choice = choose([candidate(SMALL), candidate(MIDDLE, needed_bytes=11 * GB)])
        assert choice.name == SMALL
        assert (
            f"{MIDDLE} (right in 43% of notebook tasks), but it needs 11.0 GB" in choice.describe()
        )

    def test_a_long_wait_for_the_first_token_is_slow_too(self) -> None:
        reads_slowly = Rates(decode_tokens_per_s=40, prefill_tokens_per_s=100)
        assert choose([candidate(SMALL), candidate(MIDDLE, rates=reads_slowly)]).name == SMALL

    def test_a_smaller_one_that_is_here_answers_and_the_better_one_is_offered(self) -> None:
        choice = choose([candidate(SMALL), candidate(MIDDLE, is_here=False)])
        assert (choice.name, choice.wanted.entry.name) == (SMALL, MIDDLE)
        assert f"`codeface pull {MIDDLE}` fetches it (1.1 GB)" in choice.describe()

    def test_with_nothing_here_the_best_is_taken_and_its_size_said(self) -> None:
        choice = choose([candidate(SMALL, is_here=False), candidate(MIDDLE, is_here=False)])
        assert choice.name == MIDDLE
        assert "has to be fetched (1.1 GB)" in choice.describe()

    def test_nothing_large_is_fetched_unasked(self) -> None:
        candidates = [candidate(MIDDLE, is_here=False), candidate(LARGE, is_here=False)]
        choice = choose(candidates)
        assert choice.wanted.entry.name == MIDDLE
        assert f"`codeface pull {LARGE}` fetches it (15.2 GB)" in choice.describe()
        assert choose([candidate(MIDDLE), candidate(LARGE)]).name == LARGE

    def test_where_all_are_slow_the_smallest_is_taken(self) -> None:
        slow = [candidate(name, rates=SLOW, is_here=False) for name in (MIDDLE, SMALL)]
        assert choose(slow).name == SMALL

    @pytest.mark.parametrize(
        ("tokens_per_s", "is_measured", "is_fast"),
        [(14.7, False, False), (14.7, True, True), (11.9, True, False), (15.0, False, True)],
    )
    def test_what_has_answered_here_is_not_left_for_a_little(
        self, tokens_per_s: float, is_measured: bool, is_fast: bool
    ) -> None:
        rates = Rates(
            decode_tokens_per_s=tokens_per_s, prefill_tokens_per_s=1_000, is_measured=is_measured
        )
        assert rates.is_fast() is is_fast

    # The last words take 1.4 or 1.7 s, or there is no time to read the rest.
    @pytest.mark.parametrize(("prefill", "is_fast"), [(50, True), (43, False), (38, False)])
    def test_what_is_read_while_it_is_typed_may_be_read_slowly(
        self, prefill: float, is_fast: bool
    ) -> None:
        rates = Rates(decode_tokens_per_s=15, prefill_tokens_per_s=prefill)
        assert not rates.is_fast()
        assert rates.is_fast(reads_ahead=True) is is_fast

    def test_on_a_gpu_what_fits_is_fast_enough(self) -> None:
        middle, large = (candidate(n, rates=None, may_be_slow=False) for n in (MIDDLE, LARGE))
        assert choose([middle, large]).name == LARGE
        assert choose([middle, replace(large, needed_bytes=11 * GB)]).name == MIDDLE
        assert choose([middle, replace(large, may_be_slow=True)]).name == MIDDLE

    def test_a_better_one_that_is_here_is_asked_where_an_answer_fails(self) -> None:
        choice = choose([candidate(SMALL), candidate(MIDDLE, rates=SLOW)])
        assert choice.name == SMALL
        assert choice.second is not None
        assert choice.second.entry.name == MIDDLE
        line = choice.describe(asks_second=True)
        assert f"Where its answer fails, {MIDDLE} is asked." in line
        assert "is asked" not in choice.describe()

    @pytest.mark.parametrize(
        "changes",
        [
            {"is_here": False},
            # A wait of half a minute.
            {"rates": Rates(decode_tokens_per_s=4, prefill_tokens_per_s=30)},
            {"rates": None},
            # Fits alone, but not beside the other.
            {"needed_bytes": 9_500_000_000},
        ],
        ids=["not here", "slow", "unknown", "large"],
    )
    def test_one_that_would_be_in_the_way_is_not(self, changes: dict[str, object]) -> None:
        choice = choose([candidate(SMALL), candidate(MIDDLE, **({"rates": SLOW} | changes))])
        assert (choice.name, choice.second) == (SMALL, None)
        assert "is asked" not in choice.describe(asks_second=True)

    def test_the_best_of_several_is_asked(self) -> None:
        several = [candidate(SMALL), *(candidate(n, rates=SLOW) for n in (MIDDLE, LARGE))]
        second = choose(several).second
        assert second is not None
        assert second.entry.name == LARGE

    def test_what_it_would_be_fetched_for_is_said(self) -> None:
        choice = choose([candidate(SMALL), candidate(MIDDLE, rates=SLOW, is_here=False)])
        line = choice.describe(asks_second=True)
        assert f"`codeface pull {MIDDLE}` fetches it (1.1 GB), to be asked where" in line

    def test_what_was_measured_orders_the_models_as_their_publishers_do(self) -> None:
        known = [entry.right_answers for entry in CATALOG.values() if entry.is_recommended]
        both = sorted((k.published or 0, k.measured) for k in known if k.measured is not None)
        assert [measured for _, measured in both] == sorted(measured or 0 for _, measured in both)


class TestExpectation:
    def test_the_rule_gives_what_was_measured(self) -> None:
        small = expected_rates(CATALOG[SMALL], INT8, SERVER)
        middle = expected_rates(CATALOG[MIDDLE], INT8, SERVER)
        # Measured: 43 and 17 to 19 tokens/s of the answer, 300 to 570 of the prompt.
        assert small.decode_tokens_per_s == pytest.approx(43, rel=0.15)
        assert middle.decode_tokens_per_s == pytest.approx(18, rel=0.15)
        assert 200 < middle.prefill_tokens_per_s < 570
        assert middle.is_fast()
        assert not expected_rates(CATALOG["qwen2.5-coder-3b"], INT8, SERVER).is_fast()

    def test_without_products_of_bytes_it_is_slower(self) -> None:
        small = expected_rates(CATALOG[SMALL], WITHOUT_BYTE_PRODUCTS, OLDER_SERVER)
        middle = expected_rates(CATALOG[MIDDLE], WITHOUT_BYTE_PRODUCTS, OLDER_SERVER)
        # Measured: 29 and 14.6 tokens/s of the answer, 120 and 50 of the prompt.
        assert small.decode_tokens_per_s == pytest.approx(29, rel=0.15)
        assert middle.decode_tokens_per_s == pytest.approx(14.6, rel=0.15)
        assert small.prefill_tokens_per_s == pytest.approx(120, rel=0.3)
        assert middle.prefill_tokens_per_s == pytest.approx(50, rel=0.15)
        assert not middle.is_fast()

    @pytest.mark.parametrize(
        ("text", "does"),
        [
            ("model name\t: A\nflags\t\t: fpu avx2 fma\n", False),
            ("model name\t: A\nflags\t\t: fpu avx2 avx_vnni\n", True),
            ("flags\t\t: fpu avx512_vnni amx_int8\n", True),
            ("Features\t: fp asimd asimddp\n", True),
            ("Features\t: fp asimd\n", False),
            # It says nothing of them, so nothing speaks against them.
            ("model name\t: A\n", True),
            ("", True),
        ],
    )
    def test_the_processor_tells_whether_it_multiplies_bytes(
        self, text: str, does: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = tmp_path / "cpuinfo"
        told.write_text(text)
        monkeypatch.setattr(speed, "CPUINFO", told)
        assert speed.multiplies_bytes() is does
        engine = engine_speed("openvino", auto_settings(tmp_path, engine="openvino"))
        assert engine is not None
        assert engine.compute_ratio == (3.0 if does else 0.8)

    def test_a_system_without_such_a_file_tells_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(speed, "CPUINFO", tmp_path / "none")
        assert speed.multiplies_bytes()
        assert speed.cpu_name()

    def test_of_experts_only_those_that_are_used_are_read(self) -> None:
        dense = expected_rates(CATALOG["qwen2.5-coder-32b"], INT8, SERVER)
        experts = expected_rates(CATALOG["qwen3-coder-30b-a3b"], INT8, SERVER)
        assert experts.decode_tokens_per_s > 5 * dense.decode_tokens_per_s

    def test_two_short_probes_find_figures_of_a_real_machine(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert 2 * speed.PROBE_S < 0.5
        monkeypatch.setattr(speed, "PROBE_S", 0.01)
        found = speed.probe_machine()
        assert found.bytes_per_s > 10**8
        assert found.flop_per_s > 10**8
        assert found.cpu

    def test_what_others_took_is_added(self) -> None:
        assert speed._undisturbed_s([1.0, 3.0], 0.0) == 1.0
        assert speed._undisturbed_s([4.0, 4.0], 0.75) == 1.0
        assert speed._undisturbed_s([4.0, 4.0], 1.0) == 4.0


class TestRecords:
    @pytest.fixture
    def records(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpeedRecords:
        probes = iter([SERVER])
        monkeypatch.setattr(speed_records, "probe_machine", lambda: next(probes))
        monkeypatch.setattr(speed_records, "VALID_DAYS", 100_000)
        return SpeedRecords(tmp_path)

    def test_the_machine_is_measured_once_and_kept_with_its_name_and_the_day(
        self, records: SpeedRecords
    ) -> None:
        assert records.machine(may_probe=False) is None
        assert records.machine() == records.machine() == SERVER
        kept = json.loads(records.file.read_text())["machine"]
        assert (kept["cpu"], kept["measured_on"]) == ("test", "2026-11-28")

    def test_a_busy_machine_is_measured_again(
        self, records: SpeedRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        probes = [replace(SERVER, is_certain=False, bytes_per_s=n) for n in (1e9, 2e9)]
        remaining = iter(probes)
        monkeypatch.setattr(speed_records, "probe_machine", lambda: next(remaining))
        # One measurement tells of all models of a list, and is not kept for the next one.
        assert [records.machine(), records.machine()] == [probes[0]] * 2
        assert not records.file.exists()
        monkeypatch.setattr(speed_records, "BUSY_FOR_S", 0.0)
        assert records.machine() == probes[1]

    def test_where_nothing_can_be_written_the_machine_is_measured_once_a_process(
        self, records: SpeedRecords
    ) -> None:
        # As a folder that cannot be written to is: nothing can be made in it.
        records.file.parent.touch()
        assert records.machine() == SERVER
        again = SpeedRecords(records.file.parent.parent)
        assert again.machine() == again.machine(may_probe=False) == SERVER

    @pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
    @pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o775, 0o664), (0o700, 0o600)])
    def test_who_may_read_the_folder_may_read_them(
        self, records: SpeedRecords, folder: int, file: int
    ) -> None:
        records.file.parent.mkdir()
        records.file.parent.chmod(folder)
        records.machine()
        assert records.file.stat().st_mode & 0o777 == file

    def test_what_answers_take_replaces_what_was_expected(self, records: SpeedRecords) -> None:
        key = rates_key(MIDDLE, "openvino", "int8")
        for decode_s in (2.0, 4.0, 1.0):
            assert records.rates(key) is None
            metrics = GenerationMetrics(
                prompt_tokens=300,
                reused_prompt_tokens=100,
                generated_tokens=41,
                time_to_first_token_s=1.0,
                decode_s=decode_s,
            )
            records.add(MIDDLE_INT8, metrics)
        rates = records.rates(key)
        assert rates is not None
        assert (rates.decode_tokens_per_s, rates.prefill_tokens_per_s) == (20, 200)
        assert rates.is_measured

    def test_an_answer_to_what_was_only_read_before_tells_how_fast_it_came(
        self, records: SpeedRecords
    ) -> None:
        read = GenerationMetrics(
            prompt_tokens=300, generated_tokens=1, time_to_first_token_s=3.0, decode_s=0.0
        )
        answered = GenerationMetrics(
            prompt_tokens=300,
            reused_prompt_tokens=299,
            generated_tokens=41,
            time_to_first_token_s=0.1,
            decode_s=4.0,
        )
        for _ in range(speed_records.ENOUGH):
            records.add(MIDDLE_INT8, read)
            records.add(MIDDLE_INT8, answered, was_read_ahead=True)
        rates = records.rates(rates_key(MIDDLE, "openvino", "int8"))
        assert rates is not None
        assert (rates.decode_tokens_per_s, rates.prefill_tokens_per_s) == (10, 100)

    @pytest.mark.parametrize(
        "metrics",
        [
            {"prompt_tokens": 300, "generated_tokens": 3},
            # To the same prompt as before: what is said again comes at many times the rate.
            {"prompt_tokens": 300, "reused_prompt_tokens": 299, "generated_tokens": 40},
        ],
        ids=["short", "repeated"],
    )
    def test_some_answers_tell_nothing(
        self, records: SpeedRecords, metrics: dict[str, int]
    ) -> None:
        for _ in range(5):
            records.add(
                MIDDLE_INT8, GenerationMetrics(**metrics, time_to_first_token_s=1.0, decode_s=0.1)
            )
        measured = json.loads(records.file.read_text() if records.file.exists() else "{}")
        rates = measured.get("rates", {}).get(rates_key(MIDDLE, "openvino", "int8"), {})
        assert "decode" not in rates

    @pytest.mark.parametrize(
        "text",
        [
            "{",
            "[]",
            "[" * 100_000,
            '{"rates": 3}',
            '{"machine": {"cpu": 1}}',
            '{"rates": {"m openvino int8": []}}',
            '{"rates": {"m openvino int8": {"decode": "fast", "prefill": [1, 2, 3]}}}',
            '{"rates": {"m openvino int8": {"decode": [1, 1, 1], "prefill": [0, 0, 0]}}}',
        ],
    )
    def test_a_broken_file_is_written_anew(self, records: SpeedRecords, text: str) -> None:
        records.file.parent.mkdir(parents=True)
        records.file.write_text(text)
        assert records.rates(rates_key("m", "openvino", "int8")) is None
        identity = EngineIdentity(engine="openvino", model="m", quantization="int8")
        records.add(identity, GenerationMetrics(generated_tokens=30, decode_s=1.0))
        assert records.machine() == SERVER


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Make this machine the server of the figures, with the models that a test says are here."""
    here: set[str] = set()

    def is_here(request: ModelRequest) -> bool:
        return request.name in here

    for module in ("codeface_jupyter.engines.auto_model", "codeface_jupyter.session.auto_model"):
        monkeypatch.setattr(f"{module}.is_here", is_here)
    monkeypatch.setattr(speed_records, "probe_machine", lambda: SERVER)
    monkeypatch.setattr(speed, "BYTE_PRODUCTS", speed.cpu_features())
    monkeypatch.setattr(auto_model, "available_memory", lambda _: 20 * GB)
    monkeypatch.setattr(auto_model, "engine_choice", lambda _: SimpleNamespace(name="openvino"))
    return lambda *names: here.update(names)


def auto_settings(tmp_path: Path, **values: object) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", **values)


class TestSettling:
    def test_auto_is_the_default(self) -> None:
        assert Settings().model == AUTO_MODEL

    def test_the_middle_one_on_a_machine_as_this(self, server, tmp_path: Path) -> None:
        choice = choose_model(auto_settings(tmp_path))
        assert choice is not None
        assert choice.name == MIDDLE
        server(SMALL)
        choice = choose_model(auto_settings(tmp_path))
        assert choice is not None
        assert (choice.name, choice.wanted.entry.name) == (SMALL, MIDDLE)
        assert settled(auto_settings(tmp_path)).model == SMALL
        assert settled(auto_settings(tmp_path), will_fetch=True).model == MIDDLE

    @pytest.mark.usefixtures("server")
    def test_a_model_by_name_is_never_replaced(self, tmp_path: Path) -> None:
        settings = auto_settings(tmp_path, model=LARGE, revision="mine")
        assert settled(settings) is settings
        assert AutoModel().settle(settings) is settings

    @pytest.mark.usefixtures("server")
    def test_an_engine_that_does_not_run_the_catalog_gets_the_word_itself(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(auto_model, "engine_choice", lambda s: SimpleNamespace(name=s.engine))
        settings = auto_settings(tmp_path, engine="scripted")
        assert AutoModel().settle(settings).model == AUTO_MODEL

    @pytest.mark.usefixtures("server")
    def test_an_engine_that_auto_takes_but_tells_no_speed_gets_the_smallest(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(auto_model, "engine_choice", lambda _: SimpleNamespace(name="scripted"))
        assert AutoModel().settle(auto_settings(tmp_path)).model == SMALL

    @pytest.mark.usefixtures("server")
    def test_a_revision_that_is_set_is_not_that_of_a_model_chosen(self, tmp_path: Path) -> None:
        assert settled(auto_settings(tmp_path, revision="mine")).revision is None

    def test_a_session_stays_with_its_model_until_the_better_one_has_come(
        self, server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server(SMALL)
        auto, settings = AutoModel(), auto_settings(tmp_path)
        assert auto.settle(settings).model == SMALL
        # Its own weights take of the memory that is free.
        monkeypatch.setattr(auto_model, "available_memory", lambda _: 1)
        assert auto.settle(settings).model == SMALL
        monkeypatch.setattr(auto_model, "available_memory", lambda _: 20 * GB)
        server(MIDDLE)
        assert auto.settle(settings).model == MIDDLE

    @pytest.mark.usefixtures("server")
    def test_who_may_not_measure_does_not_wait_for_who_does(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begins, may_end = threading.Event(), threading.Event()

        def probe() -> MachineSpeed:
            begins.set()
            assert may_end.wait(20)
            return SERVER

        monkeypatch.setattr(speed_records, "probe_machine", probe)
        auto, settings = AutoModel(), auto_settings(tmp_path)
        worker = threading.Thread(target=auto.settle, args=[settings])
        worker.start()
        try:
            assert begins.wait(20)
            foreseen = within(5, lambda: auto.settle(settings, may_probe=False))
        finally:
            may_end.set()
            worker.join()
        assert foreseen.model in CATALOG
        assert auto.choice is not None

    @pytest.fixture
    def older_server(self, server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        monkeypatch.setattr(speed_records, "probe_machine", lambda: OLDER_SERVER)
        monkeypatch.setattr("codeface_jupyter.engines.openvino.plugin.multiplies_bytes", bool)
        monkeypatch.setattr("codeface_jupyter.trials.copy_support._guard_reason", lambda _: "")
        return server

    @pytest.fixture
    def reads_slowly(self, older_server, tmp_path: Path) -> Settings:
        """Have measured, on the older server, that the middle one only reads too slowly."""
        older_server(SMALL, MIDDLE)
        settings = auto_settings(tmp_path)
        measured = GenerationMetrics(
            prompt_tokens=570, generated_tokens=145, time_to_first_token_s=10.0, decode_s=10.0
        )
        for _ in range(speed_records.ENOUGH):
            SpeedRecords(settings.cache_dir).add(MIDDLE_INT8, measured)
        return settings

    def test_where_questions_are_read_while_they_are_typed_a_better_one_answers(
        self, reads_slowly: Settings
    ) -> None:
        choice = choose_model(reads_slowly)
        assert choice is not None
        assert choice.name == SMALL
        ahead = f"In JupyterLab, where questions are read while you type: {MIDDLE}."
        assert ahead in choice.describe()
        choice = choose_model(reads_slowly, reads_ahead=True)
        assert choice is not None
        assert choice.name == MIDDLE
        assert "first token here after 1.3 s, then" in choice.describe()
        assert choice.describe().endswith("that questions are read while you type.")

    def test_where_reading_ahead_is_off_nothing_is_said_of_it(self, reads_slowly: Settings) -> None:
        choice = choose_model(reads_slowly.model_copy(update={"read_ahead": False}))
        assert choice is not None
        assert (choice.name, choice.ahead) == (SMALL, None)

    def test_by_what_is_expected_a_slow_reader_is_left_to_be_measured(
        self, older_server, tmp_path: Path
    ) -> None:
        older_server(SMALL, MIDDLE)
        choice = choose_model(auto_settings(tmp_path), reads_ahead=True)
        assert choice is not None
        assert choice.name == SMALL

    def test_it_is_chosen_anew_when_questions_begin_or_cease_to_be_read_ahead(
        self, reads_slowly: Settings
    ) -> None:
        auto = AutoModel()
        for reads_ahead, model in ((False, SMALL), (True, MIDDLE), (False, SMALL)):
            assert auto.settle(reads_slowly, reads_ahead=reads_ahead).model == model

    def test_what_is_foreseen_is_what_is_in_use_and_without_it_what_would_be(
        self, reads_slowly: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        auto = AutoModel()
        named = reads_slowly.model_copy(update={"model": SMALL})

        def foreseen(**how: bool) -> str:
            choice = auto.foresee(named, **how)
            return "" if choice is None else choice.name

        assert (foreseen(), foreseen(reads_ahead=True)) == (SMALL, MIDDLE)
        assert auto.choice is None
        auto.settle(reads_slowly, reads_ahead=True)
        # The weights that are in use take of the memory that is free.
        monkeypatch.setattr(auto_model, "available_memory", lambda _: 1)
        assert (foreseen(), foreseen(reads_ahead=True)) == (SMALL, MIDDLE)
        assert foreseen(reads_ahead=True, anew=True) == SMALL
        auto.forget()
        assert foreseen(reads_ahead=True) == SMALL

    def test_what_has_been_fetched_is_foreseen(self, server, tmp_path: Path) -> None:
        server(SMALL)
        auto, settings = AutoModel(), auto_settings(tmp_path)
        auto.settle(settings)
        server(MIDDLE)
        choice = auto.foresee(settings)
        assert choice is not None
        assert choice.name == MIDDLE

    def test_the_model_for_jupyterlab_is_named_with_what_fetches_it(
        self, reads_slowly: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(auto_model, "is_here", lambda request: request.name == SMALL)
        choice = choose_model(reads_slowly)
        assert choice is not None
        assert f"while you type: {MIDDLE} (`codeface pull {MIDDLE}`" in choice.describe()

    def test_without_rates_nothing_is_said_of_first_tokens(self) -> None:
        taken = candidate(LARGE, rates=None, may_be_slow=False, reads_ahead=True)
        assert "irst token" not in choose([taken]).describe()

    def test_a_better_one_is_asked_second_once_it_has_come(
        self, older_server, tmp_path: Path
    ) -> None:
        older_server(SMALL)
        auto, settings = AutoModel(), auto_settings(tmp_path)
        assert auto.settle(settings).model == SMALL
        assert auto.second(settings) is None
        told: list[Event] = []
        auto.tell(settings, Job(told.append))
        older_server(MIDDLE)
        assert auto.settle(settings).model == SMALL
        second = auto.second(settings)
        assert second is not None
        assert (second.model, second.auto_pull) == (MIDDLE, False)
        # Whoever has fetched it for that is told that it works.
        auto.tell(settings, Job(told.append))
        assert "to be asked where an answer fails" in str(told[0])
        assert f"Where its answer fails, {MIDDLE} is asked." in str(told[1])

    def test_where_that_is_not_wanted_or_not_possible_none_is(
        self, older_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        older_server(SMALL, MIDDLE)
        auto, settings = AutoModel(), auto_settings(tmp_path)
        auto.settle(settings)
        assert auto.second(settings) is not None
        # A model by name answers alone.
        assert auto.second(auto_settings(tmp_path, model=SMALL)) is None
        off = auto_settings(tmp_path, better_model="off")
        monkeypatch.setattr("codeface_jupyter.trials.copy_support._guard_reason", lambda _: "none")
        told: list[Event] = []
        for unwanted in (off, settings):
            assert auto.second(unwanted) is None
            auto.tell(unwanted, Job(told.append))
        assert told
        assert "asked" not in str(told)

    def test_what_one_model_was_allowed_another_is_not(self, older_server, tmp_path: Path) -> None:
        older_server(SMALL, MIDDLE)
        allowed = Permissions(trust_remote_code=True, allow_pickle=True)
        settings = auto_settings(tmp_path, force_load=True).permitting(allowed)
        auto = AutoModel()
        auto.settle(settings)
        second = auto.second(settings)
        assert second is not None
        assert (second.permissions, second.force_load) == (Permissions(), False)

    def test_the_notebook_may_have_left_no_room_since(
        self, older_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        older_server(SMALL, MIDDLE)
        settings = auto_settings(tmp_path)
        assert leaves_room(MIDDLE, settings)
        monkeypatch.setattr(auto_model, "available_memory", lambda _: 3 * GB)
        assert not leaves_room(MIDDLE, settings)
        assert leaves_room("not of the catalog", settings)

    def test_the_choice_is_told_once(self, server, tmp_path: Path) -> None:
        server(MIDDLE)
        told: list[Event] = []
        auto, settings = AutoModel(), auto_settings(tmp_path)
        for _ in range(2):
            auto.settle(settings)
            auto.tell(settings, Job(told.append))
        assert [type(event) for event in told] == [Remarked]
        auto.tell(auto_settings(tmp_path, model=SMALL), Job(told.append))
        assert len(told) == 1

    def test_in_the_next_session_it_is_told_only_if_it_is_another(
        self, older_server, tmp_path: Path
    ) -> None:
        settings = auto_settings(tmp_path)

        def told_in_new_session() -> list[Event]:
            told: list[Event] = []
            auto = AutoModel()
            auto.settle(settings)
            auto.tell(settings, Job(told.append))
            return told

        older_server(SMALL)
        assert [len(told_in_new_session()) for _ in range(2)] == [1, 0]
        older_server(SMALL, MIDDLE)
        assert f"{MIDDLE} is asked." in str(told_in_new_session())
        assert not told_in_new_session()

    def test_where_nothing_can_be_kept_it_is_told_in_each_session(
        self, server, tmp_path: Path
    ) -> None:
        server(MIDDLE)
        no_folder = tmp_path / "file"
        no_folder.write_text("")
        settings = auto_settings(no_folder)
        for _ in range(2):
            told: list[Event] = []
            auto = AutoModel()
            auto.settle(settings)
            auto.tell(settings, Job(told.append))
            assert len(told) == 1

    @pytest.mark.usefixtures("server")
    def test_no_alias_may_take_its_name(self, tmp_path: Path) -> None:
        for name, model in ((AUTO_MODEL, SMALL), ("Auto", SMALL), ("mine", AUTO_MODEL)):
            with pytest.raises(ConfigError, match="the best model that runs well here"):
                checked_alias(name, ModelRequest(model, tmp_path))

    def test_a_session_with_an_engine_of_its_own_chooses_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(speed_records, "probe_machine", pytest.fail)
        config = Config(file=tmp_path / "none.toml")
        config.set(cache_dir=str(tmp_path))
        session = Session(config=config, engine=ScriptedEngine(["an answer"]))
        answer = session.stream("hello")
        answer.read_to_end()
        assert answer.result is not None
        assert answer.remarks == ()


@pytest.mark.parametrize("engine", [OpenVINOEngine, LlamaCppEngine, TransformersEngine])
def test_an_engine_without_a_session_says_that_it_needs_a_model_by_name(
    engine: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codeface_jupyter.engines.llamacpp.support.find_spec", lambda name: name)
    monkeypatch.setattr("codeface_jupyter.engines.openvino.engine.find_spec", lambda name: name)
    with pytest.raises(ModelNotFoundError, match="'auto' is not the name of a model") as caught:
        engine(auto_settings(tmp_path)).prepare(Job())
    assert "Name a model" in caught.value.hint


def test_a_broken_folder_of_a_known_name_does_not_keep_auto_from_choosing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / SMALL).mkdir()
    (tmp_path / SMALL / "config.json").write_text("{")
    monkeypatch.setattr(speed_records, "probe_machine", lambda: SERVER)
    assert settled(auto_settings(tmp_path)).model in CATALOG


def test_llama_cpp_is_asked_only_for_what_comes_as_gguf(tmp_path: Path) -> None:
    told = engine_speed("llamacpp", auto_settings(tmp_path, engine="llamacpp", model=MIDDLE))
    assert told is not None
    # As the engine's identity names them: what is measured is kept under it.
    assert told.weights == "Q4_K_M"
    assert 4 < told.bits_per_weight < 9
    other = auto_settings(tmp_path, engine="llamacpp", model="codellama-7b")
    assert engine_speed("llamacpp", other) is None


@pytest.mark.parametrize(
    ("features", "weights", "small_rate"),
    [("fpu avx2", "float32", 5.9), ("fpu avx2 avx512bw", "bfloat16", 11.6)],
)
def test_transformers_tells_what_it_computes_in_here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    features: str,
    weights: str,
    small_rate: float,
) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text(f"flags : {features}\n")
    monkeypatch.setattr(speed, "CPUINFO", told)
    engine = engine_speed("transformers", auto_settings(tmp_path, engine="transformers"))
    assert engine is not None
    assert engine.weights == weights
    found = expected_rates(CATALOG[SMALL], engine, OLDER_SERVER)
    assert found.decode_tokens_per_s == pytest.approx(small_rate, rel=0.05)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Make this a machine with a GPU, and with a processor that has nothing for bfloat16."""
    told = tmp_path / "cpuinfo"
    told.write_text("flags : fpu avx2\n")
    monkeypatch.setattr(speed, "CPUINFO", told)
    monkeypatch.setattr(auto_model, "available_memory", lambda _: 10 * GB)
    monkeypatch.setattr(transformers_plugin, "_shows_accelerator", lambda: True)

    def tell(platform: str, *, emulates: bool = False, is_of_torch: bool = True) -> None:
        def is_supported(*, including_emulation: bool = True) -> bool:
            return including_emulation or not emulates

        monkeypatch.setattr("sys.platform", platform)
        monkeypatch.setattr("torch.cuda.is_bf16_supported", is_supported)
        monkeypatch.setattr("torch.accelerator.is_available", lambda: is_of_torch)

    return tell


@pytest.mark.parametrize(
    ("platform", "emulates", "weights"),
    [("linux", False, "bfloat16"), ("linux", True, "float16"), ("darwin", False, "float16")],
)
def test_what_a_gpu_computes_in_is_not_told_by_the_processor(
    gpu, tmp_path: Path, platform: str, emulates: bool, weights: str
) -> None:
    gpu(platform, emulates=emulates)
    settings = auto_settings(tmp_path, engine="transformers")
    told = engine_speed("transformers", settings)
    assert told is not None
    assert (told.weights, told.bits_per_weight) == (weights, 16)
    device_type = "mps" if platform == "darwin" else "cuda"
    # What the engine loads, and so what is measured is kept under.
    assert best_dtype(device_type) == weights


def test_a_driver_that_torch_is_built_without_is_no_gpu(gpu, tmp_path: Path) -> None:
    gpu("linux", is_of_torch=False)
    told = engine_speed("transformers", auto_settings(tmp_path, engine="transformers"))
    assert told is not None
    assert (told.device, told.weights) == ("cpu", "float32")


@pytest.mark.parametrize("package", ["bitsandbytes", "torchao", ""])
def test_quantized_weights_are_named_as_the_engines_identity_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(quantization, "find_spec", lambda name: name == package or None)
    settings = auto_settings(tmp_path, engine="transformers", quantization="int8")
    told = engine_speed("transformers", settings)
    assert told is not None
    assert (told.weights, told.bits_per_weight) == (f"int8-{package}".rstrip("-"), 8.5)


@pytest.mark.parametrize("engine", ["openvino", "transformers"])
@pytest.mark.parametrize("quantization", ["auto", "int8", "int4"])
def test_our_engines_tell_their_speed(engine: str, quantization: str, tmp_path: Path) -> None:
    settings = auto_settings(tmp_path, engine=engine, quantization=quantization)
    told = engine_speed(engine, settings)
    assert told is not None
    assert 4 < told.bits_per_weight <= 32
    assert engine_speed("scripted", settings) is None
