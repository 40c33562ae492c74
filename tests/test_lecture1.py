"""Lecture 1: what its cells print and its plots draw, worked out here in another way.

For a new cell that prints, add a line to test_what_is_printed; for a new plot, to `plots` (what may
stand there says `assert_drawn`); for a cell that compares two ways, to one of the last tests. The
words of the plots (titles, labels, ticks, colours) stand in approved.txt, see test_prose.py.
"""

import operator
import random
from functools import cache
from itertools import product

import numpy as np
import pytest
import torch
from conftest import ROOT, Lecture, assert_drawn, assert_prints, images, numbers, run, said
from test_engine import XS, YS, flat, forward, leaf

DIAGRAMS = {"draw-the-way", "draw-dot", "draw-neuron", "draw-order", "plot-network"}
DIAGRAMS |= {"plot-matrix-product"}  # approved.txt has all that they say
PLOTS = {cell.id for cell in Lecture(ROOT / "lecture1.ipynb").code("plot")} - DIAGRAMS
RATES = [0.001, 0.1, 1.0]


def bowl(x):
    return 3 * x**2 - 4 * x + 5


def secant(h):
    return (bowl(3.0 + h) - bowl(3.0)) / h


def touching(at, slope):
    """A straight line that meets the bowl, and the point where it does."""
    return [lambda x: bowl(at) + slope * (x - at), [(at, bowl(at))]]


def descent(rate, steps=10):
    return 2 / 3 + (3 - 2 / 3) * (1 - 6 * rate) ** np.arange(steps + 1)


def slopes(result, *leaves):
    return [grad.item() for grad in torch.autograd.grad(result, leaves, retain_graph=True)]


def network(rng, nin=3, nouts=(4, 4, 1)):
    """The weights and biases of the lecture's network, as PyTorch leaves."""
    tables = []
    for nout in nouts:
        rows = [[rng.uniform(-1, 1) for _ in range(nin + 1)] for _ in range(nout)]
        tables += [leaf([row[:-1] for row in rows]), leaf([row[-1] for row in rows])]
        nin = nout
    return tables


def squares(tables, xs=XS, ys=YS):
    return (forward(tables, xs)[:, 0] - torch.tensor(ys)) ** 2


@cache
def trained(rate=0.1, zero=True, seed=77):
    """The loss at each of 50 steps, and the answers in the end, by PyTorch."""
    tables, losses = network(random.Random(seed)), []
    optimizer = torch.optim.SGD(tables, lr=rate)
    for _ in range(50):
        losses.append(loss := squares(tables).sum())
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.item() for loss in losses], flat([forward(tables, XS)])


@pytest.fixture(scope="module")
def moons(played1):
    """The points and labels to learn from, the fresh ones, and by step what the network answers."""
    names = played1.names["two-moons"]
    seen, fresh = ((names[a + "points"], names[a + "labels"]) for a in ("", "fresh_"))
    rng, nets = random.Random(1), {}
    tables = network(rng, 2, (8, 8, 1))
    optimizer = torch.optim.SGD(tables, lr=0.05, momentum=0.9)
    for step in range(201):
        if step in (0, 15, 60, 200):
            now = [table.detach().clone() for table in tables]
            nets[step] = lambda x, y, now=now: forward(now, np.c_[x, y])[:, 0].numpy()
        batch = rng.sample(range(100), 20)
        optimizer.zero_grad()
        squares(tables, *(of[batch] for of in seen)).mean().backward()
        optimizer.step()
    return seen, fresh, nets


def best_line(points, labels):
    """How many points a line has right at best: through any two, turned a little, either way."""
    best = 0
    for i, turn in product(range(len(points)), (-1e-7, 1e-7)):
        x, y = (np.delete(points, i, 0) - points[i]).T
        along = points @ np.array([y + turn * x, turn * y - x])
        for cut in (along[i] - 1e-12, along[i] + 1e-12):
            best = max(best, ((along > cut).T == (labels > 0)).sum(1).max())
    return best


