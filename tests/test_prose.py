"""Every number in a sentence: of one digit or many, or spelt out, in the lectures and the README.

numbers.txt lists them in order, by part and cell, as the text had them when the list was last made: it
shows what changed since, not that a number is true. Changed a sentence? Check its numbers against
the outputs beside it, then make the list anew: python tests/test_prose.py > tests/numbers.txt
"""

import itertools
import math
import re

from conftest import ROOT, Lecture, said

SPELT = """two three four five six seven eight nine ten eleven twelve thirteen fifteen sixteen twenty
    thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion twice half
    third quarter first second last none zero""".split()
NUMBER = rf"(?<![\w.])-?\d[\d,_]*(?:\.\d+)?(?:e-?\d+)?|\b(?:{'|'.join(SPELT)})(?:s|ths?|fold)?\b"
NOT_PROSE = [r"(?s)```.*?```", r"\]\([^)]*\)"]  # solutions are proven; addresses
PAIRS = 228_146
WORKED_OUT = {  # numbers that no code cell of the part uses or prints, and where they come from
    "lecture1": {
        "1": {14, 0.000001, 1e-15, math.floor(53 * math.log10(2)) + 1},  # 53 bits hold 16 digits
        "2": {-6.0},
        "3": {6.0, 0.001},
        "6": {-709, -710, 2.718},
        "7": {16},
        "8": {77, 3 * 4 + 4 * 4 + 4, 4 + 4 + 1},
        "9": {15, 75, 99, 14, 41, 0.06},  # see test_claims_about_the_forgotten_zeros
        "10": {11, 2 * 8 + 8 + 8 * 8 + 8 + 8 + 1},
        "11": {128**2},
        "12": {1200, 36, 32, 41, 20},
    },
    "lecture2": {
        "1": {2018},
        "2": {32_033},
        "3": {27**2 - 1},
        "4": {60, 30, 10, 2.0},
        "6": {round(1 / 27, 4), PAIRS, 3.5, 13, 2.4541},  # see test_how_good_the_model_is
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
    for pattern in NOT_PROSE:
        markdown = re.sub(pattern, " ", markdown)
    return [found.rstrip(",") for found in re.findall(NUMBER, markdown, re.I)]


def listing():
    """What numbers.txt should say."""
    for name in ["lecture1", "lecture2"]:
        for part in Lecture(ROOT / f"{name}.ipynb").parts():
            cells = [(c.id, stated(c.source)) for c in part if c.cell_type == "markdown"]
            found = [f"{cell_id}: {' '.join(numbers)}" for cell_id, numbers in cells if numbers]
            if found:
                yield f"{name}, {' | '.join(found)}"
    for section in re.split(r"(?m)^(?=## )", (ROOT / "README.md").read_text(encoding="utf-8")):
        yield f"README, {section.splitlines()[0].strip('# ')[:40]}: {' '.join(stated(section))}"


def test_every_number_is_one_that_was_approved():
    approved = (ROOT / "tests" / "numbers.txt").read_text(encoding="utf-8").splitlines()
    for now, before in itertools.zip_longest(listing(), approved, fillvalue=""):
        pairs = itertools.zip_longest(now.split(" | "), before.split(" | "))
        assert now == before, next(f"now {a!r}, approved {b!r}" for a, b in pairs if a != b)


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
                prose = re.sub(
                    r"(?:Part|Exercise|Lecture|seeds?) \d+|(?m:^#[^\n]*$)", " ", cell.source
                )
                for pattern in NOT_PROSE:
                    prose = re.sub(pattern, " ", prose)
                strange = {n for n in values(prose) - known if -n not in known}
                assert not strange, f"{cell.id}: no cell of this part prints or uses {strange}"


def test_the_plan_in_the_readme_fits_into_two_hours_and_names_every_part(lecture):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    column = int(lecture.path.stem[-1]) - 1
    rows = re.findall(r"(?m)^\| ([^|]+) \| (\d*) \| ([^|]+) \| (\d*) \|$", readme)
    cells = [row[2 * column : 2 * column + 2] for row in rows if row[2 * column + 1]]
    assert len(cells) > 5 and sum(int(minutes) for _, minutes in cells) == 120
    spans = [m for name, _ in cells if (m := re.match(r"(\d+)(?:-(\d+))?\.", name))]
    found = [n for m in spans for n in range(int(m[1]), int(m[2] or m[1]) + 1)]
    titles = [p[0].source for p in lecture.parts() if re.match(r"## \d+\.", p[0].source)]
    assert found == list(range(1, len(titles) + 1))


if __name__ == "__main__":
    print("\n".join(listing()))
