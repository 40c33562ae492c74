"""Every link, anchor, picture and file that the prose and the README name is there."""

import fnmatch
import html
import re

import pytest
from conftest import ROOT
from test_outputs import REFRESH

README = ROOT / "README.md"
ELSEWHERE = {"lecture1.py", "yob2018.txt"}  # made by jupytext; where the names come from
FILE = re.compile(r"(?<![\w/:.{}*-])[\w.-]+(?:/[\w.-]+)*\.(?:ipynb|py|txt|toml|yml|json|png|md)\b")


def prose(text):
    """Markdown without its code and formulas."""
    return re.sub(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", "", text, flags=re.DOTALL)


def links(text):
    """Where the links and pictures of a Markdown text lead, web pages left out."""
    found = re.findall(r"\]\(([^)\s]+)[^)]*\)|(?:src|href)=\"([^\"]+)\"", prose(text))
    targets = [markdown or tag for markdown, tag in found]
    return [target for target in targets if not re.match(r"https?:|mailto:", target)]


def headings(text):
    return re.findall(r"^#+ +(.+?) *$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.M)


def jupyter_anchor(heading):
    return heading.replace(" ", "-")


def github_anchor(heading):
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def assert_links_lead_somewhere(text, anchors):
    for target in links(text):
        file, _, anchor = html.unescape(target).partition("#")
        assert not file or (ROOT / file).exists(), target
        assert file or anchor in anchors, f"#{anchor} leads nowhere"


def assert_pictures_have_alt_text(text):
    for alt in re.findall(r"!\[([^]]*)\]\(", prose(text)):
        assert alt.strip(), "a picture without alt text"
    for tag in re.findall(r"<img\b[^>]*>", prose(text)):
        assert re.search(r'\balt="[^"]+"', tag), tag


def test_links_and_pictures_of_a_notebook(lecture):
    text = "\n\n".join(c.source for c in lecture.notebook.cells if c.cell_type == "markdown")
    assert_links_lead_somewhere(text, {jupyter_anchor(heading) for heading in headings(text)})
    assert_pictures_have_alt_text(text)


def test_contents_list_every_part(lecture):
    text = "\n\n".join(c.source for c in lecture.notebook.cells if c.cell_type == "markdown")
    parts = re.findall(r"^## (\d+\. .+?) *$", text, re.M)
    assert [part.split(".")[0] for part in parts] == [str(i + 1) for i in range(len(parts))]
    assert {f"#{jupyter_anchor(part)}" for part in parts} <= set(links(text))


def test_links_and_pictures_of_the_readme():
    text = README.read_text(encoding="utf-8")
    assert_links_lead_somewhere(text, {github_anchor(heading) for heading in headings(text)})
    assert_pictures_have_alt_text(text)


def test_files_that_the_readme_names_are_there():
    text = re.sub(r"https?://\S+", "", README.read_text(encoding="utf-8"))
    made = (ROOT / ".gitignore").read_text(encoding="utf-8").split()  # what commands make
    named = {name for name in FILE.findall(text) if not any(fnmatch.fnmatch(name, m) for m in made)}
    assert named
    assert not {name for name in named - ELSEWHERE if not (ROOT / name).exists()}


def test_readme_gives_the_command_that_refreshes_the_outputs():
    text = README.read_text(encoding="utf-8").replace("\\\n", " ")
    assert REFRESH in " ".join(text.split())


@pytest.mark.parametrize("anchor, heading", [("whats-new", "What's new?"), ("a--b", "A & `b`")])
def test_github_anchors_are_worked_out_as_github_does(anchor, heading):
    assert github_anchor(heading) == anchor
