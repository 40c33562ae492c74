"""Make the copies to teach from, lecture1-live.ipynb and lecture2-live.ipynb, beside the lectures:

    .venv/bin/python instructor/make_live.py

In a copy every cell tagged `live` holds but one comment: the functions and classes that you type
there, the names that you set, and what you call. Outputs are gone, and the paragraph that answers a
"Before you run it" is folded; the rest is as it was. A copy in which somebody typed is left alone,
unless you add --force.
"""

import ast
import hashlib
import json
import re
import sys
import textwrap
from pathlib import Path

import nbformat

QUESTION = r"\*\*Before you run it[:,]"


def signature(node):
    """A definition without its body: `f(x, h)`, or `class A: f(x), g(y)`."""
    if isinstance(node, ast.ClassDef):
        methods = [signature(inner) for inner in node.body if isinstance(inner, ast.FunctionDef)]
        return f"class {node.name}: {', '.join(methods)}"
    return f"{node.name}({ast.unparse(node.args).removeprefix('self').removeprefix(', ')})"


def hint(source):
    """The comment that stands for the code of a live cell: what it defines, sets and calls."""
    definitions, names, calls = [], [], []
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            definitions.append(signature(statement))
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Assign | ast.AugAssign):
                for target in getattr(node, "targets", None) or [node.target]:
                    parts = getattr(target, "elts", [target])  # two of them in `a, b = ...`
                    names += [
                        ast.unparse(n) for n in parts if isinstance(n, ast.Name | ast.Attribute)
                    ]
        if isinstance(statement, ast.Expr) and not ast.unparse(statement).startswith("print("):
            calls.append(ast.unparse(statement))
    typed = dict.fromkeys(definitions + names + calls or ["see the text above"])  # each once
    return textwrap.fill("# Type here: " + ", ".join(typed), 90, subsequent_indent="#     ")


def folded(source):
    """Markdown with its first paragraph folded, since it is an answer."""
    answer, blank, rest = source.partition("\n\n")
    return f"<details><summary>And?</summary>\n\n{answer}\n\n</details>{blank}{rest}"


def fingerprint(notebook):
    """A hash of what stands in a notebook's cells. Running them leaves it, typing changes it."""
    cells = json.dumps([(cell.cell_type, cell.source) for cell in notebook.cells])
    return hashlib.sha256(cells.encode()).hexdigest()


def typed_in(path):
    """Whether the file at `path` is anything but a copy as this script made it."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception:  # no notebook, so not ours
        return True
    return notebook.metadata.get("live_copy") != fingerprint(notebook)


def make_live(lecture, copy, force=False):
    """Write the copy of a lecture and return how many cells are to be typed in it.

    lecture, copy: paths. force: overwrite what somebody typed.
    Raises FileExistsError if somebody typed, SyntaxError if a cell is not plain Python.
    """
    if copy.exists() and not force and typed_in(copy):
        raise FileExistsError(f"{copy.name} was typed in: rename it to keep it, or add --force")
    notebook, count, asked = nbformat.read(lecture, as_version=4), 0, False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            question = re.search(QUESTION, cell.source)
            cell.source = folded(cell.source) if asked else cell.source
            asked = question
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if "live" in cell.metadata.get("tags", []):
                cell.source = hint(cell.source)
                count += 1
    notebook.metadata["live_copy"] = fingerprint(notebook)
    nbformat.write(notebook, copy)  # always as UTF-8
    return count


if __name__ == "__main__":
    folder, problems = Path(__file__).resolve().parent.parent, 0
    for name in ("lecture1", "lecture2"):
        copy = folder / f"{name}-live.ipynb"
        try:
            count = make_live(folder / f"{name}.ipynb", copy, force="--force" in sys.argv)
            print(f"Made {copy.name}: {count} cells to type.")
        except FileExistsError as error:
            print(f"Left alone: {error}.")
            problems += 1
    sys.exit(problems)
