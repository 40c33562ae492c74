"""Every exercise of both lectures: its stub, its solution, other right answers, likely mistakes.

For a new exercise, add to ANSWERS at least one other right answer and one likely mistake.
"""

import ast
import contextlib
import io
import re

import nbformat
import pytest
from conftest import ROOT

DEF = "def {0}:\n    {1}\n    return {2}\n"  # a function of three parts


def loop(head, over, *body, after="new"):
    """A function with this head that fills a list `new` in a loop."""
    lines = "".join(f"        {line}\n" for line in body)
    return f"def {head}:\n    new = []\n    for {over}:\n{lines}    return {after}\n"


def momentum(velocity, step="rate * new[i]"):
    head, over = "momentum_step(parameters, velocities, rate)", "i, p in enumerate(parameters)"
    return loop(head, over, f"new.append({velocity})", f"p.data -= {step}")


def record(loss="loss", length="math.sqrt(sum(p.grad**2 for p in net.parameters()))", after="new"):
    train = "loss = train(net, xs, ys, rate, 1)[0]"
    each = f"new.append(({loss}, {length}))"
    return loop("record(net, rate, steps)", "_ in range(steps)", train, each, after=after)


def slopes(h, back):
    return DEF.format("gradient(g)", f"""h, x, found = {h}, [2.0, -3.0, 10.0], []
    for i in range(3):
        before = g(*x)
        x[i] += h
        found.append((g(*x) - before) / h)
        {back}""", "found")  # fmt: skip


def sigmoid(data="s", inputs="(v,)", local="s * (1 - s)"):
    value = f'Value({data}, {inputs}, "sigmoid", _local=({local},))'
    return DEF.format("sigmoid(v)", "s = 1 / (1 + math.exp(-v.data))", value)


def parameters(term):
    sizes = f"sum({term} for a, b in zip(sizes, sizes[1:]))"
    return DEF.format("count_parameters(nin, nouts)", "sizes = [nin] + nouts", sizes)


def softmax(item):
    return DEF.format("softmax(logits)", "counts = [logit.exp() for logit in logits]",
                      f"[{item} for count in counts]")  # fmt: skip


def trigram(row):
    return DEF.format("sample_trigram(g)", f"""rows, i, j, name = smooth(T_train, 0.1), 0, 0, ""
    while True:
        k = torch.multinomial(rows[{row}], 1, replacement=True, generator=g).item()
        if k == 0:
            break
        i, j, name = j, k, name + itos[k]""", "name")  # fmt: skip


def invent(counts="count_pairs(read_names(path))", seed="seed"):
    body = f"pairs, g = {counts}, torch.Generator().manual_seed({seed})"
    return DEF.format("invent(path, count, seed)", body, "[sample(pairs, g) for _ in range(count)]")


