"""Every exercise of both lectures: its stub, its solution, other right answers, likely mistakes.

For a new exercise, add to RIGHT and to NEAR_MISSES. Both change the solution that is folded under
the exercise: {text in the solution: [what stands there instead]}; or, under "=", the whole answer.
"""

import ast
import contextlib
import io
import re

import nbformat
import pytest
from conftest import ROOT

RIGHT = {
    "read-slope": {"=": ["-4.0"]},
    "gradient": {
        "h = 1e-6": ["h = -1e-5"],
        "=": ["lambda g: [(g(*x) - g(2, -3, 10)) * 1e6 for x in np.eye(3) / 1e6 + [2, -3, 10]]"],
    },
    "by-hand": {"=": ["(4, 4, 3)"]},
    "two-paths": {"=": ["(-2, -1)"]},
    "own-operation": {"s * (1 - s)": ["s - s**2"]},
    "count-parameters": {
        "nout * (nin + 1)": ["(nin + 1) * nout"],
        "=": ["lambda a, b: len(MLP(a, b, random.Random(1)).parameters())"],
    },
    "momentum": {
        "0.9 * velocity + p.grad": ["p.grad + velocity * 0.9"],
        "rate * velocity": ["velocity * rate"],
    },
    "softmax": {"count / total": ["count * total**-1"]},
    "nll": {"=": ["lambda v, i: sum(logit.exp() for logit in v).log() - v[i]"]},
    "record": {"return pairs": ["return [list(pair) for pair in pairs]"]},
    "after-q": {"=": ["'u'"]},
    "shapes": {"=": ["[torch.Size([27, 27]), [5, 7], 'Error']"]},
    "normalise-columns": {"=": ["lambda t: (t.T / t.T.sum(1, keepdim=True)).T"]},
    "centre-rows": {"=": ["lambda t: (t.T - t.mean(1)).T"]},
    "differences": {"=": ["lambda a: a.unsqueeze(1) - a"]},
    "likelihood": {"=": ["lambda name: math.exp(-name_nll(name) * (len(name) + 1))"]},
    "price-of-jq": {"=": ["lambda k: -smooth(N, k).log()[stoi['j'], stoi['q']]"]},
    "rows-by-index": {"=": ["lambda W, x: F.embedding(x, W)"]},
    "sample-trigram": {"[27 * i + j]": [".view(27, 27, 27)[i, j]"]},
    "safe-log-softmax": {"max(1, keepdim=True).values": ["amax(1, keepdim=True)"]},
    "tune": {"=": ["lambda a, b, c: c[int(np.argmin([table_nll(b, smooth(a, k)) for k in c]))]"]},
    "invent": {"for _ in range(count)": ["for _ in [None] * count"]},
}
NEAR_MISSES = {
    "read-slope": {"=": ["4", "5", "-3.99", "14", "2 / 3"]},
    "gradient": {
        "h = 1e-6": ["h = 0.1"],
        "=": [
            "lambda g: [-3.0, 2.0, 1.0]",
            "lambda g: [4.0, 50.0, -15.0]",
            "lambda g: [[-3, 2, 1]]",
            "lambda g: [math.nan] * 3",
            "lambda g: [(g(2 + 1e-6, -3 + 1e-6, 10 + 1e-6) - g(2, -3, 10)) / 1e-6] * 3",
            "lambda g: [(g(*x + [2, -3, 10]) - g(*[2, -3, 10] - x)) / 2 for x in np.eye(3)]",
            "lambda g: np.diff([g(*x) for x in [2, -3, 10] + np.tri(4, 3, -1) / 10]) * 10",
        ],
    },
    "by-hand": {"=": ["[4, 4, 4]", "[[4, 4, 3]]", "[4, 3]", "[3, 4, 4]"]},
    "two-paths": {"=": ["[-2, 1]", "[-2, -2]", "[[-2, -1]]", "[-1, -2]"]},
    "own-operation": {
        "Value(s": ["Value(v.data"],
        "(v,)": ["(Value(v.data),)", "v"],
        "s * (1 - s)": ["s * (1 + s)", "0.2217128732", "1 - s**2", "s * (1 - s), 7.0"],
        "return": ["v.grad += s * (1 - s)\n    return"],
        "=": ["lambda v: 1 / (1 + (-v).exp())"],
    },
    "count-parameters": {
        "nout * (nin + 1)": ["nout * nin", "nout * nin + nin", "(nout + 1) * nin"],
        "nin = nout": ["pass"],
        "=": ["lambda nin, nouts: 41"],
    },
    "momentum": {
        "0.9 * velocity": ["velocity", "0.9 * velocities[0]"],
        "+ p.grad": ["+ 0.1 * p.grad", "- p.grad"],
        "rate * velocity": ["0.1 * velocity", "rate * p.grad", "rate * (p.grad + 0.9 * velocity)"],
        "p.grad\n        p.data -= rate * velocity": ["rate * p.grad\n        p.data -= velocity"],
        "p.data -= rate * velocity\n        new.append(velocity)": [
            "p.data -= rate * velocity\n        new.append(-velocity)"
        ],
        "p.data -= rate * velocity": ["parameters[len(new)] = Value(p.data - rate * velocity)"],
    },
    "softmax": {
        "sum(counts)": ["sum(c.data for c in counts)", "counts[0] + counts[1] + counts[2]", "1.0"],
        "count / total for": ["Value((count / total).data) for"],
        "for count in counts": ["if count is counts[0] else Value(0.01) for count in counts"],
        "counts = [": ["logits[0].data -= 1\n    counts = ["],
        "=": ["lambda logits: [v / sum(logits) for v in logits]"],
    },
    "nll": {
        "-(counts": ["(counts"],
        "[target]": ["[3]", "[0]", "[-1 if target else 0]", "[target].data"],
        "-(counts[target] / sum(counts)).log()": ["1 - counts[target] / sum(counts)"],
    },
    "record": {
        "math.sqrt": ["0.0 * ", "", "net.parameters()[0].grad + 0.0 * "],
        "(loss, length)": ["(2 * loss, length)"],
        "pairs = []": ["pairs, net = [], __import__('copy').deepcopy(net)"],
        "return pairs": [
            "return pairs[::-1]",
            "return [(loss, pairs[0][1]) for loss, _ in pairs]",
            "return [(loss, pairs[-1][1]) for loss, _ in pairs]",
        ],
    },
    "after-q": {"max(": ["min("], "=": ["'.'", "'U'", "'qu'", "206"]},
    "shapes": {
        "(27, 27)": ["(27,)", "(1, 27)", "'error'"],
        "(5, 7)": ["'error'", "(7, 5)", "(5, 1)", "(35,)"],
        '"error"': ["(2, 3)", "(2,)", "(3, 2)"],
        "[(27, 27), (5, 7)": ["[(27, 27)"],
    },
    "normalise-columns": {
        "t.sum(0, keepdim=True)": ["4", "t.sum()", "t.sum(1, keepdim=True)", "t.norm(dim=0)"],
        "=": ["lambda t: t.div_(t.sum(0))"],
    },
    "centre-rows": {
        "mean(1, keepdim=True)": ["mean(1)", "mean()", "mean(0)", "median(1, True).values"],
        "t.mean(1, keepdim=True)": ["(t[:, :1] + t[:, -1:]) / 2"],
        "return t": ["t *= 2\n    return t", "return t.zero_()"],
    },
    "differences": {
        "a[:, None] - a[None, :]": ["a - a[:, None]", "(a[:, None] - a).abs()"],
        "return a[:, None] - a[None, :]": ["return torch.stack([x - a for x in a])"],
        "a[None, :]": ["a.mean()", "a[:, None]"],
    },
    "likelihood": {
        "bigrams(name)": ["set(bigrams(name))", "bigrams(name)[1:]", "bigrams(name)[:-1]"],
        "stoi[ch1], stoi[ch2]": ["stoi[ch2], stoi[ch1]"],
        "=": ["lambda name: math.exp(-name_nll(name))"],
    },
    "price-of-jq": {
        " + 27 * k": ["", " + 26 * k", " + 27"],
        "(N[j, q] + k)": ["N[j, q]"],
        "N[j].sum()": ["N[:, q].sum()"],
        "=": ["lambda k: -math.log(k / (N[stoi['j']].sum() + k))"],
    },
    "rows-by-index": {
        "W[x]": ["W[:, x]", "P[x]", "W.T[x]", "W[x - 1]", "W[:len(x)]", "W[x_emma]"]
        + ["F.one_hot(x, num_classes=27).float() @ W", "torch.eye(27)[x] @ W"]
    },
    "sample-trigram": {
        "27 * i + j": ["27 * j + i", "27 * j"],
        "name + itos[k]": ["itos[k] + name", "name + itos[j]"],
        "return name": ["return name[:-1]", "return name + '.'"],
        "=": ["lambda g: sample(P, g)", "lambda g: random.choice(train_words)"],
    },
    "safe-log-softmax": {
        "logits.max(1, keepdim=True).values": ["logits.mean(1, True)", "logits.max()", "0"],
        "max(1, keepdim=True).values": ["narrow(1, 26, 1)", "narrow(1, 0, 1)"],
        "=": [
            "lambda v: torch.log_softmax(v, 1)",
            "lambda v: F.softmax(v, 1).log()",
            "lambda v: v - v.logsumexp(1, keepdim=True)",
            "lambda v: v - v.clamp_(max=80).exp().sum(1, keepdim=True).log()",
        ],
    },
    "tune": {
        "table_nll(N_dev": ["table_nll(N_train", "table_nll(N_train + N_dev"],
        "smooth(N_train": ["smooth(N_dev", "smooth(N_train + N_dev"],
        "min(strengths": ["max(strengths", "min(strengths[1:]", "min(strengths[:-1]"],
        "=": ["lambda a, b, strengths: 0.3"],
    },
    "invent": {
        "count_pairs(read_names(path))": ["N"],
        "read_names(path)": ["words", "sorted(set(read_names(path)))"],
        "manual_seed(seed)": ["manual_seed(1)", "manual_seed(2147483647)"],
        "range(count)": ["range(5)", "range(count - 1)"],
    },
}
NONSENSE = {  # for any exercise
    "=": ["None", "0.1234", "'text'", "[]", "lambda *x: None", "lambda *x: 0.1234"]
    + ["lambda *x: {}['lost']", "lambda *x: __import__('sys').exit()"]
}
SOLUTION = r"(?s)<details><summary>Solution</summary>\n\n```python\n(.*?)```.*?</details>"
EXERCISES = {
    cell.id.removeprefix("exercise-"): name
    for name in ["lecture1", "lecture2"]
    for cell in nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells
    if "exercise" in cell.metadata.get("tags", [])
}


