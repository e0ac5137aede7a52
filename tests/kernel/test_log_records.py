"""What appears in a notebook whose own log is set to DEBUG."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SCRIPTED = "-e scripted -m scripted"
OPENAI = "-e openai -m m --no-cache"
LISTEN = """
import logging
seen = []
class Listening(logging.Handler):
    def emit(self, record):
        seen.append(record.name)
listening = Listening()
logging.root.addHandler(listening)
logging.root.setLevel(logging.DEBUG)
"""
ALIASES = """
from pathlib import Path
from codeface_jupyter.config.aliases import Aliases
_magics = next(each for each in get_ipython().configurables if hasattr(each, "extension"))
_magics.extension.config.aliases = Aliases(Path({file!r}))
"""
HEAR_NO_MORE = "logging.root.removeHandler(listening); logging.root.setLevel(logging.WARNING)"
EVENTS = ({"content": "Hello"}, {"content": "."}, {})


class Answers(BaseHTTPRequestHandler):
    """Answers each question like a server that speaks OpenAI's API."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for delta in EVENTS:
            choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
            self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def base_url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def listening(notebook, base_url, tmp_path):
    notebook.run(f"import os; os.environ['HF_ENDPOINT'] = {base_url!r} + '/nowhere'")
    notebook.run(f"%config CodeFace.base_url = {base_url!r}")
    notebook.run(f"%config CodeFace.cache_dir = {str(tmp_path)!r}")
    notebook.run(f"%config CodeFace.request_log = {str(tmp_path / 'log.jsonl')!r}")
    done = notebook.run(ALIASES.format(file=str(tmp_path / "aliases.json")))
    assert done.reply["status"] == "ok"
    notebook.run(LISTEN)
    yield notebook
    notebook.run(HEAR_NO_MORE)


def names_seen(notebook):
    return set(notebook.value("[name for name in seen if not name.startswith('codeface')]"))


def test_the_users_log_holds_nothing_of_what_we_use(listening):
    cells = [
        "import pandas; df = pandas.DataFrame({'a': [1, 2]})",
        f"%%codeface {SCRIPTED}\nplot df",
        f"%%codeface {OPENAI}\nplot df",
        f"%%codeface {OPENAI} --background\nplot df",
        f"%%codeface_batch {OPENAI}\none\ntwo",
        "1 / 0",
        f"%codeface_fix {SCRIPTED}",
        f"%codeface_explain {SCRIPTED} df",
        "%codeface_models",
        "%codeface_models alias mine smollm2-135m",
        "%codeface_models dealias mine",
        "%codeface_models pull owner/name",
        "%codeface -e openvino -m owner/name hello",
        "%codeface_models unload",
        "%codeface_stats",
    ]
    found = {}
    for code in cells:
        listening.run(f"seen.clear()\n{code}" if not code.startswith("%%") else code)
        if names := names_seen(listening):
            found[code] = names
    assert found == {}


def test_what_the_user_does_with_the_same_packages_is_seen(listening):
    listening.run(f"%codeface {SCRIPTED} hello")
    listening.run("import markdown_it; markdown_it.MarkdownIt().render('a')")
    assert "markdown_it.rules_block.paragraph" in names_seen(listening)
    assert listening.value("listening.filters") == []


def test_what_the_user_asks_to_see_of_a_package_is_seen(listening):
    listening.run("logging.getLogger('openai').setLevel(logging.DEBUG)")
    listening.run(f"%codeface {OPENAI} hello")
    assert names_seen(listening) == {"openai._base_client"}
    listening.run("logging.getLogger('openai').setLevel(logging.NOTSET)")


def test_what_the_users_own_objects_tell_is_heard(listening):
    listening.run(
        "class Loud:\n"
        "    def __repr__(self):\n"
        "        logging.info('written')\n"
        "        logging.getLogger(__name__).debug('in full')\n"
        "        return 'loud'\n"
        "loud = Loud()\nseen.clear()"
    )
    listening.run(f"%codeface_explain {SCRIPTED} loud")
    assert {"root", "__main__"} <= set(listening.value("seen"))
