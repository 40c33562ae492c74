"""Every number, formula, link and bit of code in a sentence, every tag, printed word, and word,
colour, style and place in a picture, as approved.txt has them: what changed, not what is true. A !
is behind a number of two digits or more that no code of its part has or prints. After a change that
you have checked, make the list anew: python tests/test_prose.py > tests/approved.txt"""

import re

from conftest import ROOT, Lecture, Played, images, said, tags

SPELT = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|sixteen|"
SPELT += "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|"
SPELT += "trillion|twice|half|third|quarter|first|second|last|none|zero"
FIGURE = r"(?<![\w.])-?\d+(?:[,_]\d{3})*(?:\.\d+)?(?:e-?\d+)?"
NUMBER = rf"\]\([^)]*\)|\$\$.+?\$\$|\$[^$]+\$|`[^`]+`|{FIGURE}|\b(?:{SPELT})(?:s|ths?|fold)?\b"
NOT_PROSE = r"(?s)```.*?```|(?m:^#+ (?:Exercise )?\d+)"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def values(text):  # without their signs, which a sentence may put into words
    return {abs(float(re.sub("[,_]", "", number))) for number in re.findall(FIGURE, text)}


def stated(markdown, known):
    """What is stated by a text outside solutions and headings, which other tests see."""
    found = re.findall(NUMBER, re.sub(NOT_PROSE, " ", markdown), re.I)
    unknown = [n for n in found if re.fullmatch(FIGURE, n) and not values(n) <= known]
    return " ".join(n + "!" * (n in unknown and len(n.strip("-")) > 1) for n in found)


def pictured(cell, axes):
    """What is to be seen in a code cell's pictures: words, their colours and places."""
    for alt, kind, data in images(cell):
        graph = data.decode() if kind == "svg+xml" else ""
        yield " ".join([alt, *re.findall(r'(?<=fill=")[^"]+|(?<=>)[^<>\n]+(?=<)', graph)])
    for axis in axes:
        assert axis.legend is None, f"{cell.id}: write on the lines themselves"
        rest = map(" ".join, axis.ticks + axis.texts * ("timing" not in tags(cell)))
        yield " | ".join(filter(None, [axis.title, *axis.labels, axis.scale, *axis.looks, *rest]))


def listing(*lectures):
    """What approved.txt should say: `lectures` are pairs of a Lecture and it Played."""
    every = set()
    for lecture, played in lectures:
        for number, part in enumerate(lecture.parts()):
            code = [c for c in part if c.cell_type == "code" and "timing" not in tags(c)]
            known = values("\n".join(cell.source + said(lecture, cell.id) for cell in code))
            every |= known
            pieces = [f"{lecture.path.stem}, part {number}"]
            for cell in part:
                if cell.cell_type == "markdown":
                    shown = [stated(cell.source, known)]
                else:
                    words = " ".join(filter(str.isalpha, said(lecture, cell.id).split()))
                    shown = [words, *pictured(cell, played.axes.get(cell.id, []))]
                pieces += [f"{cell.id} {tags(cell)}: {x}".replace("\n", " ") for x in shown]
            yield " || ".join(pieces)
    parts = iter(["README", *re.split(r"(?m)^## (.*)", README)])  # a title, its text, and so on
    yield " || ".join(f"{title}: {stated(next(parts), every)}" for title in parts)


def test_numbers_of_sentences_and_words_of_plots_are_approved(lecture1, played1, lecture2, played2):
    now = "\n".join(listing((lecture1, played1), (lecture2, played2))) + "\n"
    approved = (ROOT / "tests" / "approved.txt").read_text(encoding="utf-8")
    assert now.split(" || ") == approved.split(" || "), "make the list anew, look at what changed"


def test_the_plan_in_the_readme_fits_into_two_hours_and_names_every_part(lecture):
    rows = re.findall(r"(?m)^\| ([^|]+) \| (\d+) \| ([^|]+) \| (\d+) \|$", README)
    plan = [row[:2] if lecture.path.stem == "lecture1" else row[2:] for row in rows]
    parts, planned = lecture.parts(), []
    assert sum(int(minutes) for _, minutes in plan) == 120
    for title, minutes in plan:
        ends = [int(number) for number in re.findall(r"\d+", title.partition(".")[0])] or [0, -1]
        numbers = range(ends[0], ends[-1] + 1)
        planned += numbers
        live = [cell for n in numbers for cell in parts[n] if "live" in tags(cell)]
        assert sum(len(cell.source) for cell in live) / 180 <= int(minutes), f"{title}: no time"
    assert planned == [n for n, part in enumerate(parts) if re.match(r"## \d", part[0].source)]


if __name__ == "__main__":
    both = [Lecture(ROOT / f"lecture{n}.ipynb") for n in (1, 2)]
    print("\n".join(listing(*((lecture, Played(lecture)) for lecture in both))))
