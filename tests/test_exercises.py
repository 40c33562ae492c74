"""Every exercise of both lectures: its stub, its solution, other answers, and near misses.

For a new exercise, add to answers.py at least one other right answer and one likely mistake.
"""

import ast
import contextlib
import io
import re

import nbformat
import pytest
from answers import ANSWERS
from conftest import ROOT

LEAST = {"lecture1": 8, "lecture2": 10}
EXERCISES = [
    (name, cell.id)
    for name in LEAST
    for cell in nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells
    if "exercise" in cell.metadata.get("tags", [])
]
WRONG = {
    "None": "None",
    "a number": "0.1234",
    "a text": "'text'",
    "an empty list": "[]",
    "returns None": "lambda *inputs: None",
    "returns a number": "lambda *inputs: 0.1234",
    "raises": "lambda *inputs: {}['lost']",
    "says it is not implemented": "lambda *inputs: exec('raise NotImplementedError')",
    "leaves": "lambda *inputs: __import__('sys').exit()",
}


def parts(cell, after):
    """An exercise as (stub, check, the name that the answer goes by, solution)."""
    *stub, check = ast.parse(cell.source).body
    assert check.value.func.id == "check", f"{cell.id} does not end in check(...)"
    solution = re.search(
        r"<details><summary>Solution</summary>\n\n```python\n(.*?)```.*?</details>",
        after.source,
        flags=re.S,
    )
    assert solution, f"{cell.id} has no solution folded beneath it"
    code = [compile(ast.Module(body, []), cell.id, "exec") for body in (stub, [check])]
    return *code, check.value.args[0].id, solution[1]


def judged(lecture, played):
    """By exercise: the verdict on each answer, given where the exercise stands in the lecture, with
    the exercises before it solved."""
    verdicts, solved, cells = {}, {}, lecture.notebook.cells
    for cell in lecture.code("exercise"):
        stub, check, name, solution = parts(cell, cells[cells.index(cell) + 1])
        right, wrong = ANSWERS[lecture.path.stem].get(cell.id, ([], []))
        answers = {"untouched": "pass", "solution": solution}
        answers |= {kind: f"{name} = {answer}" for kind, answer in WRONG.items()}
        answers |= {f"also right {i}": answer for i, answer in enumerate(right)}
        answers |= {f"near miss {i}": answer for i, answer in enumerate(wrong)}
        verdicts[cell.id] = {}
        for kind, answer in answers.items():
            names = played.names[cell.id] | solved
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(stub, names)
                exec(answer, names)
                exec(check, names)
            verdicts[cell.id][kind] = printed.getvalue()
            if kind == "solution":
                answered = {name: names[name]}
        solved |= answered
    return verdicts


@pytest.fixture(scope="session")
def verdicts1(lecture1, played1):
    return judged(lecture1, played1)


@pytest.fixture(scope="session")
def verdicts2(lecture2, played2):
    return judged(lecture2, played2)


@pytest.fixture
def verdicts(key, request):
    """The verdict on each answer to the exercise `key`."""
    return request.getfixturevalue(f"verdicts{key[0][-1]}")[key[1]]


def test_there_are_enough_and_each_has_answers():
    for name, least in LEAST.items():
        ids = {cell_id for lecture, cell_id in EXERCISES if lecture == name}
        assert len(ids) >= least and set(ANSWERS[name]) == ids


@pytest.mark.parametrize("key", EXERCISES, ids="-".join)
def test_untouched_it_says_so(verdicts, key):
    assert verdicts["untouched"].startswith("Not answered yet")


@pytest.mark.parametrize("key", EXERCISES, ids="-".join)
def test_the_solution_and_other_right_answers_are_right(verdicts, key):
    found = {k: v for k, v in verdicts.items() if k == "solution" or k[:4] == "also"}
    assert len(found) >= 2 and not {k: v for k, v in found.items() if v != "Right.\n"}


@pytest.mark.parametrize("key", EXERCISES, ids="-".join)
def test_nonsense_and_near_misses_are_not(verdicts, key):
    found = {k: v for k, v in verdicts.items() if k in WRONG or k[:4] == "near"}
    assert len(found) > len(WRONG)
    wrong = {k: v for k, v in found.items() if not re.match("Not right yet.*Expected: ", v)}
    assert not wrong


def test_exercises_are_numbered_in_order(lecture):
    titles = re.findall(r"(?m)^#+ Exercise (\d+)", "\n".join(c.source for c in lecture.prose()))
    assert titles == [str(i + 1) for i in range(len(lecture.code("exercise")))]
