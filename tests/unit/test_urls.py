import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.config.response_cache_setting import ResponseCacheSetting
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.privacy import masked_url

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        (f"rediss://mary:{SECRET}@host/1", "rediss://***@host/1"),
        (f"redis://host/0?password={SECRET}", "redis://host/0?***"),
        (f"unix://{SECRET}@/run/redis.sock?db=1", "unix://***@/run/redis.sock?***"),
        (f"redis://:{SECRET}/x@host:1/0", "redis://***"),
        (f"redis://:a?{SECRET}@host:1/0", "redis://***"),
        (f"redis://:{SECRET}", "redis://***"),
        (f"redis:/mary:{SECRET}@host", "***"),
        (f"mary:{SECRET}@host", "***"),
        (f"{SECRET}@x://host", "***"),
        (f"http://mary:{SECRET}@[::1]:9091/", "http://***@[::1]:9091/"),
        ("memory", "memory"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_secret(url, shown):
    assert masked_url(url) == shown
    assert SECRET not in masked_url(url)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *((word, "memory") for word in ("memory", "true", "1", True, "on", " Memory ")),
        *((word, "off") for word in ("off", "false", "0", False, "no")),
        *((f"{scheme}://host/0", "redis") for scheme in ("redis", "rediss")),
        ("unix:///run/redis.sock?db=2", "redis"),
        ("rediss://host/0?ssl_ca_certs=/ca.pem", "redis"),
    ],
)
def test_choice_of_response_cache(value, kind):
    choice = ResponseCacheSetting.parse(value)
    assert choice.kind == kind
    assert bool(choice) is (kind != "off")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("memroy", "expected memory, off or redis://"),
        (f"http://mary:{SECRET}@host", "expected memory, off or redis://"),
        (f"redis://mary:{SECRET}@", "with special characters as %XX"),
        (f"redis://:{SECRET}", "with special characters as %XX"),
        (f"redis://mary:{SECRET}#@host:x/0", "with special characters as %XX"),
        ("unix://", "path"),
        (f"redis://host?socket_timeout=1000&password={SECRET}", "options are"),
        (f"redis://mary:{SECRET}@host/0?ssl_ca_certs=/ca.pem", "use rediss://"),
        (f"unix://{SECRET}@/run/redis.sock?db=1&ssl_cert_reqs=none", "use rediss://"),
        (f"redis:mary:{SECRET}@host", "expected memory, off or redis://"),
    ],
)
def test_bad_choice_is_refused_without_repeating_it(tmp_path, monkeypatch, value, said):
    config = Config(file=tmp_path / "none.toml")
    with pytest.raises(ConfigError) as caught:
        config.set(response_cache=value)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    monkeypatch.setenv("CODEFACE_RESPONSE_CACHE", value)
    with pytest.raises(ConfigError) as caught:
        Config(file=tmp_path / "none.toml")
    assert SECRET not in str(caught.value)


def test_password_is_in_no_text_of_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("CODEFACE_RESPONSE_CACHE", f"redis://mary:{SECRET}@host/0")
    settings = Config(file=tmp_path / "none.toml").settings
    assert settings.response_cache.url.get_secret_value().endswith(f"{SECRET}@host/0")
    texts = (repr(settings), str(settings.response_cache), settings.model_dump_json())
    assert not any(SECRET in text or "mary" in text for text in texts)
    assert "redis://***@host/0" in str(settings.response_cache)
