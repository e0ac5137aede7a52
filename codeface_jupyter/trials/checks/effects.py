"""What a code does outside of the notebook: files, connections, programs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Literal

from codeface_jupyter.namespace.classes import is_instance
from codeface_jupyter.syntax import unparsed
from codeface_jupyter.trials.bindings import names_bound
from codeface_jupyter.trials.checks.buffers import Buffers
from codeface_jupyter.trials.checks.calls import root_name
from codeface_jupyter.trials.checks.modules import has_module, members
from codeface_jupyter.trials.checks.notes import Notes
from codeface_jupyter.trials.checks.origins import Origins
from codeface_jupyter.trials.checks.wording import listed

__all__ = ["check_effects"]

Effect = Literal["writes", "stores", "deletes", "connects", "starts"]

SENTENCES: Mapping[Effect, str] = {
    "deletes": "This deletes files",
    "writes": "This writes files",
    "stores": "This writes to a database",
    "connects": "This connects to the network",
    "starts": "This starts programs",
}
WRITING_METHODS = frozenset(
    {
        *("hardlink_to", "mkdir", "symlink_to", "touch"),
        *("savefig", "savetxt", "savez", "savez_compressed", "tofile", "imsave", "write_image"),
        *("sink_csv", "sink_ipc", "sink_ndjson", "sink_parquet"),
        *("to_csv", "to_excel", "to_feather", "to_file", "to_hdf", "to_orc", "to_parquet"),
        *("to_pickle", "to_stata", "to_zarr", "write_bytes", "write_csv", "write_delta"),
        *("write_excel", "write_html", "write_json", "write_parquet", "write_text"),
        "save_pretrained",
    }
)
# Without a file to write to, these return the text, or the bytes.
TEXT_METHODS = frozenset(
    {
        *("to_csv", "to_html", "to_json", "to_latex", "to_markdown", "to_netcdf", "to_orc"),
        *("to_parquet", "to_xml", "write_avro", "write_csv", "write_ipc", "write_json"),
        "write_ndjson",
    }
)
STORING_METHODS = frozenset({"to_sql", "write_database"})
FILE_PARAMETERS = frozenset({"buf", "file", "path", "path_or_buf", "path_or_buffer"})
FUNCTIONS: Mapping[Effect, frozenset[str]] = {
    "deletes": frozenset({"os.remove", "os.removedirs", "os.rmdir", "os.unlink", "shutil.rmtree"}),
    "writes": frozenset(
        {
            *("joblib.dump", "json.dump", "np.save", "numpy.save", "os.makedirs", "os.mkdir"),
            *("os.link", "os.rename", "os.renames", "os.replace", "os.symlink", "pickle.dump"),
            *("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree"),
            *("shutil.make_archive", "shutil.move", "shutil.unpack_archive", "torch.save"),
        }
    ),
    "connects": frozenset({"urllib.request.urlretrieve"}),
    "starts": frozenset({"os.popen", "os.startfile", "os.system"}),
}
CONNECTING_MODULES = frozenset(
    {"aiohttp", "ftplib", "httpx", "paramiko", "requests", "smtplib", "socket", "urllib.request"}
)
# What they are called for does not connect.
HARMLESS_FUNCTIONS = frozenset({"Session", "Request", "Client", "Timeout", "gethostname"})
CLIENTS = frozenset(
    {"aiohttp.ClientSession", "httpx.AsyncClient", "httpx.Client", "requests.Session"}
)
REQUESTS = frozenset(
    {"delete", "get", "head", "options", "patch", "post", "put", "request", "send", "stream"}
)
# These look up a key.
LOOKUPS = frozenset({"dict.get", "collections.OrderedDict.get", "collections.defaultdict.get"})
STARTING_MAGICS = frozenset(
    {
        *("%conda", "%mamba", "%micromamba", "%pip", "%sx", "%system", "%uv"),
        *("%%bash", "%%perl", "%%ruby", "%%script", "%%sh", "%%sx", "%%system"),
    }
)
WRITING_MAGICS = frozenset({"%%file", "%%writefile", "%save"})
# These take the mode second, also as a module's functions.
OPENERS = frozenset(
    {
        *("open", "bz2.BZ2File", "bz2.open", "codecs.open", "gzip.GzipFile", "gzip.open"),
        *("h5py.File", "io.open", "lzma.LZMAFile", "lzma.open", "tarfile.TarFile"),
        *("tarfile.open", "zipfile.ZipFile"),
    }
)
ADDRESSES = ("http://", "https://", "ftp://", "s3://", "gs://", "hf://")
WRITING = frozenset[Effect | None]({"writes", "stores"})
WRITING_MODES = frozenset("wax+")


def check_effects(notes: Notes, namespace: Mapping[str, object]) -> None:
    """Report what is written, deleted, connected to and started: one finding for each kind."""
    found: dict[Effect, list[tuple[str, int]]] = {}
    for effect, name, line in _effects(notes, namespace):
        found.setdefault(effect, []).append((name, line))
    for effect, sentence in SENTENCES.items():
        places = found.get(effect)
        if places:
            names = listed(list(dict.fromkeys(name for name, _ in places)))
            notes.add("effect", f"{sentence}: {names}.", line=min(line for _, line in places))


def _effects(notes: Notes, namespace: Mapping[str, object]) -> Iterator[tuple[Effect, str, int]]:
    for escape in notes.source.escapes:
        magic = escape.text.split()[0]
        if magic in STARTING_MAGICS or magic.startswith(("!", "%%!")):
            yield "starts", escape.text, escape.line
        elif magic in WRITING_MAGICS:
            yield "writes", escape.text, escape.line
    if notes.source.tree is not None:
        yield from _of_calls(notes.source.tree, namespace)


def _of_calls(
    tree: ast.Module, namespace: Mapping[str, object]
) -> Iterator[tuple[Effect, str, int]]:
    modules, live = _imported(tree), _live_modules(namespace)
    others = _no_modules(tree, namespace, modules)
    buffers = Buffers(tree, namespace, partial(_name, modules=modules))
    origins = Origins(tree, namespace, live | modules)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, root = _name(node.func, modules), root_name(node.func)
        is_method = isinstance(node.func, ast.Attribute) and root in others
        origin = origins.of(node.func)
        effect = _of_origin(origin)
        if effect is None and origin not in LOOKUPS:
            effect = _of_call(node, f".{name.rpartition('.')[2]}" if is_method else name)
        is_text = not is_method and _gives_text(node, live | modules)
        is_kept = effect in WRITING and (is_text or buffers.is_written_to(node))
        if effect is not None and not is_kept:
            yield effect, _shown(node, name), node.lineno


def _of_origin(origin: str) -> Effect | None:
    owner, _, method = origin.rpartition(".")
    if owner in CLIENTS and method in REQUESTS:
        return "connects"
    # Frames have a method of that name as well.
    return "writes" if owner.startswith("pathlib.") and method == "rename" else None


def _of_call(node: ast.Call, name: str) -> Effect | None:
    module, _, method = name.rpartition(".")
    for effect, names in FUNCTIONS.items():
        if name in names:
            return effect
    if module == "subprocess":
        return "starts"
    is_request = module in CONNECTING_MODULES and method not in HARMLESS_FUNCTIONS
    if is_request or (_is_address(node) and method.startswith(("read_", "urlopen", "get", "load"))):
        return "connects"
    is_opener = name in OPENERS
    if (is_opener or method == "open") and _opens_to_write(node, is_method=not is_opener):
        return "writes"
    return _of_method(node, method) if isinstance(node.func, ast.Attribute) else None


def _of_method(node: ast.Call, method: str) -> Effect | None:
    if method in ("unlink", "rmdir"):
        return "deletes"
    given = node.args[:1] + [k.value for k in node.keywords if k.arg in FILE_PARAMETERS]
    has_file = any(not (isinstance(part, ast.Constant) and part.value is None) for part in given)
    is_written = method in WRITING_METHODS - TEXT_METHODS or (method in TEXT_METHODS and has_file)
    if method in STORING_METHODS:
        return "stores"
    return "writes" if is_written else None


def _gives_text(node: ast.Call, modules: Mapping[str, str]) -> bool:
    """Whether a call gives text since a module has the function: ``plotly.io.to_html(figure)``.

    What such a function is given first is no file.
    """
    owner, _, function = _name(node.func, modules).rpartition(".")
    has_file = any(keyword.arg in FILE_PARAMETERS for keyword in node.keywords)
    return function in TEXT_METHODS and not has_file and bool(owner) and has_module(owner)


def _opens_to_write(node: ast.Call, *, is_method: bool) -> bool:
    position = 0 if is_method else 1
    given = [keyword.value for keyword in node.keywords if keyword.arg == "mode"]
    given += node.args[position : position + 1]
    value = given[0].value if given and isinstance(given[0], ast.Constant) else ""
    # Behind the mode of an archive stands how it is compressed.
    mode = re.split("[:|]", value)[0] if isinstance(value, str) else ""
    # A method's first argument may be a file's name.
    return len(mode) <= 3 and bool(WRITING_MODES & set(mode))  # noqa: PLR2004


def _is_address(node: ast.Call) -> bool:
    first = node.args[0] if node.args else None
    if isinstance(first, ast.JoinedStr) and first.values:
        first = first.values[0] if isinstance(first.values[0], ast.Constant) else None
    is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return is_text and str(first.value).startswith(ADDRESSES)  # type: ignore[union-attr]


def _name(node: ast.expr, modules: Mapping[str, str]) -> str:
    """Return the dotted name of a function, with the module that it was imported from."""
    match node:
        case ast.Name(id=name):
            return modules.get(name, name)
        case ast.Attribute(value=value, attr=name):
            return f"{_name(value, modules)}.{name}"
    return ""


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return what the names that a code imports stand for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                tops = {a.name.partition(".")[0] for a in aliases if not a.asname}
                found |= {a.asname: a.name for a in aliases if a.asname} | {t: t for t in tops}
            case ast.ImportFrom(module=str() as module, names=aliases):
                found |= {a.asname or a.name: f"{module}.{a.name}" for a in aliases}
    return found


def _no_modules(
    tree: ast.Module, namespace: Mapping[str, object], modules: Mapping[str, str]
) -> frozenset[str]:
    """Return the names that stand for something else than a module: data called `requests`."""
    live = {name for name, obj in namespace.items() if not is_instance(obj, "types", "ModuleType")}
    return (names_bound(tree) | live) - modules.keys()


def _live_modules(namespace: Mapping[str, object]) -> dict[str, str]:
    """Return what the notebook's names for modules stand for."""
    found = {name: obj for name, obj in namespace.items() if type(obj) is ModuleType}
    return {name: str(members(module).get("__name__", "")) for name, module in found.items()}


def _shown(node: ast.Call, name: str) -> str:
    if isinstance(node.func, ast.Attribute) and not name.startswith("."):
        return name
    return name.lstrip(".") or unparsed(node.func)
