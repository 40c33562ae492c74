"""Every exercise: its stub, its solution, other right answers, likely mistakes. For a new one add
to ANSWERS a line `name: right answers`, below it lines of near misses. `x | a -> b | c` is three:
x alone; the folded solution with b for its a; the same with c for a."""

import ast
import contextlib
import io
import re
from collections import defaultdict

import pytest

ANSWERS = r"""
read-slope: -4.0
    4 | 5 | -3.99 | 14 | 2 / 3
gradient: h = 1e-6 -> h = -1e-5
gradient: lambda g: [(g(*x) - g(2, -3, 10)) * 1e6 for x in np.eye(3) / 1e6 + [2, -3, 10]]
    lambda g: [-3, 2, 1] | lambda g: [[-3, 2, 1]] | lambda g: [math.nan] * 3 | h = 1e-6 -> h = 0.1
    lambda g: [(g(2 + 1e-6, -3 + 1e-6, 10 + 1e-6) - g(2, -3, 10)) / 1e-6] * 3
    lambda g: [(g(*x + [2, -3, 10]) - g(*[2, -3, 10] - x)) / 2 for x in np.eye(3)]
    lambda g: np.diff([g(*x) for x in [2, -3, 10] + np.tri(4, 3, -1) / 10]) * 10
    lambda g: [4.0, 50.0, -15.0]
by-hand: (4, 4, 3)
    [4, 4, 4] | [[4, 4, 3]] | [4, 3] | [3, 4, 4]
two-paths: (-2, -1)
    [-2, 1] | [-2, -2] | [[-2, -1]] | [-1, -2]
own-operation: s * (1 - s) -> s - s**2 | "sigmoid" -> "s"
    lambda v: 1 / (1 + (-v).exp()) | return -> v.grad += s * (1 - s)\n    return
    Value(s -> Value(v.data | (v,) -> (Value(v.data),) | v
    s * (1 - s) -> s * (1 + s) | 0.2217128732 | 1 - s**2 | s * (1 - s), 7.0
count-parameters: nout * (nin + 1) -> (nin + 1) * nout
count-parameters: lambda a, b: len(MLP(a, b, random.Random(1)).parameters())
    lambda nin, nouts: 41 | nin = nout -> pass
    nout * (nin + 1) -> nout * nin | nout * nin + nin | (nout + 1) * nin
momentum: 0.9 * velocity + p.grad -> p.grad + velocity * 0.9 | rate * velocity -> velocity * rate
    0.9 * velocity -> velocity | 0.9 * velocities[0] | + p.grad -> + 0.1 * p.grad | - p.grad
    rate * velocity -> 0.1 * velocity | rate * p.grad | rate * (p.grad + 0.9 * velocity)
    p.grad\n        p.data -= rate * velocity -> rate * p.grad\n        p.data -= velocity
    p.data -= rate * velocity -> parameters[len(new)] = Value(p.data - rate * velocity)
    new.append(velocity) -> new.append(-velocity)
softmax: count / total -> count * total**-1
    sum(counts) -> sum(c.data for c in counts) | counts[0] + counts[1] + counts[2] | 1.0
    for count in counts -> if count is counts[0] else Value(0.01) for count in counts
    count / total for -> Value((count / total).data) for
    lambda v: [x / sum(v) for x in v] | counts = [ -> logits[0].data -= 1\n    counts = [
nll: lambda v, i: sum(logit.exp() for logit in v).log() - v[i]
    -(counts -> (counts | [target] -> [3] | [0] | [-1 if target else 0] | [target].data
    -(counts[target] / sum(counts)).log() -> 1 - counts[target] / sum(counts)
record: return pairs -> return [list(pair) for pair in pairs]
    math.sqrt(sum -> 0.0 * (sum | (sum | net.parameters()[0].grad + 0.0 * (sum
    pairs = [] -> pairs, net = [], __import__('copy').deepcopy(net)
    return pairs -> return pairs[::-1] | return [(x, pairs[0][1]) for x, _ in pairs]
    (loss, -> (2 * loss, | return pairs -> return [(x, pairs[-1][1]) for x, _ in pairs]
after-q: 'u'
    '.' | 'U' | 'qu' | 206 | max( -> min(
shapes: [torch.Size([27, 27]), [5, 7], 'Error']
    (27, 27) -> (27,) | (1, 27) | 'error' | (5, 7) -> 'error' | (7, 5) | (5, 1) | (35,)
    "error" -> (2, 3) | (2,) | (3, 2) | [(27, 27), (5, 7) -> [(27, 27)
normalise-columns: lambda t: (t.T / t.T.sum(1, keepdim=True)).T
    lambda t: t.div_(t.sum(0)) | t.sum(0, keepdim=True) -> 4 | t.sum() | t.norm(dim=0)
    sum(0, keepdim=True) -> sum(1, keepdim=True)
differences: lambda a: a.unsqueeze(1) - a
    a[:, None] - a[None, :] -> a - a[:, None] | (a[:, None] - a).abs()
    lambda a: torch.stack([x - a for x in a]) | a[None, :] -> a.mean() | a[:, None]
price-of-jq: lambda k: -smooth(N, k).log()[stoi['j'], stoi['q']]
    lambda k: -math.log(k / (N[stoi['j']].sum() + k)) | (N[j, q] + k) -> N[j, q]
    sum() + 27 * k -> sum() | sum() + 26 * k | sum() + 27 | N[j].sum() -> N[:, q].sum()
rows-by-index: lambda W, x: F.embedding(x, W)
    W[x] -> W[:, x] | P[x] | W.T[x] | W[x - 1] | W[:len(x)] | W[x_emma] | torch.eye(27)[x] @ W
    W[x] -> F.one_hot(x, num_classes=27).float() @ W
safe-log-softmax: max(1, keepdim=True).values -> amax(1, keepdim=True)
    lambda v: v - v.logsumexp(1, keepdim=True) | lambda v: torch.log_softmax(v, 1)
    lambda v: v - v.clamp_(max=80).exp().sum(1, keepdim=True).log()
    lambda v: F.softmax(v, 1).log() | max(1, keepdim=True).values -> narrow(1, 26, 1)
    logits.max(1, keepdim=True).values -> logits.mean(1, True) | logits.max() | 0 | logits[:, :1]
mix: window_totals[n][part[:-1]] -> sum(window_counts[n][part[:-1] + ch] for ch in chars)
    1 / 27 -> 0 | 1 | 10 * p -> p | 27 * p | (total + 10) -> (total + 27) | (total + 1) | 27
    range(1, len(window)) -> [len(window) - 1] | [1] | range(len(window) - 1, 0, -1)
    [n][part], -> [n][window], | part[:-1] -> part[1:] | window[-1 - n :] -> window[: n + 1]
invent: for _ in range(count) -> for _ in [None] * count
    count_pairs(read_names(path)) -> N | read_names(path) -> words | sorted(set(read_names(path)))
    manual_seed(seed) -> manual_seed(1) | range(count) -> range(5) | range(count - 1)
    read_names(path) -> open(path).read().split() | manual_seed(seed) -> manual_seed(2147483647)
"""
NONSENSE = ["None | 0.1234 | 'text' | [] | lambda *x: None | lambda *x: 0.1234"]
NONSENSE += ["lambda *x: {}['lost'] | lambda *x: __import__('sys').exit()"]
SOLUTION = r"(?s)<details><summary>Solution</summary>\n\n```python\n(.*?)```.*?</details>"
RIGHT, NEAR_MISSES = defaultdict(list), defaultdict(list)
for block in re.split(r"\n(?=\S)", ANSWERS.strip()):
    first, *misses = block.splitlines()
    key, right = first.split(": ", 1)
    RIGHT[key].append(right)
    NEAR_MISSES[key] += map(str.strip, misses)


