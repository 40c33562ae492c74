"""Fixtures that hand the notebooks to the tests: their cells by id, the objects that the cells
make, and what comes out of a kernel when each notebook is run under several circumstances."""

import contextlib
import io
import random
from pathlib import Path

import kernels
import matplotlib.pyplot as plt
import nbformat
import pytest
from reference import pairs

ROOT = Path(__file__).resolve().parent.parent


class Lecture:
    """One notebook, read once: `cells` maps each cell's id to the cell."""

    def __init__(self, path):
        self.path = path
        self.notebook = nbformat.read(path, as_version=4)
        self.cells = {cell.id: cell for cell in self.notebook.cells}

    def code(self, tag=None):
        """The code cells in order; with a tag, only those that bear it."""
        cells = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        return [cell for cell in cells if tag is None or tag in cell.metadata.get("tags", [])]

    def take(self, *ids):
        """Run the cells tagged `setup`, then those named, in a new namespace, which is returned.

        Raises KeyError for an id that the notebook does not have.
        """
        wanted = [self.cells[name] for name in ids]
        namespace = {"__name__": "__main__"}
        for cell in self.code("setup") + wanted:
            run(cell, namespace)
        return namespace


def run(cell, namespace):
    """Run a cell's code in a namespace, so that an error names the cell."""
    exec(compile(cell.source, f"<cell {cell.id}>", "exec"), namespace)


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


def drawn(lecture):
    """Run all cells of a lecture here, once: the last figure that each plotting cell shows, by id."""
    figures, namespace = {}, {"__name__": "__main__"}
    close = plt.close
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setattr(plt, "close", lambda: figures.__setitem__(cell.id, plt.gcf()) or close())
        for cell in lecture.code():
            if "exercise" not in cell.metadata.get("tags", []):
                run(cell, namespace)
    return figures


@pytest.fixture(scope="session")
def drawn1(lecture1):
    return drawn(lecture1)


@pytest.fixture(scope="session")
def drawn2(lecture2):
    return drawn(lecture2)


@pytest.fixture(scope="session")
def words():
    """The names in names.txt, read anew."""
    return (ROOT / "names.txt").read_text(encoding="utf-8").split()


@pytest.fixture(scope="session")
def counts(words):
    """How often each pair of characters stands in the names: a Counter."""
    return pairs(words)


@pytest.fixture(scope="session")
def split(words):
    """The names for training and those held out, split anew by the rule that the lecture states."""
    distinct = sorted(set(words))
    random.Random(42).shuffle(distinct)
    held = set(distinct[: len(distinct) // 10])
    assert len(distinct) == 29_494
    return [w for w in words if w not in held], [w for w in words if w in held]


@pytest.fixture(scope="session")
def runs(lecture1, lecture2, tmp_path_factory):
    """Both notebooks, run once in each circumstance that kernels.py names, for all tests."""
    return kernels.run_all([lecture1, lecture2], tmp_path_factory.mktemp("runs"))
