"""The README's own commands make the instructor's copies, and the pages to read without Jupyter."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT, run


def readme_command(option):
    """The words of the one `jupyter nbconvert` command in README.md that has this option in it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^\S*jupyter nbconvert .*$", text, re.M)
    [command] = [command for command in commands if option in command]
    return shlex.split(command)


def convert(option, folder):
    """Run that command in a folder that holds the notebooks only."""
    for name in ["lecture1.ipynb", "lecture2.ipynb"]:
        shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-m", "nbconvert", *readme_command(option)[2:]]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    return convert("remove_cell_tags", tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return convert("--to html", tmp_path_factory.mktemp("html"))


def test_live_copy_keeps_all_but_the_live_cells(lecture, copies):
    copy = nbformat.read(copies / f"{lecture.path.stem}-live.ipynb", as_version=4)
    cells = lecture.notebook.cells
    kept = [cell for cell in cells if "live" not in cell.metadata.get("tags", [])]
    assert [cell.id for cell in copy.cells] == [cell.id for cell in kept]
    assert [cell.source for cell in copy.cells] == [cell.source for cell in kept]
    assert len(kept) < len(cells)


def test_live_copy_holds_no_output(lecture, copies):
    copy = nbformat.read(copies / f"{lecture.path.stem}-live.ipynb", as_version=4)
    for cell in copy.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None, cell.id


def test_making_the_copy_leaves_the_lecture_as_it_was(lecture, copies):
    assert (copies / lecture.path.name).read_bytes() == lecture.path.read_bytes()


def test_the_copy_with_what_the_class_types_runs(lecture, copies, tmp_path):
    """Without its live cells the copy still has every helper, and with them typed back it runs."""
    copy = nbformat.read(copies / f"{lecture.path.stem}-live.ipynb", as_version=4)
    typed = {cell.id: cell for cell in lecture.code("live")}
    for cell in copy.cells:
        assert "setup" not in cell.metadata.get("tags", []) or cell.source
    kept = {cell.id for cell in copy.cells}
    cells = [cell if cell.id in kept else typed[cell.id] for cell in lecture.notebook.cells]
    namespace = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells:
            if cell.cell_type == "code":
                run(cell, namespace)
    for kind in ["setup", "plot", "exercise", "timing"]:
        assert not set(typed) & {cell.id for cell in lecture.code(kind)}


def test_page_folds_its_solutions_and_carries_its_pictures(lecture, pages):
    page = (pages / f"{lecture.path.stem}.html").read_text(encoding="utf-8")
    pictures = sum(
        "<img" in o.get("data", {}).get("text/html", "")
        for cell in lecture.code()
        for o in cell.outputs
    )
    assert len(re.findall(r"<img\b", page)) == pictures > 10
    assert not re.findall(r'<img[^>]*src="(?!data:)', page)
    folded = re.findall(r"<details[^>]*>(.*?)</details>", page, re.S)
    solutions = [fold for fold in folded if "<summary>Solution</summary>" in fold]
    assert len(solutions) == len(lecture.code("exercise"))
    assert all("highlight" in fold for fold in solutions)  # the code is inside the fold
