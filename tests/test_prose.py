"""Every number in a sentence, of one digit or many, or spelt out, in the lectures and the README;
what is on every plot: words, colours, styles, a digest of its data; and the text of every graph.

approved.txt lists them, by part and cell, as they were when the list was last made: it shows what
changed since, not that a number is true. Changed a sentence or a plot? Check its numbers against
the outputs beside it, then make the list anew: python tests/test_prose.py > tests/approved.txt
"""

import difflib
import math
import os
import re

import numpy as np
from conftest import ROOT, Lecture, Played, images, said, tags

SPELT = """two three four five six seven eight nine ten eleven twelve thirteen fifteen sixteen
    twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion
    twice half third quarter first second last none zero""".split()
NUMBER = rf"(?<![\w.])-?\d[\d,_]*(?:\.\d+)?(?:e-?\d+)?|\b(?:{'|'.join(SPELT)})(?:s|ths?|fold)?\b"
NOT_PROSE = r"(?s)```.*?```|\]\([^)]*\)"  # solutions are proven; addresses
REFERENCE = r"(?:Part|Exercise|Lecture|seeds?) \d+|(?m:^#[^\n]*$)"
PAIRS = 228_146
WORKED_OUT = {  # numbers that no code cell of the part uses or prints, and where they come from
    "lecture1": {
        "1": {14, 0.000001, 1e-15, math.floor(53 * math.log10(2)) + 1},  # 53 bits hold 16 digits
        "2": {-6.0},
        "3": {6.0, 0.001},
        "6": {-709, -710, 2.718},
        "7": {16},
        "8": {77, 3 * 4 + 4 * 4 + 4, 4 + 4 + 1, 15},
        "9": {15, 75, 99, 14, 41, 0.06},  # see test_training in test_lecture1.py
        "10": {11, 2 * 8 + 8 + 8 * 8 + 8 + 8 + 1},
        "11": {128**2},
        "12": {1200},
    },
    "lecture2": {
        "1": {2018},
        "2": {32_033},
        "3": {27**2 - 1},
        "4": {60, 30, 10, 2.0},
        "6": {round(1 / 27, 4), PAIRS, 3.5, 13, 2.4541},
        "7": {200_000, 27**2},
        "8": {-0.196, round(33885 / PAIRS, 2), round(272 / PAIRS, 3), PAIRS, 27**2},
        "10": {73, 0.01, round(0.01 / 27**2, 7), 27**2, 2.454},
        "11": {27**2, PAIRS, round(PAIRS / 27**2), 40},
        "12": {2003, 27**10 // 10**14 * 100},
        "13": {27**2, PAIRS, 80, 10},
    },
}


def stated(markdown):
    """The numbers in a Markdown text, in order, as they are written."""
    return re.findall(NUMBER, re.sub(NOT_PROSE, " ", markdown), re.I)


def digest(axis):
    """Size, ends and mean of all that is drawn on an axis, to four digits."""
    for name in ["lines", "bars", "images", "points"]:
        for data in getattr(axis, name) if name != "bars" else [axis.bars]:
            data = np.asarray(data, float)
            if data.size:
                few = [data.ravel()[0], data.ravel()[-1], data.mean(), np.abs(data).max()]
                yield f"{name} {data.shape} " + " ".join(f"{x + 0.0:.4g}" for x in few)


def listing(lectures):
    """What approved.txt should say: `lectures` are pairs of a Lecture and it Played."""
    for lecture, played in lectures:
        for part in lecture.parts():
            lines = []
            for cell in part:
                if cell.cell_type == "markdown" and (found := stated(cell.source)):
                    lines.append(f"{cell.id}: {' '.join(found)}")
                lines += [alt for alt, kind, _ in images(cell) if kind == "svg+xml"]
                for axis in [] if "timing" in tags(cell) else played.axes.get(cell.id, []):
                    words = [axis.title, *axis.labels, axis.scale, *axis.looks]
                    words += [" ".join(filter(None, side)) for side in axis.ticks]
                    words += [" ".join(text) for text in axis.texts] + list(digest(axis))
                    line = " | ".join(dict.fromkeys(filter(None, words)))
                    lines.append(f"{cell.id}: {line}".replace("\n", " ")[:1500])
                    assert axis.legend is None, f"{cell.id}: write on the lines themselves"
            yield f"{lecture.path.stem} || {' || '.join(lines)}"
    for section in re.split(r"(?m)^(?=## )", (ROOT / "README.md").read_text(encoding="utf-8")):
        yield f"README, {section.splitlines()[0].strip('# ')[:40]}: {' '.join(stated(section))}"


def test_numbers_of_sentences_and_words_of_plots_are_approved(lecture1, played1, lecture2, played2):
    now = "\n".join(listing([(lecture1, played1), (lecture2, played2)]))
    approved = (ROOT / "tests" / "approved.txt").read_text(encoding="utf-8").rstrip("\n")
    before, after = (re.split(r" \|\| |\n", text) for text in (approved, now))
    diff = list(difflib.unified_diff(before, after, "approved", "now", n=0, lineterm=""))
    assert not diff, "\n".join(diff)


def values(text):
    """The numbers of two digits or more in a text."""
    found = re.findall(r"(?<![\w.])-?\d[\d,_]*(?:\.\d+)?", text)
    found = [number.strip(",").replace(",", "").replace("_", "") for number in found]
    return {float(number) for number in found if len(number.strip("-")) > 1}


def test_larger_numbers_stand_in_the_code_of_the_same_part(lecture):
    for part in lecture.parts()[1:]:
        code = [cell for cell in part if cell.cell_type == "code"]
        known = values("\n".join(cell.source + said(lecture, cell.id) for cell in code))
        known |= WORKED_OUT[lecture.path.stem].get(part[0].source[3:].split(".")[0], set())
        for cell in part:
            if cell.cell_type == "markdown" and cell.id not in ("reading", "for-instructors"):
                prose = re.sub(f"{NOT_PROSE}|{REFERENCE}", " ", cell.source)
                strange = {n for n in values(prose) - known if -n not in known}
                assert not strange, f"{cell.id}: no cell of this part prints or uses {strange}"


def test_the_plan_in_the_readme_fits_into_two_hours_and_names_every_part(lecture):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    column, number = int(lecture.path.stem[-1]) - 1, 0
    rows = re.findall(r"(?m)^\| ([^|]+) \| (\d*) \| ([^|]+) \| (\d*) \|$", readme)
    cells = [row[2 * column : 2 * column + 2] for row in rows if row[2 * column + 1]]
    assert sum(int(minutes) for _, minutes in cells) == 120
    for title, minutes in cells:
        span = re.match(r"(\d+)(?:-(\d+))?\.", title)
        for part in lecture.parts()[number + 1 : int(span[2] or span[1]) + 1] if span else []:
            number += 1
            assert part[0].source.startswith(f"## {number}. ")
        if span:  # what is typed, at 180 characters a minute, fits
            parts = lecture.parts()[int(span[1]) : int(span[2] or span[1]) + 1]
            typed = sum(len(c.source) for part in parts for c in part if "live" in tags(c))
            assert typed / 180 <= int(minutes), title
    assert number == len([p for p in lecture.parts() if re.match(r"## \d+\.", p[0].source)])


if __name__ == "__main__":
    os.chdir(ROOT)
    both = [Lecture(ROOT / f"lecture{n}.ipynb") for n in (1, 2)]
    print("\n".join(listing([(lecture, Played(lecture)) for lecture in both])))
