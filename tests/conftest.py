"""What the tests share: both notebooks by cell ids, and what comes of running them once."""

import ast
import html
import re
from contextlib import chdir, redirect_stdout
from io import StringIO
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
SOLUTION = r"<summary>Solution</summary>\s*```python\n(.*?)```"


def read(lecture):
    return nbformat.read(ROOT / f"{lecture}.ipynb", as_version=4)


def tags(cell):
    return cell.metadata.get("tags", [])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def solutions(notebook):
    """The folded solution of each exercise, by the id of the exercise's cell."""
    found, exercise = {}, None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exercise = cell.id if "exercise" in tags(cell) else None
        elif exercise and (solution := re.search(SOLUTION, cell.source, re.S)):
            found[exercise] = solution[1]
    return found


def answered(exercise, answer):
    """An exercise with an answer in place of its stub, which ends at the first blank line."""
    return answer + "\n\n" + exercise.source.partition("\n\n")[2]


def without_pictures(text):
    """A picture is what its alternative text says."""
    return re.sub(r'<img alt="(.*?)".*?>', lambda found: html.unescape(found[1]), text)


def show(value):
    """Print what Jupyter shows of a value."""
    print(without_pictures(value.data if isinstance(value, IPython.display.HTML) else repr(value)))


def run(code, names):
    """Run a cell in the namespace `names`. Return what it prints and shows, as text."""
    tree, last = ast.parse(code), None
    if isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    with redirect_stdout(StringIO()) as printed:
        exec(compile(tree, "cell", "exec"), names)
        value = eval(compile(last, "cell", "eval"), names) if last else None
        if value is not None:
            show(value)
    return printed.getvalue()


@pytest.fixture(scope="session")
def played():
    """By lecture: what its cells `printed`, by id; what those to type printed `again`; the `names`
    that there were before each exercise; and those at the `end`, all exercises solved.
    Plots are not drawn: the notebooks that pytest runs as tests draw them."""
    lectures = {}
    with chdir(ROOT), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda *args, **options: None)
        patch.setattr(IPython.display, "display", show)
        for lecture in LECTURES:
            notebook, end = read(lecture), {"__name__": "__main__"}
            played = SimpleNamespace(printed={}, again={}, names={}, end=end)
            for cell in code_cells(notebook):
                played.names[cell.id] = dict(end) if "exercise" in tags(cell) else None
                played.printed[cell.id] = run(cell.source, end)
                if "live" in tags(cell):
                    played.again[cell.id] = run(cell.source, end)
                if cell.id in solutions(notebook):
                    run(answered(cell, solutions(notebook)[cell.id]), end)
            lectures[lecture] = played
    return lectures


@pytest.fixture(params=LECTURES)
def lecture(request):
    return request.param
