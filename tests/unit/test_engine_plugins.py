"""Engines from anywhere: their options in every layer, their fitness asked once."""

import sys
from collections import Counter

import pytest
from pydantic import Field, ValidationError

from codeface_jupyter.config import (
    Config,
    EngineOptions,
    Settings,
    layers,
    short_setting_fields,
)
from codeface_jupyter.config.engine_options import (
    InstalledEngine,
    default_of,
    installed_engines,
)
from codeface_jupyter.engines import current_engine, registry
from codeface_jupyter.engines.base import Fitness, Rank
from codeface_jupyter.engines.registry import create_engine, engine_choice, engine_fitness
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import ConfigError, EngineUnavailableError
from codeface_jupyter.generation import GenerationRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt
from codeface_jupyter.session import Session


@pytest.fixture
def echo(engine_package, monkeypatch):
    monkeypatch.syspath_prepend(str(engine_package))
    yield engine_package
    sys.modules.pop("codeface_echo", None)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.toml"


# An engine from another package


def test_an_engine_of_another_package_is_chosen_and_answers(echo, file):
    session = Session(config=Config(file=file))
    result = session.generate("is anybody there?")
    assert result.text == "Hello is anybody there? "
    assert result.identity.engine == "echo"


def test_it_is_gone_when_its_package_is(engine_package, monkeypatch):
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(engine_package))
        assert "echo" in installed_engines()
    assert "echo" not in installed_engines()
    sys.modules.pop("codeface_echo", None)


def test_its_options_come_from_every_layer(echo, file, monkeypatch):
    def greeting(settings):
        return settings.value_of("echo.greeting")

    assert greeting(Config(file=file).settings) == "Hello"
    file.write_text('[echo]\ngreeting = "from the file"\n')
    config = Config(file=file)
    assert (greeting(config.settings), config.origin("echo.greeting")) == (
        "from the file",
        "config file",
    )
    monkeypatch.setenv("CODEFACE_ECHO__GREETING", "from outside")
    config = Config(file=file)
    assert greeting(config.settings) == "from outside"
    assert config.origin("echo.greeting") == "environment"
    config.set(**{"echo.greeting": "set"})
    assert greeting(config.settings) == "set"
    assert greeting(config.with_overrides({"echo.greeting": "asked"})) == "asked"
    assert greeting(Settings(echo={"greeting": "given"})) == "given"


def test_another_option_is_another_engine_and_the_same_one_is_not(echo, file):
    session = Session(config=Config(file=file))
    assert session.generate("you").text == "Hello you "
    first = session.engine
    session.config.set(temperature=0.5, greeting="Hello")
    session.generate("others")
    assert session.engine is first
    session.config.set(greeting="Dear")
    assert session.generate("you").text == "Dear you "


def test_an_option_that_changes_answers_is_never_replayed_for_another_value(echo, file):
    session = Session(config=Config(file=file))

    def ask(**options):
        session.config.set(**options)
        result = session.generate("you")
        return result.text, result.metrics.from_response_cache

    assert ask() == ("Hello you ", False)
    assert ask(greeting="Dear") == ("Dear you ", False)
    assert ask(greeting="Hello") == ("Hello you ", True)
    assert ask(greeting="Dear") == ("Dear you ", True)
    assert ask(request_retries=1) == ("Dear you ", True), "it cannot change the answer"


def test_an_engine_in_one_file_heeds_limit_stop_strings_and_cancel(echo, file):
    session = Session(config=Config(file=file))

    def ask(**settings):
        session.config.set(**settings)
        result = session.generate("one two three")
        return result.text, result.finish_reason

    assert ask(max_new_tokens=2) == ("Hello one ", "length")
    assert ask(max_new_tokens=4, stop_strings=("two",)) == ("Hello one ", "stop")
    # Stopped by what hears its first word, so that the rest cannot be faster.
    job = Job(lambda _: job.cancel())
    request = GenerationRequest(prompt=Prompt(request="four five six"))
    assert session.engine.generate(request, job).finish_reason == "cancelled"


