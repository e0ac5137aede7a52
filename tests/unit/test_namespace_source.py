"""The source of what a notebook's cells define, on every version of Python."""

import linecache

import pytest

from codeface_jupyter.namespace import describe, source_of

STACK = '''\
class Stack:
    """A pile."""

    def __init__(self, size=3):
        self.items = []

    def push(self, item):
        self.items.append(item)
'''
POINT = """\
@dataclass
class Point:
    x: int
    y: int = 0
"""
NESTED = """\
class Outer:
    class Inner:
        @property
        def value(self):
            return 1
"""


@pytest.fixture
def run_cell():
    """Run code as IPython does: it keeps its lines, and no file holds them."""
    names = []

    def run(code, **namespace):
        name = f"ipykernel_1/{len(names)}.py"
        names.append(name)
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        variables = {"__name__": "__main__", **namespace}
        exec(compile(code, name, "exec"), variables)
        return variables

    yield run
    for name in names:
        linecache.cache.pop(name, None)


def test_a_class_of_a_cell_has_its_source(run_cell):
    found = run_cell(f"import math\n\n{STACK}\nx = 1")
    assert source_of(found["Stack"]) == STACK.rstrip()
    assert "self.items.append" in describe(found["Stack"], name="Stack", detail="full").text


def test_of_two_classes_of_one_name_each_has_its_own(run_cell):
    first = run_cell(STACK)["Stack"]
    second = run_cell(STACK.replace("A pile", "A heap"))["Stack"]
    assert "A pile" in source_of(first)
    assert "A heap" in source_of(second)


def test_a_class_without_methods_is_found_by_its_name_with_its_decorator(run_cell):
    from dataclasses import dataclass

    run_cell("Point = 1")
    point = run_cell(POINT, dataclass=dataclass)["Point"]
    assert source_of(point) == POINT.rstrip()


def test_a_class_within_a_class_or_a_block_is_found(run_cell):
    inner = run_cell(NESTED)["Outer"].Inner
    assert source_of(inner).startswith("class Inner:\n    @property")
    indented = "if True:\n" + "".join(f"    {line}\n" for line in POINT.splitlines()[1:])
    assert source_of(run_cell(indented)["Point"]) == "\n".join(POINT.splitlines()[1:])


def test_what_has_no_source_has_none(run_cell):
    made = run_cell("Made = type('Made', (), {})")["Made"]
    for thing in (made, int, len, 3, None):
        assert source_of(thing) is None
    assert "def source_of" in source_of(source_of)


def test_a_signature_is_told_without_running_the_metaclass():
    ran = []

    class Meta(type):
        def __getattr__(cls, name):
            ran.append(name)
            raise AttributeError(name)

        def __call__(cls, *args, **options):
            ran.append("call")
            return super().__call__(*args, **options)

    class Thing(metaclass=Meta):
        def __init__(self, size: int, *, name: str = "") -> None: ...

    text = describe(Thing, name="Thing").text
    assert "(size: int, *, name: str = '')" in text
    assert ran == []
