"""The numbers in the lectures' sentences: a cell of the same part prints or uses each of them."""

import math
import re

import pytest
from conftest import run
from reference import SIGNS, loss

NETWORK = ["weighted-sum", "neuron-class", "layer-class", "mlp-class"]
NUMBER = r"(?<![\w.])-?\d[\d,_]*(?:\.\d+)?(?!\w)"
NOT_PROSE = [
    r"(?s)```.*?```",  # solutions have a test of their own
    r"\]\([^)]*\)",  # addresses
    r"\d+:\d\d:\d\d",  # moments of a video
    r"(?m)^#.*$",  # headings
    r"\[\d+\. ",  # entries of the table of contents
    r"(?:Part|Exercise|Lecture|older than) \d+(?:\.0)?",
]
AS_WE_CHOSE = {  # years, shares and strengths that nothing follows from
    "load-words-prose": [2018],
    "part-12": [2003],
    "reading": [2003],
    "how-small": [1e-15],  # which the code writes 1e-15
    "define-derivative": [1e-6],  # in a sentence about the code of the next cell, written 1e-6
    "part-10": [0.01],
    "solution-safe-log-softmax": [80, 10],
    "box-float32": [2.4541],  # the video's result; test_lecture2_counts shows how it comes about
}


def values(text):
    """The numbers in a text that have two digits or more; with one digit, all of them occur."""
    found = [re.sub("[,_]", "", number) for number in re.findall(NUMBER, text)]
    return {float(number) for number in found if len(number.strip("-")) > 1}


def parts(lecture):
    """The cells of a lecture, a list for each part, which begins at a heading of level two."""
    found = [[]]
    for cell in lecture.notebook.cells:
        if cell.source.startswith("## "):
            found.append([])
        found[-1].append(cell)
    return found


def in_code(cells):
    """The numbers in what the code cells say and print."""
    texts = []
    for cell in cells:
        if cell.cell_type == "code":
            texts += [cell.source]
            texts += [
                o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in cell.outputs
            ]
    return values("\n".join(texts))


@pytest.fixture(scope="module")
def worked_out(lecture1, counts, split):
    """Numbers that no cell of the part prints, by the cell in which they stand; "": anywhere."""
    lines = "\n".join(lecture1.cells[name].source for name in NETWORK).splitlines()
    held = sum(len(name) + 1 for name in split[0])
    pairs, best = sum(counts.values()), loss(counts)
    rows = {ch: sum(counts[ch, other] for other in SIGNS) for ch in SIGNS}
    emma = math.prod(counts[p] / rows[p[0]] for p in zip(".emma", "emma.", strict=True))
    return {
        "": [
            32_033,
            27,
            27**2,
            pairs,
            round(best, 4),
            round(best, 2),
            4 * (3 + 1) + 4 * (4 + 1) + 5,
        ],
        "rounding": [round(53 * math.log10(2))],  # digits of a float, which keeps 53 bits
        "part-7": [round(53 * math.log10(2))],
        "part-8-end": [50 if 40 < sum(bool(line.strip()) for line in lines) < 50 else None],
        "react-timing": [128**2],
        "xs-ys-prose": [27**2 - 1],
        "sample-prose": [round(100 * p) for p in (0.6, 0.3, 0.1)],
        "likelihood-words": [round(1 / 27, 4)],
        "solution-likelihood": [round(1e6 * emma, 1)],
        "part-7-end": [held // 100_000 * 100_000],
        "trigram-prose": [27**10 // 10**14 * 100],  # trillions
    }


def test_numbers_in_sentences(lecture, worked_out):
    checked = 0
    for part in parts(lecture):
        known = in_code(part) | set(worked_out[""])
        for cell in part:
            if cell.cell_type == "markdown":
                prose = cell.source
                for pattern in NOT_PROSE:
                    prose = re.sub(pattern, " ", prose)
                here = {*worked_out.get(cell.id, []), *AS_WE_CHOSE.get(cell.id, [])}
                strange = values(prose) - known - here
                assert not strange, f"{cell.id}: no cell of this part prints or uses {strange}"
                checked += len(values(prose))
    assert checked > 15