def test_each_exercise_has_answers_and_a_number(lecture):
    assert set(RIGHT) == set(NEAR_MISSES) == set(EXERCISES)
    assert all(sum(map(len, misses.values())) >= 4 for misses in NEAR_MISSES.values())
    titles = re.findall(r"(?m)^#+ Exercise (\d+)", "\n".join(c.source for c in lecture.prose()))
    assert titles == [str(i + 1) for i in range(len(lecture.code("exercise")))]
    assert len(titles) >= {"lecture1": 8, "lecture2": 10}[lecture.path.stem]


def edited(solution, name, edits):
    """The solution with each of the edits made, one at a time."""
    for place, others in edits.items():
        assert place == "=" or solution.count(place) == 1, f"{place!r} is not once in the solution"
        for other in others:
            yield f"{name} = {other}" if place == "=" else solution.replace(place, other)


@pytest.mark.parametrize("key", EXERCISES)
def test_exercise(key, request):
    """Untouched it says so; right answers are right; nonsense and near misses are not."""
    lecture = request.getfixturevalue(EXERCISES[key])
    played = request.getfixturevalue(EXERCISES[key].replace("lecture", "played"))
    cell, cells = lecture.cells[f"exercise-{key}"], lecture.notebook.cells
    *stub, check = ast.parse(cell.source).body
    assert check.value.func.id == "check", "it does not end in check(...)"
    name = check.value.args[0].id
    solution = re.search(SOLUTION, cells[cells.index(cell) + 1].source)[1]
    verdicts = {"pass": "Not answered yet: .*", solution: "Right."}
    verdicts |= dict.fromkeys(edited(solution, name, RIGHT[key]), "Right.")
    for edits in [NONSENSE, NEAR_MISSES[key]]:
        verdicts |= dict.fromkeys(edited(solution, name, edits), "Not right yet.* Expected: .*")
    for answer, verdict in verdicts.items():
        names = dict(played.names[cell.id])
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(ast.Module(stub, []), cell.id, "exec"), names)
            exec(answer, names)
            exec(compile(ast.Module([check], []), cell.id, "exec"), names)
        assert re.fullmatch(f"{verdict}\n", printed.getvalue()), answer


def test_an_error_names_its_line_and_a_forgotten_return_is_asked_for(lecture, capsys):
    names = lecture.take()
    exec("def f():\n    1 / 0", names)
    names["check"](names["f"], lambda answer: answer(), "a number")
    names["check"](lambda: None, lambda answer: answer(), "a number")
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert "ZeroDivisionError (line 2)" in first and "perhaps a return is missing" in second
