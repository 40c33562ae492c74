"""Each exercise says "Not answered yet" as it stands, "Right." to its solution, and refuses others.
A new exercise needs nothing here, but a likely mistake is welcome in MISTAKES."""

import re

import pytest
from conftest import LECTURES, exercises, read, run

MISTAKES = [
    ("exercise-gradient", "gradient = lambda g: [-3, 2, 1]"),
    ("exercise-sigmoid", "sigmoid = lambda x: Value(0.6681878, (x,), 'sigmoid', (0.6681878,))"),
    ("exercise-step", "train_step = lambda net, xs, ys, rate: net(xs[0]).data"),
    ("exercise-softmax", "softmax = lambda logits: [x / sum(logits) for x in logits]"),
    ("exercise-nll", "nll = lambda logits, target: softmax(logits)[target].log()"),
    ("exercise-shapes", "shapes = [(27, 27), (5, 7), (2, 3)]"),
    ("exercise-price", "price_of_jq = lambda k: -math.log(k / (N[10].sum() + k))"),
    ("exercise-counts", "loss_from_counts = lambda W: -(N * W.softmax(1).log()).mean()"),
    ("exercise-log-softmax", "log_softmax = lambda v: (v.exp() / v.exp().sum(1, True)).log()"),
]
EXERCISES = [(lecture, key) for lecture in LECTURES for key in exercises(read(lecture))]


@pytest.mark.parametrize("lecture, key", EXERCISES)
def test_exercise(lecture, key, played):
    stub, checks, solution = exercises(read(lecture))[key]

    def verdicts(answer):
        printed = run(f"{answer}\n{checks}", dict(played[lecture].before[key]))
        return {re.sub(" yet.*", " yet", line) for line in printed.splitlines()}

    assert "..." in stub and verdicts(stub) == {"Not answered yet"}
    assert verdicts(solution) == {"Right."}
    for wrong in [stub.replace("...", "0.1234"), *(code for cell, code in MISTAKES if cell == key)]:
        assert verdicts(wrong) - {"Right."}, f"taken for right: {wrong}"
