"""What the tests share: both notebooks by cell ids, and what comes of running them once."""

import ast
import re
from contextlib import chdir, redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import IPython.display
import matplotlib
import nbformat
import pytest
from matplotlib.figure import Figure

matplotlib.use("Agg")  # no windows
ROOT = Path(__file__).resolve().parent.parent
LECTURES = ["lecture1", "lecture2"]


def read(lecture):
    return nbformat.read(ROOT / f"{lecture}.ipynb", as_version=4).cells


def code_cells(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def exercises(cells):
    """By the id of its cell, each exercise's stub, its checks, and the solution folded below it."""
    found = {}
    for cell, below in pairwise(cells):
        if "exercise" in tags(cell):
            stub, _, checks = cell.source.partition("\n\n")
            solution = re.search(r"<summary>Solution.*?```python\n(.*?)```", below.source, re.S)
            found[cell.id] = stub, checks, solution[1]
    return found


def show(value):
    """Print what Jupyter shows of a value; HTML without the bytes of pictures."""
    if value is not None:
        text = value.data if isinstance(value, IPython.display.HTML) else repr(value)
        print(re.sub('base64,[^"]*', "", text))


def run(code, names):
    """Run a cell in the namespace `names`. Return what it prints and shows, and its error."""
    tree, last = ast.parse(code), None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    with redirect_stdout(StringIO()) as printed:
        try:
            exec(compile(tree, "cell", "exec"), names)
            show(eval(compile(last, "cell", "eval"), names) if last else None)
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return printed.getvalue()


@pytest.fixture(scope="session")
def played():
    """By lecture: what each cell `printed` (a `live` one is run twice, and this is the second time)
    and the names that there were `before` it, by the cell's id; and the `names` after the last.
    All exercises are solved on the way. Plots are not drawn: pytest runs the notebooks, too."""
    lectures = {}
    with chdir(ROOT), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda *args, **options: None)
        patch.setattr(IPython.display, "display", show)
        for lecture in LECTURES:
            names, printed, before = {"__name__": "__main__"}, {}, {}
            solvable = exercises(read(lecture))
            for cell in code_cells(read(lecture)):
                before[cell.id] = dict(names)
                for _ in range(2 if "live" in tags(cell) else 1):
                    printed[cell.id] = run(cell.source, names)
                if cell.id in solvable:
                    _, checks, solution = solvable[cell.id]
                    run(f"{solution}\n{checks}", names)
            lectures[lecture] = SimpleNamespace(printed=printed, before=before, names=names)
    return lectures