def test_a_problem_that_outranks_all_makes_the_choice_a_fallback(echo):
    choice = engine_choice(Settings(model="deaf"))
    assert choice.name != "echo"
    assert (choice.is_fallback, choice.reason) == (True, "nobody hears it")


def test_what_was_said_to_an_engine_that_has_gone_is_left_unread(engine_package, monkeypatch, file):
    config = Config(file=file)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(engine_package))
        config.set(**{"echo.greeting": "Dear", "greeting": "Good"})
    sys.modules.pop("codeface_echo", None)
    assert config.set(seed=8).seed == 8
    for name in ("greeting", "echo.greeting"):
        with pytest.raises(ConfigError, match=f"No installed engine has the option '{name}'"):
            config.settings.value_of(name)


# Names alone


def test_a_name_alone_reaches_every_engine_that_has_it(echo):
    settings = Settings(request_retries=4)
    assert settings.value_of("echo.request_retries") == 4
    assert settings.value_of("openai.request_retries") == 4
    assert settings.value_of("request_retries") == 4


def test_a_name_alone_is_described_by_every_engine_that_has_it(echo, file):
    told = short_setting_fields()["request_retries"].description
    assert told.startswith("echo: How often to listen again; openai: How often to retry")
    assert "cuda:1" in short_setting_fields()["device_map"].description
    assert "openai" not in short_setting_fields()["base_url"].description
    with pytest.raises(ConfigError) as caught:
        Config(file=file).set(request_retries=99)
    assert "at most 5; openai: request_retries = 99 (%config)" in caught.value.message
    assert "echo: request_retries: How often to listen again; openai" in caught.value.hint


def test_a_value_that_one_engine_takes_makes_only_the_others_unfit(echo, file):
    settings = Config(file=file).set(request_retries=9)
    assert settings.value_of("openai.request_retries") == 9
    assert settings.value_of("request_retries") == 9
    assert "request_retries = 9 (for the echo engine)" in engine_fitness(settings)["echo"].problem
    assert engine_choice(settings).name != "echo"
    with pytest.raises(ConfigError, match=r"request_retries = 9.*expected at most 5"):
        create_engine(Settings(engine="echo", request_retries=9))
    with pytest.raises(ConfigError, match=r"request_retries = 99.*%config"):
        Config(file=file).set(request_retries=99)


def test_an_engines_own_value_goes_before_the_name_alone_in_the_same_layer_only(file, monkeypatch):
    file.write_text('dtype = "float16"\n\n[openvino]\ndtype = "float32"\n')
    config = Config(file=file)
    assert config.settings.value_of("openvino.dtype") == "float32"
    assert config.settings.value_of("transformers.dtype") == "float16"
    assert config.settings.value_of("dtype") == "float16"
    monkeypatch.setenv("CODEFACE_DTYPE", "bfloat16")
    config = Config(file=file)
    assert config.settings.value_of("openvino.dtype") == "bfloat16"
    assert config.origin("openvino.dtype") == "environment"
    config.set(**{"openvino.dtype": "auto"})
    assert config.settings.value_of("openvino.dtype") == "auto"
    config.set(dtype="float32")
    assert config.settings.value_of("openvino.dtype") == "float32"


def test_a_default_made_of_another_option_is_known():
    class Options(EngineOptions):
        threads: int = 4
        batch_threads: int = Field(default_factory=lambda given: 2 * given["threads"])

    assert default_of(Options, "batch_threads") == 8
    assert default_of(Options, "threads") == 4