SUM = "sum(v.exp() for v in logits)"
NLL = "nll = lambda logits, target: "
ANSWERS = {  # exercise: (right answers, wrong ones)
    "read-slope": (["slope_at_zero = -4.0"], [f"slope_at_zero = {x}" for x in (4, 5, -3.99)]),
    "gradient": (
        [slopes("1e-6", "x[i] -= h"), slopes("-1e-5", "x[i] -= h")],
        [slopes("0.1", "pass"), slopes("0.1", "x[i] -= h"), "gradient = lambda g: [-3.0, 2.0, 1.0]",
         "gradient = lambda g: [math.nan] * 3",
         "gradient = lambda g: [(g(3, -3, 10) - g(1, -3, 10)) / 2,"
         " (g(2, -2, 10) - g(2, -4, 10)) / 2, (g(2, -3, 11) - g(2, -3, 9)) / 2]",
         "gradient = lambda g: [4.0, 50.0, -15.0]", "gradient = lambda g: [[-3, 2, 1]]",
         "gradient = lambda g: [(g(2 + 1e-6, -3 + 1e-6, 10 + 1e-6) - g(2, -3, 10)) / 1e-6] * 3"],
    ),
    "by-hand": (
        ["gradients_of_M = (4, 4, 3)"],
        [f"gradients_of_M = {x}" for x in ([4, 4, 4], [[4, 4, 3]], [4, 3], [3, 4, 4])],
    ),
    "two-paths": (
        ["gradients_of_q = (-2, -1)"],
        [f"gradients_of_q = {x}" for x in ([-2, 1], [-2, -2], [[-2, -1]], [-1, -2])],
    ),
    "own-operation": (
        [sigmoid(local="s - s**2")],
        [sigmoid(data="v.data"), sigmoid(local="0.2217128732"), sigmoid(local="s * (1 + s)"),
         sigmoid(local="1 - s**2"), sigmoid(inputs="(Value(v.data),)"),
         sigmoid(inputs="v"), sigmoid(local="s * (1 - s), 7.0"),
         "sigmoid = lambda v: 1 / (1 + (-v).exp())"],
    ),
    "count-parameters": (
        [parameters("(a + 1) * b"),
         "count_parameters = lambda a, b: len(MLP(a, b, random.Random(1)).parameters())"],
        ["count_parameters = lambda nin, nouts: 41", parameters("a * b"), parameters("a * b + a"),
         parameters("(nin + 1) * b")],
    ),
    "momentum": (
        [momentum("p.grad + velocities[i] * 0.9", "new[i] * rate")],
        [momentum("velocities[i] + p.grad"), momentum("0.9 * velocities[0] + p.grad"),
         momentum("0.9 * velocities[i] + p.grad", "0.1 * new[i]"),
         momentum("0.9 * velocities[i] + rate * p.grad", "new[i]"),
         momentum("0.9 * velocities[i] + p.grad").replace(
             "p.data -= rate * new[i]", "parameters[i] = Value(p.data - rate * new[i])"),
         momentum("0.9 * velocities[i] + p.grad", "rate * p.grad"),
         momentum("0.9 * velocities[i] + 0.1 * p.grad"), momentum("0.9 * velocities[i] - p.grad")],
    ),
    "softmax": (
        [softmax("count * sum(counts) ** -1")],
        [softmax("count"), softmax("count / sum(c.data for c in counts)"),
         softmax("Value((count / sum(counts)).data)"),
         softmax("count / sum(counts) if count is counts[0] else Value(0.01)"),
         "softmax = lambda logits: [v / sum(logits) for v in logits]",
         softmax("count / (counts[0] + counts[1] + counts[2])")],
    ),
    "nll": (
        [f"{NLL}{SUM}.log() - logits[target]"],
        [f"{NLL}logits[target] - {SUM}.log()", f"{NLL}{SUM}.log() - logits[3]",
         f"{NLL}{SUM}.log() - logits[0]",
         f"{NLL}sum(v.exp() for v in logits[:4]).log() - logits[-1 if target else 0]",
         f"{NLL}{SUM}.log() - logits[target].data",
         f"{NLL}1 - logits[target].exp() / {SUM}"],
    ),
    "record": (
        [record(after="[list(pair) for pair in new]")],
        [record(length="0.0"), record(length="net.parameters()[0].grad"), record("2 * loss"),
         record(length="sum(p.grad**2 for p in net.parameters())"), record(after="new[::-1]"),
         record().replace("    new = []", "    new, net = [], __import__('copy').deepcopy(net)"),
         record(after="[(p[0], new[-1][1]) for p in new]"),
         record(after="[(p[0], new[0][1]) for p in new]")],
    ),
    "after-q": (["after_q = 'u'"], ["after_q = '.'", "after_q = 'U'"]),
    "shape-row": (["shape_row = torch.Size([27, 27])"], ["shape_row = (27,)"]),
    "shape-outer": (["shape_outer = 5, 7"], ["shape_outer = 'error'", "shape_outer = (7, 5)"]),
    "shape-misfit": (["shape_misfit = 'Error'"], ["shape_misfit = (2, 3)"]),
    "normalise-columns": (
        ["normalise_columns = lambda t: (t.T / t.T.sum(1, keepdim=True)).T"],
        ["normalise_columns = lambda t: t / 4", "normalise_columns = lambda t: t / t.sum()",
         "normalise_columns = lambda t: t.div_(t.sum(0))",
         "normalise_columns = lambda t: t / t.sum(1, keepdim=True)"],
    ),
    "centre-rows": (
        ["centre_rows = lambda t: (t.T - t.mean(1)).T"],
        ["centre_rows = lambda t: t - t.mean(1)", "centre_rows = lambda t: t - t.mean()",
         "centre_rows = lambda t: t - (t[:, :1] + t[:, -1:]) / 2"],
    ),
    "differences": (
        ["differences = lambda a: a.unsqueeze(1) - a"],
        ["differences = lambda a: a - a[:, None]",
         "differences = lambda a: (a[:, None] - a).abs()"],
    ),
    "likelihood": (
        ["likelihood = lambda name: math.exp(-name_nll(name) * (len(name) + 1))"],
        ["likelihood = lambda name: math.exp(-name_nll(name))", "likelihood = lambda name: "
         "math.prod(P[stoi[a], stoi[b]].item() for a, b in set(bigrams(name)))"],
    ),
    "price-of-jq": (
        ["price_of_jq = lambda k: -smooth(N, k).log()[stoi['j'], stoi['q']]"],
        ["price_of_jq = lambda k: -math.log(k / (N[stoi['j']].sum() + k))"],
    ),
    "rows-by-index": (
        ["logits_of = lambda W, x: F.embedding(x, W)"],
        ["logits_of = lambda W, x: W[:, x]", "logits_of = lambda W, x: P[x]"],
    ),
    "sample-trigram": (
        [trigram("27 * i + j")],
        [trigram("27 * j + i"), "sample_trigram = lambda g: sample(P, g)",
         "sample_trigram = lambda g: random.choice(train_words)"],
    ),
    "safe-log-softmax": (
        ["safe_log_softmax = lambda l: l - l.logsumexp(1, keepdim=True)"],
        ["safe_log_softmax = lambda l: l - l.exp().sum(1, keepdim=True).log()",
         "safe_log_softmax = lambda l: torch.log_softmax(l, 1)",
         "safe_log_softmax = lambda l: F.softmax(l, 1).log()",
         *(f"def safe_log_softmax(l):\n    l = l - {x}\n    return l - l.exp().sum(1, True).log()"
           for x in ["l.mean(1, True)", "l[:, -1:]", "l[:, :1]"])],
    ),
    "tune": (
        ["tune = lambda a, b, strengths: strengths["
         "int(np.argmin([table_nll(b, smooth(a, k)) for k in strengths]))]"],
        ["tune = lambda a, b, strengths: min(strengths, key=lambda k: table_nll(a, smooth(a, k)))",
         "tune = lambda a, b, strengths: min(strengths, key=lambda k: table_nll(b, smooth(b, k)))",
         "tune = lambda a, b, strengths: 0.3"],
    ),
    "invent": ([invent()], [invent(counts="N"), invent(seed="1")]),
}  # fmt: skip
WRONG = {  # nonsense that any exercise may be given
    "None": "None",
    "a number": "0.1234",
    "a text": "'text'",
    "an empty list": "[]",
    "returns None": "lambda *inputs: None",
    "returns a number": "lambda *inputs: 0.1234",
    "raises": "lambda *inputs: {}['lost']",
    "leaves": "lambda *inputs: __import__('sys').exit()",
}
EXERCISES = [
    (name, cell.id)
    for name in ["lecture1", "lecture2"]
    for cell in nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells
    if "exercise" in cell.metadata.get("tags", [])
]


