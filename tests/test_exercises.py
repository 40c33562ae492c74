"""Every exercise of both lectures: its stub, its solution, and wrong answers to it."""

import ast
import contextlib
import io
import re

import matplotlib.pyplot as plt
import nbformat
import pytest
from answers import ANSWERS
from conftest import ROOT, run

LEAST = {"lecture1": 8, "lecture2": 10}


def exercises():
    for name in LEAST:
        for cell in nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells:
            if "exercise" in cell.metadata.get("tags", []):
                yield name, cell.id


EXERCISES = list(exercises())


def raises(*inputs):
    raise KeyError("lost")


def leaves(*inputs):
    raise SystemExit


def not_implemented(*inputs):
    raise NotImplementedError


WRONG = {
    "None": None,
    "a number": 0.1234,
    "a text": "text",
    "an empty list": [],
    "returns None": lambda *inputs: None,
    "returns a number": lambda *inputs: 0.1234,
    "raises": raises,
    "leaves": leaves,
    "not implemented": not_implemented,
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


def judge(check, namespace):
    """What the check prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(check, namespace)
    return printed.getvalue()


@pytest.fixture(scope="module")
def verdicts(lecture1, lecture2):
    """The verdict on each answer to each exercise, given where the exercise stands."""
    verdicts = {}
    for lecture in (lecture1, lecture2):
        cells, namespace = lecture.notebook.cells, {"__name__": "__main__"}
        for cell in lecture.code():
            if "exercise" in cell.metadata.get("tags", []):
                stub, check, name, solution = parts(cell, cells[cells.index(cell) + 1])
                here = verdicts[lecture.path.stem, cell.id] = {}
                trial = dict(namespace)
                exec(stub, trial)
                here["untouched"] = judge(check, trial)
                for kind, answer in WRONG.items():
                    here[kind] = judge(check, trial | {name: answer})
                for kind, answers in zip(["also right", "a mistake"], ANSWERS[cell.id]):
                    for number, answer in enumerate(answers):
                        exec(answer, trial)
                        here[f"{kind} {number}"] = judge(check, trial)
                exec(solution, trial)
                here["solution"] = judge(check, trial)
            run(cell, namespace)
            plt.close("all")
    return verdicts


def test_there_are_enough():
    found = [name for name, _ in EXERCISES]
    for name, least in LEAST.items():
        assert found.count(name) >= least


@pytest.mark.parametrize("key", EXERCISES, ids="-".join)
def test_untouched_it_says_so(verdicts, key):
    assert verdicts[key]["untouched"].startswith("Not answered yet")


@pytest.mark.parametrize("key", EXERCISES, ids="-".join)
def test_the_solution_is_right(verdicts, key):
    assert verdicts[key]["solution"] == "Right.\n"


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("key", EXERCISES, ids="-".join)
def test_a_wrong_answer_is_called_wrong(verdicts, key, kind):
    verdict = verdicts[key][kind]
    assert verdict.startswith("Not right yet") and "Expected: " in verdict


@pytest.mark.parametrize("key", EXERCISES, ids="-".join)
def test_other_right_answers_and_likely_mistakes(verdicts, key):
    kinds = ["also right", "a mistake"]
    found = {kind: [v for k, v in verdicts[key].items() if k.startswith(kind)] for kind in kinds}
    assert found["also right"] and set(found["also right"]) == {"Right.\n"}
    assert found["a mistake"]
    assert all(verdict.startswith("Not right yet") for verdict in found["a mistake"])