def test_each_exercise_has_answers_and_a_number(lecture1, lecture2):
    ids = [cell.id for lecture in (lecture1, lecture2) for cell in lecture.code("exercise")]
    assert ids == [f"exercise-{key}" for key in RIGHT]
    for lecture in (lecture1, lecture2):
        prose = "\n".join(cell.source for cell in lecture.prose())
        titles = re.findall(r"(?m)^#+ Exercise (\d+)", prose)
        assert titles == [str(i + 1) for i in range(max(8, len(lecture.code("exercise"))))]


def answers(lines, name, solution):
    """The code of each answer in the lines, see above; `name` is what an answer sets."""
    for line in lines:
        place = None
        for piece in line.replace(r"\n", "\n").split(" | "):
            edited, arrow, other = piece.rpartition(" -> ")
            place = edited if arrow else place
            assert place is None or solution.count(place) == 1, f"{piece}: where?"
            yield solution.replace(place, other) if place else f"{name} = {other}"


@pytest.mark.parametrize("key", RIGHT)
def test_exercise(key, lecture1, played1, lecture2, played2):
    """Untouched it says so; right answers are right; nonsense and near misses are not."""
    first = f"exercise-{key}" in lecture1.cells
    lecture, played = (lecture1, played1) if first else (lecture2, played2)
    cell, cells = lecture.cells[f"exercise-{key}"], lecture.notebook.cells
    *stub, check = ast.parse(cell.source).body
    assert check.value.func.id == "check", "it does not end in check(...)"
    name = check.value.args[0].id
    solution = re.search(SOLUTION, cells[cells.index(cell) + 1].source)[1]
    verdicts = {"pass": "Not answered yet: .*", solution: "Right."}
    verdicts |= dict.fromkeys(answers(RIGHT[key], name, solution), "Right.")
    wrong = [*answers(NONSENSE, name, solution), *answers(NEAR_MISSES[key], name, solution)]
    verdicts |= dict.fromkeys(wrong, "Not right yet.* Expected: .*")
    assert len(wrong) >= 12, "at least four near misses"
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
