"""Every number in a sentence, of one digit or many, or spelt out, in the lectures and the README;
what is on every plot: a digest of its data, words, colours, styles; and the text of every graph.

approved.txt lists them by part and cell, as they were when it was last made: it shows what changed
since, not that a number is true. A ! stands behind a number of two digits or more that no code of
its part has or prints. After a new sentence, plot or graph, check its numbers against the outputs
beside it, then make the list anew: python tests/test_prose.py > tests/approved.txt
"""

import difflib
import itertools
import os
import re
import zlib

import numpy as np
from conftest import ROOT, Lecture, Played, images, said, tags

SPELT = """two three four five six seven eight nine ten eleven twelve thirteen fifteen sixteen
    twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion
    twice half third quarter first second last none zero""".split()
FIGURE = r"(?<![\w.])-?\d+(?:[,_]\d{3})*(?:\.\d+)?(?:e-?\d+)?"
NUMBER = rf"{FIGURE}|\b(?:{'|'.join(SPELT)})(?:s|ths?|fold)?\b"
NOT_PROSE = r"(?s)```.*?```|\[\d:\d\d:\d\d\]\(\S+\)|\]\([^)]*\)"  # solutions; times; addresses
NOT_PROSE += r"|(?m:^#+ (?:Exercise )?\d+)"  # of headings; all these other tests see
README = (ROOT / "README.md").read_text(encoding="utf-8")


def values(text):
    """The numbers in a text without their signs, which a sentence may put into words."""
    return {abs(float(re.sub("[,_]", "", number))) for number in re.findall(FIGURE, text)}


def stated(markdown, known):
    """The numbers in a Markdown text, in order, with a ! behind the larger ones not yet known."""
    for number in re.findall(NUMBER, re.sub(NOT_PROSE, " ", markdown), re.I):
        yield number + "!" * (len(number.strip("-")) > 1 and not values(number) <= known)


def digest(axis):
    """Of each kind of thing drawn on an axis: how many, of how many numbers, and two means."""
    for name in ["lines", "bars", "images", "points"]:
        data = [np.asarray(each, float).ravel() for each in getattr(axis, name)]
        if data and (flat := np.concatenate(data)).any():
            means = np.abs(flat).mean(), np.average(flat, weights=np.arange(1, flat.size + 1))
            yield f"{len(data)} {name} {flat.size} " + " ".join(f"{round(m, 9):.4g}" for m in means)


def pictured(cell, axes):
    """What is to be seen below a code cell: the text of a graph, the words of each axis."""
    found = [alt for alt, kind, _ in images(cell) if kind == "svg+xml"]
    for axis in [] if "timing" in tags(cell) else axes:
        assert axis.legend is None, f"{cell.id}: write on the lines themselves"
        words = [*digest(axis), axis.title, *axis.labels, axis.scale, *axis.looks]
        words += [" ".join(filter(None, side)) for side in axis.ticks]
        words += [" ".join(text) for text in axis.texts]
        found.append(" | ".join(word for word, _ in itertools.groupby(filter(None, words))))
    for line in found:  # a long one is cut, and a checksum stands for the rest
        yield (line if len(line) < 400 else f"{line[:360]}... {zlib.crc32(line.encode())}").strip()


def listing(lectures):
    """What approved.txt should say: `lectures` are pairs of a Lecture and it Played."""
    every = set()
    for lecture, played in lectures:
        for number, part in enumerate(lecture.parts()):
            sentences, pictures = [], []
            code = [c for c in part if c.cell_type == "code" and "timing" not in tags(c)]
            known = values("\n".join(cell.source + said(lecture, cell.id) for cell in code))
            every |= known
            for cell in part:
                if cell.cell_type == "markdown":
                    sentences.append((cell.id, " ".join(stated(cell.source, known))))
                else:
                    shown = pictured(cell, played.axes.get(cell.id, []))
                    pictures += [(cell.id, line.replace("\n", " ")) for line in shown]
            for kind, lines in [("sentences", sentences), ("pictures", pictures)]:
                if lines := [f"{cell_id}: {line}" for cell_id, line in lines if line]:
                    yield " || ".join([f"{lecture.path.stem}, part {number}, {kind}", *lines])
    for section in re.split(r"(?m)^(?=## )", README):
        if found := " ".join(stated(section, every)):
            yield f"README, {re.search(r'(?m)^#+ (.*)', section)[1]} || {found}"


def test_numbers_of_sentences_and_words_of_plots_are_approved(lecture1, played1, lecture2, played2):
    now = "\n".join(listing([(lecture1, played1), (lecture2, played2)]))
    approved = (ROOT / "tests" / "approved.txt").read_text(encoding="utf-8").rstrip("\n")
    before, after = (re.split(r" \|\| |\n", text) for text in (approved, now))
    diff = list(difflib.unified_diff(before, after, "approved", "now", n=0, lineterm=""))
    assert not diff, "\n".join(diff)


def test_the_plan_in_the_readme_fits_into_two_hours_and_names_every_part(lecture):
    column, planned = 2 * int(lecture.path.stem[-1]) - 2, []
    rows = re.findall(r"(?m)^\| ([^|]+) \| (\d*) \| ([^|]+) \| (\d*) \|$", README)
    plan = {row[column]: int(row[column + 1]) for row in rows if row[column + 1]}
    assert sum(plan.values()) == 120
    for title, minutes in plan.items():
        if span := re.match(r"(\d+)(?:-(\d+))?\.", title):
            numbers = range(int(span[1]), int(span[2] or span[1]) + 1)
            planned += [f"## {number}." for number in numbers]
            cells = [cell for number in numbers for cell in lecture.parts()[number]]
            typed = sum(len(cell.source) for cell in cells if "live" in tags(cell))
            assert typed / 180 <= minutes, (
                f"{title}: typing at 180 characters a minute takes longer"
            )
    titles = "\n".join(part[0].source for part in lecture.parts())
    assert planned == re.findall(r"(?m)^## \d+\.", titles)


if __name__ == "__main__":
    os.chdir(ROOT)
    both = [Lecture(ROOT / f"lecture{n}.ipynb") for n in (1, 2)]
    print("\n".join(listing([(lecture, Played(lecture)) for lecture in both])))