def test_what_is_printed(lecture1, moons):
    a, b, c, f = map(leaf, [2.0, -3.0, 10.0, -2.0])
    e = a * b
    d = e + c
    L = d * f
    of = dict(zip("abcdef", slopes(L, a, b, c, d, e, f)))
    a2, b2, c2, f2 = (x.item() + 0.01 * of[name] for x, name in zip([a, b, c, f], "abcf"))
    x1, w1, x2, w2, x, half = map(leaf, [2.0, -3.0, 0.0, 1.0, 1.5, 0.5])
    n = x1 * w1 + x2 * w2 + 6.8813735870195432
    o = torch.tanh(n)
    neuron = slopes(o, x1, w1, x2, w2)
    named = [*zip(["x1", "w1", "x2", "w2"], neuron)]
    operations = {"cube": x**3, "inverse": 1 / x, "exp": x.exp(), "log": x.log()}
    operations |= {"tanh": x.tanh(), "relu": x.relu()}
    tables = network(random.Random(77))
    before, (losses, after) = flat([forward(tables, XS)]), trained()
    [slope] = torch.autograd.grad(squares(tables).sum(), tables[0])
    seen, fresh, nets = moons
    scores = [[step] + [100 * np.mean((net(*xs.T) > 0) == (ys > 0)) for xs, ys in (seen, fresh)]
              for step, net in nets.items()]  # fmt: skip
    weighted = [0.5 * 1 - 1 * 3 + 0.1, [1, 3], [0.5, -1], 1]  # the sum; for w, for x, for b
    assert_prints(lecture1, {
        "bowl": [20],
        "nudge-at-three": [0.001, bowl(3.001) - bowl(3), secant(0.001)],
        "slope": [(x, 6 * x - 4) for x in (3, -3, 2 / 3)],
        "too-small": [(h, secant(h)) for h in (1e-4, 1e-8, 1e-15)],
        "partials-by-nudging": [*zip("abc", slopes(d, a, b, c))],
        "first-expression": [d, "+ e c"],
        "build-loss": [L],
        "nudge": ["L", L],
        "grad-of-factors": [(name, of[name], "nudged", of[name]) for name in "df"],
        "grad-through-sum": [(name, of[name], "nudged", of[name]) for name in "ce"],
        "grad-through-product": [(name, of[name], "nudged", of[name]) for name in "ab"],
        "step-along-gradient": ["was", L, "is", (a2 * b2 + c2) * f2],
        "number-tanh": slopes(half.tanh(), half) * 2,
        "run-neuron": ["n", n, "o", o],
        "neuron-by-hand": named,
        "wrong-order": ["w1.grad", 0, 1],
        "topological-recursive": "a b e c d f L",
        "backward-first": named,
        "used-twice": [1],
        "backward-twice": ["w1.grad", 1, "w1.grad", 1 + 2 * 2],
        "backward-reset": ["w1.grad", 1, "w1.grad", 2],
        "nudge-operations": [(name, "nudged", slopes(y, x), "formula", slopes(y, x))
                             for name, y in operations.items()],
        "deep-recursion": "RecursionError",
        "neuron-engine": ["o", o, named],
        "tanh-from-exp": slopes(o, n) * 2,
        "refusals": "1000 1.0 Value(2000.0).exp() OverflowError Value(0.0).log() ValueError"
        " Value(-8.0) ** 0.5 ValueError 1 / Value(0.0) ZeroDivisionError Value('3') TypeError"
        " Value(2.0) ** Value(3.0) TypeError",
        "deep-chain": ["20,001", 20_001],
        "neuron-torch": neuron,
        "torch-twice": ["w1.grad", 1, 1, "w1.grad", 2, 2],
        "compare-random": [300 * 4, 1e-14],
        "compare-weighted-sum": ["products_and_sums", weighted, "weighted_sum", weighted],
        "count-41": [len(flat(tables)), before[0]],
        "compare-mlp": [before[0], before[0], 41, 1e-15],
        "descend": descent(0.1, 5),
        "predictions-before": ["wanted", YS, "network", before],
        "loss-first": ["loss", losses[0], "weight", tables[0][0, 0], "gradient", slope[0, 0]],
        "train-mlp": ["first", losses[0], "last", losses[-1]],
        "predictions-after": ["wanted", YS, "network", after],
        "forget-zero": ["zeroed", losses[-1], "forgotten", trained(zero=False)[0][-1]],
        "three-rates": [("rate", rate, trained(rate)[0][-1]) for rate in RATES],
        "two-moons": [len(seen[0]), len(fresh[0])],
        "best-line": [best_line(*seen), len(seen[0])],
        "train-moons": [(step, a, "points", b, "fresh") for step, a, b in scores],
        "matrix-product": [f"{2 * x - y}. {y}. {x + y}." for x, y in [(1, 2), (3, 0)]],
    })  # fmt: skip


