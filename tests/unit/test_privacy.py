"""What counts as a secret, and what is left of a text without it."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from codeface_jupyter.privacy import SECRET_MARK, has_secret, is_secret_name, redact

# Put together at run time, so that no scanner takes these made-up values for real ones.
HF_TOKEN = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"
AWS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"
GITHUB_TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
BEGIN, END = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"


@pytest.mark.parametrize(
    "line",
    [
        "password = 'hunter2'",
        'client = Client(user="ann", password="x1y2z3a4")',
        'os.environ["OPENAI_API_KEY"] = "abcd1234efgh5678"',
        f'os.environ["HF_TOKEN"] = "{HF_TOKEN}"',
        f"login({HF_TOKEN!r})",
        f'key = "{AWS_KEY}"',
        f"git clone https://{GITHUB_TOKEN}@example.com/x",
        'create_engine("postgresql://user:pa55w0rd@db.example.com/x")',
        'requests.get("https://example.com/v1?api_key=abcdef123456")',
        'headers = {"Authorization": "Bearer abc.def.ghi"}',
        'passwords = ["123456", "qwerty"]',
        'secret_key = b"not so secret"',
        'login("AbCd3fGh1jKlMn0pQrStUvWxYz234567")',
        'password = "hunter2"  # pragma: allowlist secret',
        BEGIN,
    ],
)
def test_a_line_with_a_secret_is_found(line: str) -> None:
    assert has_secret(line)


@pytest.mark.parametrize(
    "line",
    [
        "df = pd.read_csv('sales.csv')",
        "password = getpass()",
        'api_key = os.environ["API_KEY"]',
        'headers = {"Authorization": f"Bearer {token}"}',
        'url = f"postgresql://{user}:{password}@host/db"',
        'special = {"pad_token": "[PAD]", "mask_token": "[MASK]"}',
        'token = "hello"',
        'alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"',
        'model = load("Qwen/Qwen2.5-Coder-0.5B-Instruct", revision="da39a3ee5e6b4b0d3255bfef95")',
        'merged = left.merge(right, on="key")',
        'df["password_length"] = df["password"].str.len()',
        'api_key = "<your key>"',
        "if x: pass  # key = 'nothing'",
        "except KeyError: pass; retry = 'later'",
        "counts = {'pass': 10, 'fail': 2}",
        "df['pass'] = df['score'] > 50",
        "label = np.where(df['pass'], 'pass', 'fail')",
        "print('pass' if passed else 'fail')",
        "colors = {'pass': 'green', 'fail': 'red'}",
        "{'user': 'ann', 'pass': 'yes', 'failed': 'no'}",
        "df[df['pass'] == 'distinction']",
        "df[(df['user'] == 'ann') & (df['pass'] == 'distinction')]",
        "df.loc[df.user == 'ann', 'pass'] = 'distinction'",
        "df[['user', 'pass']].value_counts()",
        "df.groupby('host').agg({'user': 'nunique', 'pass': 'mean'})",
        "df.rename(columns={'user': 'name', 'pass': 'passed'})",
        "user = 'ann'; colors = {'pass': 'green'}",
    ],
)
def test_ordinary_code_is_let_through(line: str) -> None:
    assert not has_secret(line)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "apiKey",
        "API_KEY",
        "HF_TOKEN",
        "accessToken",
        "credentials",
        "aws_access_key",
        "client_secret",
        "sshKey",
        "token",
        "pw",
        "db_pw",
        "user_pass",
        "creds",
        "userCreds",
        "db_cred",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "df",
        "tokens",
        "tokenizer",
        "pad_token",
        "next_token",
        "max_new_tokens",
        "primary_key",
        "keys",
        "passengers",
        "token_count",
        "password_length",
        "secret_name",
        "api_key_env",
        "credentials_file",
        "secretary",
        "tpw",
        "pass",
        "PASS",
        "bypass",
        "passes",
        "passed",
        "pass_rate",
        "low_pass",
        "credit",
        "sacred",
        "creds_file",
    ],
)
def test_names_that_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_only_the_lines_with_a_secret_go() -> None:
    text, count = redact("import os\ndef connect():\n    pwd = 'a1'\n    return open_db(pwd)")
    assert text == f"import os\ndef connect():\n    {SECRET_MARK}\n    return open_db(pwd)"
    assert count == 1


@pytest.mark.parametrize("is_code", [True, False])
@pytest.mark.parametrize(
    "line",
    [
        "creds = ('me', 'hunter2')",
        "connect({'user': 'me', 'pass': 'hunter2'})",
        '{"pass": "hunter2", "host": "db.example.com"}',
        "connect('host=db user=me pass=hunter2')",
        "user_creds = 'hunter2'",
    ],
)
def test_what_is_called_pass_or_creds_goes(line: str, *, is_code: bool) -> None:
    assert redact(line, is_code=is_code) == (SECRET_MARK, 1)


def test_pass_in_a_literal_over_several_lines_goes() -> None:
    text, _ = redact("db = {\n    'user': 'me',\n    'pass': 'hunter2',\n}")
    assert text == f"db = {{\n    'user': 'me',\n    {SECRET_MARK}\n}}"


def test_pass_in_a_configuration_goes() -> None:
    text, _ = redact("db:\n  user: me\n  pass: hunter2\n", is_code=False)
    assert text == f"db:\n  user: me\n  {SECRET_MARK}\n"


def test_a_text_without_secrets_stays_as_it_is() -> None:
    assert redact("x = 1\n\ny = 2\n") == ("x = 1\n\ny = 2\n", 0)


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "f",
        pytest.param(
            "t", marks=pytest.mark.skipif(sys.version_info < (3, 14), reason="no Python before")
        ),
    ],
)
def test_a_literal_over_several_lines_goes_as_a_whole(prefix: str) -> None:
    text, count = redact(
        f'token = (\n    {prefix}"first-half-of-a-key"\n    {prefix}"second-half"\n)\nx = 1'
    )
    assert "half" not in text
    assert count == 2
    assert text.endswith("x = 1")


@pytest.mark.parametrize("key", [f"{BEGIN}\nMIIEpA\nqhkiG9\n{END}", f"MIIEpA\nqhkiG9\n{END}"])
def test_a_private_key_goes_with_its_body(key: str) -> None:
    text, _ = redact(f"{key}\nx = 1")
    assert text == f"{SECRET_MARK}\nx = 1"


def test_a_private_key_without_an_end_goes_with_all_that_follows() -> None:
    assert redact(f"x = 1\n{BEGIN}\nMIIEpA\nqhkiG9") == (f"x = 1\n{SECRET_MARK}", 3)


def test_code_that_does_not_parse_is_still_looked_through() -> None:
    text, count = redact("def (:\npassword = 'hunter2'")
    assert count == 1
    assert "hunter2" not in text


def test_a_huge_line_is_looked_through_like_any_other() -> None:
    start = time.thread_time()
    line = "x = '" + "abcdefgh" * 200_000 + "'"
    assert redact(line) == (line, 0)
    assert redact(f"{line}; password = 'hunter2'") == (SECRET_MARK, 1)
    assert time.thread_time() - start < 1


def test_threads_agree() -> None:
    lines = [f"password{n} = 'hunter{n}'" for n in range(200)] + [f"x{n} = {n}" for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(has_secret, lines)) == [True] * 200 + [False] * 200


@pytest.mark.parametrize("captures", [False, True])
def test_warnings_go_where_they_went_before(captures: bool) -> None:
    code = f"""
import logging, warnings
from codeface_jupyter.privacy import redact
logging.captureWarnings({captures})
before = warnings.showwarning
redact("password = 'hunter2'")
assert warnings.showwarning is before
"""
    subprocess.run([sys.executable, "-c", code], check=True)