# What is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[opnai]\nbase_url = "https://a"\n', r"line 2\): no engine 'opnai' .*\n.*openai.base_url"),
        ("[mlx]\nthreads = 4\n", r"no engine 'mlx' is installed.*\n.*scripted"),
        (
            "[openai]\nbase_ulr = 1\n",
            r"openai engine has no option 'base_ulr' .*2\).*\n.*openai.base_url",
        ),
        ("x = 1\n", r"no setting 'x'"),
        ("[openai]\n\nrequest_retries = 11\n", r"openai.request_retries = 11 \(.*line 3\): .*10"),
        ("openai.request_retries = 11\n", r"openai.request_retries = 11 \(.*line 1\): .*10"),
        ("seed = 1\nopenai = {request_retries = 11}\n", r"request_retries = 11 \(.*line 2\): .*10"),
        ("[openai]\ntrust_remote_code = true\n", r"is not a setting.*\n.*--trust-remote-code"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(file, text, said):
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        Config(file=file)


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("CODEFACE_OPENAI__BASE_ULR", r"CODEFACE_OPENAI__BASE_ULR\).*\n.*openai.base_url"),
        ("CODEFACE_MLX__THREADS", r"no engine 'mlx' is installed"),
        ("CODEFACE___DTYPE", r"no setting '.dtype' .*CODEFACE___DTYPE\).*\n.*dtype"),
        (
            "CODEFACE_OPENAI__REQUEST_RETRIES",
            r"openai.request_retries = 'x'.*expected a whole number",
        ),
    ],
)
def test_a_bad_variable_is_refused_by_its_name(file, monkeypatch, variable, said):
    monkeypatch.setenv(variable, "x")
    with pytest.raises(ConfigError, match=said):
        Config(file=file)


def test_an_engine_without_a_name_has_no_options():
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings(**{".dtype": "float32"})
    with pytest.raises(ConfigError, match=r"No installed engine has the option '\.dtype'"):
        Settings(dtype="float32").value_of(".dtype")


@pytest.mark.parametrize(
    "values", [{"openai.api_key": 31337}, {"openai.base_url": "me:31337@host/v1"}]
)
def test_a_refused_secret_of_a_table_is_not_repeated(file, values):
    with pytest.raises(ConfigError, match=r"\(not shown\)") as caught:
        Config(file=file).set(**values)
    assert "31337" not in str(caught.value)


def test_a_key_that_was_taken_is_shown_nowhere(file):
    settings = Config(file=file).set(**{"openai.api_key": "opensesame"})
    key = current_engine.engine_key(settings)
    said = (repr(settings), settings.model_dump_json(), repr(key))
    assert not any("opensesame" in text for text in (*said, str(settings.value_of("api_key"))))


# How often engines are asked


class Counting:
    """Counts how often it is asked, and answers from a script."""

    def __init__(self, asked, name, **fitness):
        self.asked, self.name, self._fitness = asked, name, fitness

    def fitness(self, settings, options):
        self.asked[self.name] += 1
        return Fitness(**self._fitness)

    def create(self, settings, options):
        return ScriptedEngine(["print(1)"])


@pytest.fixture
def asked(monkeypatch):
    asked = Counter()
    plugins = (
        Counting(asked, "fast", rank=Rank.FASTEST),
        Counting(asked, "general", rank=Rank.GENERAL),
        Counting(asked, "named"),
    )
    engines = {p.name: InstalledEngine(name=p.name, plugin=p) for p in plugins}
    for module in (registry, layers):
        monkeypatch.setattr(module, "installed_engines", lambda: engines)
    return asked


def test_every_engine_is_asked_once_before_a_first_answer_and_not_for_the_next(asked, file):
    session = Session(config=Config(file=file))
    session.config.set(model="one")
    session.may_see_values(session.config.settings)
    session.generate("one")
    assert asked == {"fast": 1, "general": 1, "named": 1}
    session.may_see_values(session.config.settings)
    session.generate("two")
    assert set(asked.values()) == {1}


def test_they_are_asked_again_when_the_settings_change(asked, file):
    session = Session(config=Config(file=file))
    session.config.set(model="one")
    session.generate("one")
    session.config.set(model="another")
    session.generate("one")
    assert set(asked.values()) == {2}


def test_an_engine_that_is_named_is_taken_unasked(asked, file):
    session = Session(config=Config(file=file))
    session.config.set(engine="general")
    session.generate("one")
    assert not asked


def test_engines_that_are_taken_only_by_name_leave_nobody():
    only = InstalledEngine(name="only", plugin=Counting(Counter(), "only"))
    fitness = {"only": only.plugin.fitness(None, None), "ill": Fitness(rank=5, problem="no files")}
    with pytest.raises(EngineUnavailableError, match=r"No installed engine.*\n.*ill: no files"):
        engine_choice(Settings(), fitness)
