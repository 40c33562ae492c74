"""Each exercise says "Not answered yet" as it stands, "Right." to its solution, and refuses others.
A new exercise needs nothing here, though a likely mistake is welcome in MISTAKES."""

import pytest
from conftest import LECTURES, answered, code_cells, read, run, solutions, tags

MISTAKES = [
    ("exercise-slope", "slope_at_zero = 4"),
    ("exercise-gradient", "gradient = lambda g: [-3, 2, 1]"),
    ("exercise-by-hand", "gradients_of_M = [4, 4, 4]"),
    ("exercise-two-paths", "gradients_of_q = [-2, 1]"),
    ("exercise-sigmoid", "sigmoid = lambda x: 1 / (1 + (-x).exp())"),
    ("exercise-softmax", "softmax = lambda logits: [x / sum(logits) for x in logits]"),
    ("exercise-softmax", "softmax = lambda logits: [0.2447, 0.6652, 0.09]"),
    ("exercise-nll", "nll = lambda logits, target: softmax(logits)[target].log()"),
    ("exercise-before-z", "before_z = 'z'"),
    ("exercise-shapes", "shapes = [(27, 27), (5, 7), (2, 3)]"),
    ("exercise-price", "price_of_jq = lambda k: -math.log(k / N[stoi['j']].sum())"),
    ("exercise-logits", "logits_of = lambda W, x: W[:, x]"),
    ("exercise-counts", "loss_from_counts = lambda W: -(N * W.softmax(1).log()).mean()"),
    ("exercise-counts", "loss_from_counts = lambda W: loss.item()"),
    ("exercise-log-softmax", "log_softmax = lambda logits: logits.softmax(1).log()"),
]
EXERCISES = [
    (lecture, cell)
    for lecture in LECTURES
    for cell in code_cells(read(lecture))
    if "exercise" in tags(cell)
]


@pytest.mark.parametrize("lecture, cell", EXERCISES, ids=lambda x: getattr(x, "id", x))
def test_exercise(lecture, cell, played):
    def verdicts(answer):
        try:
            printed = run(answered(cell, answer), dict(played[lecture].names[cell.id]))
        except Exception as error:  # an error is no praise
            return {type(error).__name__}
        return {line.split(":")[0] for line in printed.splitlines()}

    assert verdicts(cell.source.partition("\n\n")[0]) == {"Not answered yet"}
    assert verdicts(solutions(read(lecture))[cell.id]) == {"Right."}
    for name, mistake in MISTAKES:
        if name == cell.id:
            assert verdicts(mistake) != {"Right."}, f"this is not refused: {mistake}"