@pytest.fixture(scope="module")
def plots(played1, moons):
    """For each plot what its axes hold, see `assert_drawn`."""
    (points, labels), _, nets = moons
    crescents = [points[labels == 1], points[labels == -1]]
    before, after = flat([forward(network(random.Random(77)), XS)]), trained()[1]
    answers = []  # for each example: the way, what is wanted, the answer before, and after
    for i in range(4):
        then, now = (i + 0.88, before[i]), (i + 1.12, after[i])
        answers += [[then, now], [(i + 1, YS[i])], [then], [now]]
    planes = [lambda x, y, w=w: np.tanh(w[0] * x + w[1] * y + w[2])
              for w in [(1, 0, 0), (1, 1, 0), (1, 1, 2), (3, 3, 6)]]  # fmt: skip
    steps, key = [2.0, 1.0, 0.001], [[(1.5, y), (1.9, y)] for y in (58, 51, 44)]
    places, widths = [-3, 2 / 3, 3], [2, 4, 8, 16, 32, 64, 128]
    times = [[(width, 1000 * t) for width, t in zip(widths, played1.names["time-widths"][name])]
             for name in ("ours_seconds", "torch_seconds")]  # fmt: skip
    return {
        "plot-bowl": [{"lines": [bowl, [(3, 20)]], "marks": {"x = 3, height 20": (3, 20)}}],
        "plot-secants": [{
            "lines": [bowl] + sum((touching(3 + h, secant(h)) for h in steps), []) + key,
            "marks": {f"h = {h:g}: slope {secant(h):.3f}": k[1] for h, k in zip(steps, key)},
            "alike": [(7, 1), (8, 3), (9, 5)],
        }],
        "plot-tangents": [{
            "lines": [bowl] + sum((touching(x, 6 * x - 4) for x in places), []),
            "marks": {f"slope {6 * x - 4:.0f}": (x, bowl(x)) for x in places},
        }],
        "plot-tanh": [{"lines": [np.tanh, lambda x: 1 / np.cosh(x) ** 2],
                       "marks": {"tanh": (2, np.tanh(2)), "its slope, 1 - tanh²": (0.9, 0.5)}}],
        "plot-neuron-plane": [{"contours": [f, f]} for f in planes] + [{}],
        "plot-descent": [{"lines": [bowl, np.c_[path, bowl(path)], [(3, 20)]], "within": 1e-4}
                         for path in map(descent, [0.02, 0.1, 0.34])],
        "plot-loss": [{"lines": [list(enumerate(trained()[0]))]}, {"lines": answers}],
        "plot-forget-zero": [{
            "lines": [list(enumerate(trained(zero=zero)[0])) for zero in (True, False)],
            "marks": {"zeroed": (40, trained()[0][40]), "forgotten": (40, 8)},
        }],
        "plot-three-rates": [{
            "lines": [list(enumerate(trained(rate)[0])) for rate in RATES],
            "marks": {f"rate {rate}": (50, trained(rate)[0][-1]) for rate in RATES},
        }],
        "plot-moons": [{"lines": crescents}],
        "plot-film-strip": [{"lines": crescents, "contours": [f, f]} for f in nets.values()],
        "plot-timing": [{"lines": times,
                         "marks": {"yours": times[0][-1], "PyTorch": times[1][-1]}}],
    }  # fmt: skip


@pytest.mark.parametrize("cell_id", sorted(PLOTS))
def test_what_is_drawn(played1, plots, cell_id):
    assert_drawn(played1.axes[cell_id], *plots[cell_id])


def test_what_the_text_says_of_training(lecture1, played1):
    forgotten = trained(zero=False)[0]
    assert np.argmin(forgotten[:30]) in range(10, 17) and forgotten[20] > 1  # "after step 15"
    share = sum(trained(zero=False, seed=seed)[0][-1] < 0.1 for seed in range(100))
    assert f"with {share} of the seeds 0 to 99" in lecture1.cells["forgetting-reaction"].source
    ends = [descent(rate, 10)[-1] for rate in (0.02, 0.1, 0.34)]  # crawls, settles, flies out
    assert ends[0] > 1 and abs(ends[1] - 2 / 3) < 0.01 and ends[2] > 3.5
    times = played1.names["time-widths"]
    assert times["ours_seconds"][0] < times["torch_seconds"][0]  # for tiny networks yours wins
    [(alt, _, _)] = images(lecture1.cells["pass-back-accumulate"])
    assert "r data 3.0000 grad 2.0000" in alt


@pytest.mark.parametrize(
    "cell_id, count", [("compare-random", 4), ("compare-mlp", 41), ("compare-weighted-sum", 5)]
)
def test_a_comparison_sees_each_gradient_a_little_off(lecture1, played1, cell_id, count, capsys):
    names = dict(played1.names[cell_id])
    whole = names["Value"].backward
    for which in range(count):

        def off(self, which=which):
            whole(self)
            [v for v in self.topological_order() if not v._prev][which].grad += 1e-6

        names["Value"].backward = off
        try:
            run(lecture1.cells[cell_id], names)
        finally:
            names["Value"].backward = whole
        assert capsys.readouterr().out != said(lecture1, cell_id), f"leaf {which}"


@pytest.mark.parametrize("function, cell_id", [
    ("L_of", "grad-of-factors"), ("L_of", "grad-through-sum"), ("L_of", "grad-through-product"),
    ("slope", "number-tanh"), ("slope", "nudge-operations"),
])  # fmt: skip
def test_every_second_number_is_nudged(lecture1, played1, cell_id, function, capsys):
    names = played1.names[cell_id]
    run(lecture1.cells[cell_id], names | {function: lambda *x, **y: 2 * names[function](*x, **y)})
    before, now = numbers(said(lecture1, cell_id)), numbers(capsys.readouterr().out)
    assert sum(map(operator.ne, before, now)) == len(before) / 2
