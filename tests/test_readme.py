"""The front door: the READMEs' commands, files and links, the copy to teach from, the pages."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise

import nbformat
import pytest
from conftest import LECTURES, ROOT

INSTALL = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
OPEN = f"{INSTALL} &&\n.venv/bin/jupyter lab --allow-root lecture1.ipynb"
TEST = f"{INSTALL} &&\n.venv/bin/python -m pytest"
PAGES = ".venv/bin/jupyter nbconvert --config .github/pages.py --output-dir site"
REFRESH = """\
.venv/bin/jupyter nbconvert --execute --inplace --ExecutePreprocessor.record_timing=False \
lecture1.ipynb lecture2.ipynb
.venv/bin/jupyter nbconvert --coalesce-streams lecture1.ipynb lecture2.ipynb
.venv/bin/python -m pytest"""
WINDOWS = r".venv\Scripts\python -m pytest"


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def test_readme_machines_and_containers_say_the_same_commands():
    for command in [OPEN, TEST, PAGES, REFRESH]:
        assert f"\n```bash\n{command}\n```\n" in read("README.md")
    assert f"\n```powershell\n{WINDOWS}\n```\n" in read("README.md")
    one_line = TEST.replace("\n", " ")
    assert read(".ci/run").endswith(f'\ncd "$(dirname "$0")/.." || exit 1\n{one_line}\n')
    assert f"run: {one_line}\n" in read(".github/workflows/tests.yml")
    assert read(".github/workflows/tests.yml").endswith(f" {WINDOWS}\n")
    assert f"run: {PAGES}\n" in read(".github/workflows/pages.yml")
    assert json.loads(read(".devcontainer/devcontainer.json"))["postCreateCommand"] == INSTALL
    assert "-r ../requirements.txt" in read(".binder/requirements.txt")
    settings = tomllib.loads(read("pyproject.toml"))["tool"]["pytest"]["ini_options"]
    assert settings["testpaths"] == ["lecture1.ipynb", "lecture2.ipynb", "tests"]
    assert settings["addopts"] == "--nbmake --nbmake-timeout=300"


@pytest.mark.parametrize("readme", ["README.md", "instructor/README.md"])
def test_files_and_links_of_a_readme_exist(readme):
    text, folder = read(readme), (ROOT / readme).parent
    headings = [line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")]
    for target in re.findall(r"\]\((.+?)\)", text):
        if target.startswith("#"):
            assert target[1:].replace("-", " ") in headings, target
        elif not target.startswith("https://"):
            assert (folder / target).exists(), target


@pytest.fixture
def live(tmp_path):
    """A folder with both lectures, in which the script has made the copies."""
    (tmp_path / "instructor").mkdir()
    shutil.copy(ROOT / "instructor/make_live.py", tmp_path / "instructor")
    for name in LECTURES:
        shutil.copy(ROOT / f"{name}.ipynb", tmp_path)
    make_live(tmp_path)
    return tmp_path


def make_live(folder, *options):  # on a console that knows only ASCII
    command = [sys.executable, folder / "instructor/make_live.py", *options]
    return subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}).returncode


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
                assert answer.startswith("<details>")


def test_a_copy_in_which_somebody_typed_is_kept(live):
    path = live / "lecture1-live.ipynb"
    typed = path.read_text(encoding="utf-8").replace("# Type here: bowl(x)", "typed")
    path.write_text(typed, encoding="utf-8")
    assert make_live(live) == 1 and path.read_text(encoding="utf-8") == typed
    assert make_live(live, "--force") == 0 and path.read_text(encoding="utf-8") != typed


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
