"""The Dockerfile, read, and its steps run without Docker.

Few machines that build packages can run Docker; `image_build` is for those that can. So that the
file stays right on all others, its stages are run as a script: each in an environment of its own,
with the folders of the image in a temporary one, and at the end the server that it starts.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from commands import ROOT, NotRunError, index_settings, run
from server import check_page, fetch, free_port, serving

# The image's folders that steps name.
FOLDERS = re.compile(r"(?<![\w.}])/(?=(?:opt|home)/)")
# What only an image can do: its folders are made here in place of that.
IMAGE_ONLY = ("useradd ",)
PORT = "8888"


@dataclass(frozen=True)
class Step:
    """One instruction: its word, such as RUN, and the rest of its line."""

    word: str
    text: str


def stages(text: str) -> list[list[Step]]:
    """Return a Dockerfile's stages; what stands before the first is the first item."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found: list[list[Step]] = [[]]
    for line in filter(None, map(str.strip, whole.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append(Step(word, rest.strip()))
    return found


def copied(step: Step) -> tuple[str, list[str], str]:
    """Return the stage that a COPY copies from (empty: the build context), what, and where to."""
    words = shlex.split(step.text)
    options = [word for word in words if word.startswith("--")]
    *sources, target = [word for word in words if word not in options]
    stage = next((o.partition("=")[2] for o in options if o.startswith("--from=")), "")
    return stage, sources, target


def is_sent(path: str, *, ignore: str) -> bool:
    """Return whether a path is part of the build context: the last pattern that matches decides.

    Parameters
    ----------
    path
        Relative to the context, with slashes.
    ignore
        The text of ``.dockerignore``.
    """
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    is_ignored = False
    for line in filter(None, map(str.strip, ignore.splitlines())):
        pattern = line.removeprefix("!")
        anywhere = pattern.removeprefix("**/")
        names = [part for one in parents for part in (one, Path(one).name)]
        if line.startswith("#"):
            continue
        if any(_matches(one, pattern) for one in parents) or (
            anywhere != pattern and any(_matches(one, anywhere) for one in names)
        ):
            is_ignored = not line.startswith("!")
    return not is_ignored


def _matches(path: str, pattern: str) -> bool:
    # A star stands for no slash.
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def context_files(root: Path = ROOT) -> Iterator[str]:
    """Yield the files that are sent to Docker, of those that git knows or would add."""
    ignore = (root / ".dockerignore").read_text("utf-8")
    listed = run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        env=dict(os.environ),
        cwd=root,
    )
    yield from (name for name in listed.splitlines() if is_sent(name, ignore=ignore))


def start_command(command: Sequence[str], *, port: int) -> list[str]:
    """Return what the image starts, to be asked without a token and on another port."""
    moved = [word.replace(PORT, str(port)) for word in command]
    # Others on the network are not let in meanwhile.
    own = ["--ip=127.0.0.1" if word.startswith("--ip=") else word for word in moved]
    return [*own, "--IdentityProvider.token="]


def page_served(url: str, command: Sequence[str]) -> str:
    """Return the notebook that the server opens, if it serves it, the page and the extension.

    Parameters
    ----------
    url
        The server's address.
    command
        What has started it.

    Raises
    ------
    CheckFailedError
        If it does not serve the extension.
    """
    page = next(word for word in command if "default_url=" in word).partition("=")[2]
    check_page(f"{url}{page}")
    notebook = page.partition("/tree/")[2]
    return str(json.loads(fetch(f"{url}/api/contents/{notebook}"))["path"])


def run_image(scratch: Path) -> str:
    """Run the steps of both stages, and the server; return what was done.

    Parameters
    ----------
    scratch
        A new folder; the image's folders and environments come into it.

    Raises
    ------
    CheckFailedError
        If a step fails, or the server does not serve the notebook and the extension.
    NotRunError
        If the image's Python is not here.
    """
    text = (ROOT / "Dockerfile").read_text("utf-8")
    python = _python_of(text)
    _, build, last = stages(text)
    built = Image(scratch / "build", python=python)
    for step in build:
        built.take(step)
    image = Image(scratch / "image", python=python, before=built.scratch)
    for step in last:
        image.take(step)
    who = "as a user without rights" if image.may_switch else "as the user who runs this"
    return f"{image.served} is served, {who}; only in an image: {', '.join(image.skipped)}"


def _python_of(text: str) -> str:
    """Return the Python that the image names, one that every user may run where there is one."""
    version = re.search(r"PYTHON_IMAGE=python:(\d+\.\d+)", text)
    name = f"python{version[1] if version else ''}"
    found = [
        os.path.realpath(Path(folder) / name)
        for folder in (*os.environ.get("PATH", "").split(os.pathsep), *os.defpath.split(os.pathsep))
        if (Path(folder) / name).is_file()
    ]
    own = os.path.realpath(sys.executable)
    candidates = [one for one in (*found, own) if Path(one).name == name]
    if not candidates:
        raise NotRunError(f"{name} is not here.")
    return min(candidates, key=lambda one: not _is_for_all(Path(one)))


def _is_for_all(path: Path) -> bool:
    return all(one.stat().st_mode & 0o001 for one in (path, *path.parents))


@dataclass
class Image:
    """What is made of a stage of an image, in a folder.

    Attributes
    ----------
    scratch
        The folder, which holds those of the image.
    python
        The Python that its environment is made of.
    before
        The folder of the stage that it copies from.
    """

    scratch: Path
    python: str = field(kw_only=True)
    before: Path = field(kw_only=True, default=Path())
    variables: dict[str, str] = field(default_factory=dict)
    user: int | None = None
    folder: Path = ROOT
    skipped: list[str] = field(default_factory=list)
    served: str = ""

    def __post_init__(self) -> None:
        self.scratch.mkdir(parents=True)
        self.folder = self.scratch
        environment = self.scratch / "venv"
        run([self.python, "-m", "venv", str(environment)], env=dict(os.environ))
        path = os.pathsep.join((str(environment / "bin"), os.defpath))
        self.variables = {**index_settings(), "PATH": path}

    @property
    def may_switch(self) -> bool:
        """Whether another user can run what is here."""
        return os.geteuid() == 0 and _is_for_all(Path(self.python)) and _is_for_all(self.scratch)

    def take(self, step: Step) -> None:
        """Do one step."""
        match step.word:
            case "ARG" | "ENV":
                for word in shlex.split(step.text):
                    name, _, value = word.partition("=")
                    self.variables[name] = self._filled(value)
            case "COPY":
                self._copy(step)
            case "RUN":
                self._run(step.text)
            case "USER":
                self.user = int(self._filled(step.text)) if self.may_switch else None
            case "WORKDIR":
                self.folder = self._made(Path(self._filled(step.text)))
            case "CMD":
                self._serve(json.loads(step.text))

    def _filled(self, text: str) -> str:
        """Return a text with its variables filled in, and the image's folders in the scratch."""
        filled = re.sub(r"\$\{(\w+)\}", lambda match: self.variables[match[1]], text)
        return FOLDERS.sub(f"{self.scratch}/", filled)

    def _made(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        self._give(folder)
        return folder

    def _give(self, path: Path) -> None:
        """Give what is at ``path`` to the image's user."""
        if self.may_switch and "NB_UID" in self.variables:
            user = int(self.variables["NB_UID"])
            for one in (path, *path.rglob("*")):
                os.chown(one, user, user)

    def _run(self, text: str) -> None:
        print(f"  RUN {text}", flush=True)
        if text.startswith(IMAGE_ONLY):
            self.skipped.append(text.split(maxsplit=1)[0])
            for name in ("HOME", "CODEFACE_CACHE_DIR"):
                self._made(Path(self.variables[name]))
            return
        command = FOLDERS.sub(f"{self.scratch}/", text)
        run(["sh", "-ec", command], env=self.variables, cwd=self.folder, user=self.user)

    def _copy(self, step: Step) -> None:
        stage, sources, target = copied(step)
        to = self.folder / self._filled(target)
        if stage:
            for source in sources:
                for file in self.before.glob(source.lstrip("/")):
                    shutil.copy(file, self._made(to))
            return
        for name in context_files():
            for source in sources:
                if name == source or name.startswith(f"{source}/"):
                    file = to / (name.removeprefix(f"{source}/") if name != source else name)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / name, file)
        self._give(to)

    def _serve(self, command: Sequence[str]) -> None:
        port = free_port()
        # What root is refused otherwise.
        arguments = [*start_command(command, port=port), *([] if self.user else ["--allow-root"])]
        with serving(
            arguments, port=port, env=self.variables, cwd=self.folder, user=self.user
        ) as url:
            self.served = page_served(url, command)
