"""The front door: the READMEs' commands, files and links, the copy to teach from, the pages."""

import html
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
LECTURES = ["lecture1", "lecture2"]
INSTALL = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
OPEN = f"{INSTALL} &&\n.venv/bin/jupyter lab --allow-root lecture1.ipynb"
TEST = f"{INSTALL} &&\n.venv/bin/python -m pytest"
PAGES = ".venv/bin/jupyter nbconvert --config .github/pages.py --output-dir site"
ELSEWHERE = ["lecture1-live.ipynb", "lecture2-live.ipynb", "lecture1.py", "yob2018.txt"]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def test_readme_machines_and_containers_say_the_same_commands():
    for command in [OPEN, TEST, PAGES]:
        assert f"\n```bash\n{command}\n```\n" in read("README.md")
    one_line = TEST.replace("\n", " ")
    assert f"\n{one_line}\n" in read(".ci/run")
    assert f"run: {one_line}\n" in read(".github/workflows/tests.yml")
    assert f"run: {PAGES}\n" in read(".github/workflows/pages.yml")
    assert json.loads(read(".devcontainer/devcontainer.json"))["postCreateCommand"] == INSTALL
    assert "-r ../requirements.txt" in read(".binder/requirements.txt")
    assert 'testpaths = ["lecture1.ipynb", "lecture2.ipynb", "tests"]' in read("pyproject.toml")
    assert 'addopts = "--nbmake' in read("pyproject.toml")


@pytest.mark.parametrize("readme", ["README.md", "instructor/README.md"])
def test_files_and_links_of_a_readme_exist(readme):
    text, folder = read(readme), (ROOT / readme).parent
    headings = [line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")]
    for target in re.findall(r"\]\((.+?)\)", text):
        if target.startswith("#"):
            assert target[1:].replace("-", " ") in headings, target
        elif not target.startswith("https://"):
            assert (folder / target).exists(), target
    for name in re.findall(r"[\w./-]+\.(?:ipynb|py|txt)\b", text):
        assert (folder / name).exists() or (ROOT / name).exists() or name in ELSEWHERE, name


@pytest.fixture
def live(tmp_path):
    """A folder with both lectures, in which the script has made the copies, and what it said."""
    (tmp_path / "instructor").mkdir()
    shutil.copy(ROOT / "instructor/make_live.py", tmp_path / "instructor")
    for name in LECTURES:
        shutil.copy(ROOT / f"{name}.ipynb", tmp_path)
    command = [sys.executable, tmp_path / "instructor/make_live.py"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    return tmp_path


def test_live_copy_has_its_live_cells_emptied_to_a_comment_and_all_else_as_it_was(live):
    for name in LECTURES:
        lecture = nbformat.read(live / f"{name}.ipynb", as_version=4)
        copy = nbformat.read(live / f"{name}-live.ipynb", as_version=4)
        assert [cell.id for cell in copy.cells] == [cell.id for cell in lecture.cells]
        for old, new in zip(lecture.cells, copy.cells):
            assert new.metadata == old.metadata
            if old.cell_type == "markdown":
                assert set(old.source.splitlines()) <= set(new.source.splitlines())
            elif "live" not in old.metadata.get("tags", []):
                assert new.source == old.source
            else:
                assert all(line.startswith("#") for line in new.source.splitlines())
                defined = re.findall(r"^(?:def|class) (\w+)", old.source, re.M)
                assert all(word in new.source for word in defined), old.id
            assert not new.get("outputs") and not new.get("execution_count")
        texts = [cell.source for cell in copy.cells if cell.cell_type == "markdown"]
        for question, answer in pairwise(texts):
            if "**Before you run it:**" in question:
                assert answer.startswith("<details>") and "#" not in answer.partition("</d")[0]


def test_a_copy_that_was_only_run_is_made_anew_and_one_that_was_typed_in_is_kept(live):
    make_live = runpy.run_path(live / "instructor/make_live.py")["make_live"]
    lecture, path = live / "lecture1.ipynb", live / "lecture1-live.ipynb"
    copy = nbformat.read(path, as_version=4)
    next(cell for cell in copy.cells if cell.cell_type == "code").execution_count = 1
    nbformat.write(copy, path)
    make_live(lecture, path)
    copy.cells[-1].source += "\ntyped"
    nbformat.write(copy, path)
    with pytest.raises(FileExistsError, match="lecture1-live.ipynb .* --force"):
        make_live(lecture, path)
    assert nbformat.read(path, as_version=4).cells[-1].source.endswith("typed")
    make_live(lecture, path, force=True)
    assert not nbformat.read(path, as_version=4).cells[-1].source.endswith("typed")


def test_pages_list_their_parts_and_lead_to_each_other(tmp_path):
    options = PAGES.removesuffix("site").split()[2:]
    subprocess.run([sys.executable, "-m", "nbconvert", *options, tmp_path], cwd=ROOT, check=True)
    for name, other in [LECTURES, reversed(LECTURES)]:
        page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        links, ids = re.findall(r'href="(.*?)"', page), re.findall(r' id="(.*?)"', page)
        assert f"{other}.html" in links and not [link for link in links if ".ipynb" in link]
        assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
        parts = re.findall(r'<h2 id="(.*?)"', page)
        assert re.findall(r'<li><a href="#(.*?)"', page) == parts and len(parts) > 5
        assert "plt.savefig" not in html.unescape(re.sub("<.*?>", "", page)), "set-up is in view"