def judged(lecture, played):
    """By exercise: the verdict on each answer, given where the exercise stands in the lecture, with
    the exercises before it solved."""
    verdicts, solved, cells = {}, {}, lecture.notebook.cells
    for cell in lecture.code("exercise"):
        *stub, check = ast.parse(cell.source).body
        assert check.value.func.id == "check", f"{cell.id} does not end in check(...)"
        name, after = check.value.args[0].id, cells[cells.index(cell) + 1].source
        fold = r"(?s)<details><summary>Solution</summary>\n\n```python\n(.*?)```.*?</details>"
        right, wrong = ANSWERS[cell.id.removeprefix("exercise-")]
        answers = {"untouched": "pass", "solution": re.search(fold, after)[1]}
        answers |= {kind: f"{name} = {answer}" for kind, answer in WRONG.items()}
        answers |= {f"also right {i}": answer for i, answer in enumerate(right)}
        answers |= {f"near miss {i}": answer for i, answer in enumerate(wrong)}
        verdicts[cell.id] = {}
        for kind, answer in answers.items():
            names = played.names[cell.id] | solved
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(ast.Module(stub, []), cell.id, "exec"), names)
                exec(answer, names)
                exec(compile(ast.Module([check], []), cell.id, "exec"), names)
            verdicts[cell.id][kind] = printed.getvalue()
            if kind == "solution":
                answered = {name: names[name]}
        solved |= answered
    return verdicts


@pytest.fixture(scope="session")
def all_verdicts(lecture1, lecture2, played1, played2):
    return judged(lecture1, played1) | judged(lecture2, played2)


@pytest.mark.parametrize("name, key", EXERCISES)
def test_exercise(name, key, all_verdicts):
    """Untouched it says so; right answers are right; nonsense and near misses are not."""
    for kind, verdict in all_verdicts[key].items():
        if kind == "untouched":
            assert verdict.startswith("Not answered yet")
        elif kind == "solution" or kind.startswith("also right"):
            assert verdict == "Right.\n", kind
        else:
            assert re.match("Not right yet.*Expected: ", verdict), kind


def test_each_exercise_has_answers_and_a_number(lecture):
    assert {key for _, key in EXERCISES} == {f"exercise-{key}" for key in ANSWERS}
    assert all(right and wrong for right, wrong in ANSWERS.values())
    titles = re.findall(r"(?m)^#+ Exercise (\d+)", "\n".join(c.source for c in lecture.prose()))
    assert titles == [str(i + 1) for i in range(len(lecture.code("exercise")))]
    assert len(titles) >= {"lecture1": 8, "lecture2": 10}[lecture.path.stem]


def test_an_error_names_its_line_and_a_forgotten_return_is_asked_for(lecture, capsys):
    names = lecture.take()
    exec("def f():\n    1 / 0", names)
    names["check"](names["f"], lambda answer: answer(), "a number")
    names["check"](lambda: None, lambda answer: answer(), "a number")
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert "ZeroDivisionError (line 2)" in first and "is there a return?" in second
