"""Lecture 1: what it prints and draws, worked out in another way. A new cell that prints goes into
test_what_is_printed, a plot into test_what_is_drawn, a comparison into one of the last tests."""

import random
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from conftest import assert_drawn, assert_prints, images, run, said
from test_engine import XS, YS, flat, forward, leaf

LEAVES = {"compare-random": 4, "compare-weighted-sum": 5, "compare-mlp": 41}  # that are compared


def bowl(x):
    return 3 * x**2 - 4 * x + 5


def touching(at, slope):
    return [lambda x: bowl(at) + slope * (x - at), [(at, bowl(at))]]


SECANT = {h: (bowl(3.0 + h) - bowl(3.0)) / h for h in (2.0, 1.0, 0.001, 1e-4, 1e-8, 1e-15)}
WAY = {rate: 2 / 3 + 7 / 3 * (1 - 6 * rate) ** np.arange(11) for rate in (0.02, 0.1, 0.34)}


def slopes(result, *leaves):
    return [grad.tolist() for grad in torch.autograd.grad(result, leaves, retain_graph=True)]


def network(rng, sizes=(3, 4, 4, 1)):
    tables = []
    for nin, nout in pairwise(sizes):
        rows = [[rng.uniform(-1, 1) for _ in range(nin + 1)] for _ in range(nout)]
        tables += [leaf([row[:-1] for row in rows]), leaf([row[-1] for row in rows])]
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
    tables = network(rng, (2, 8, 8, 1))
    optimizer = torch.optim.SGD(tables, lr=0.05, momentum=0.9)
    for step in range(201):
        now = [table.detach().clone() for table in tables]
        nets[step] = lambda x, y, now=now: forward(now, np.c_[x, y])[:, 0].numpy()
        batch = rng.sample(range(100), 20)
        optimizer.zero_grad()
        squares(tables, *(of[batch] for of in seen)).mean().backward()
        optimizer.step()
    return seen, fresh, {step: nets[step] for step in (0, 15, 60, 200)}


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
    nudged = {two: [(x, of[x], "nudged", of[x]) for x in two] for two in ("df", "ce", "ab")}
    a2, b2, c2, f2 = (x.item() + 0.01 * of[name] for x, name in zip([a, b, c, f], "abcf"))
    x1, w1, x2, w2, x, half = map(leaf, [2.0, -3.0, 0.0, 1.0, 1.5, 0.5])
    n = x1 * w1 + x2 * w2 + 6.8813735870195432
    o = torch.tanh(n)
    named = [*zip(["x1", "w1", "x2", "w2"], slopes(o, x1, w1, x2, w2))]
    made = [x**3, 1 / x, x.exp(), x.log(), x.tanh(), x.relu()]
    tables, (losses, after), (seen, fresh, nets) = network(random.Random(77)), trained(), moons
    before, slope = flat([forward(tables, XS)]), slopes(squares(tables).sum(), tables[0])
    scores = [[step] + [100 * np.mean((net(*xs.T) > 0) == (ys > 0)) for xs, ys in (seen, fresh)]
              for step, net in nets.items()]  # fmt: skip
    weighted = [0.5 * 1 - 1 * 3 + 0.1, [1, 3], [0.5, -1], 1]  # the sum; for w, for x, for b
    assert_prints(lecture1, {
        "bowl": [20], "nudge-at-three": [0.001, bowl(3.001) - bowl(3), SECANT[0.001]],
        "slope": [(x, 6 * x - 4) for x in (3, -3, 2 / 3)], "first-expression": [d, "+ e c"],
        "too-small": [(h, SECANT[h]) for h in (1e-4, 1e-8, 1e-15)], "build-loss": [L],
        "partials-by-nudging": [*zip("abc", slopes(d, a, b, c))], "nudge": ["L", L],
        "grad-of-factors": nudged["df"], "grad-through-sum": nudged["ce"], "neuron-by-hand": named,
        "grad-through-product": nudged["ab"], "number-tanh": slopes(half.tanh(), half) * 2,
        "step-along-gradient": ["was", L, "is", (a2 * b2 + c2) * f2], "backward-first": named,
        "run-neuron": ["n", n, "o", o], "wrong-order": ["w1.grad", 0, 1], "used-twice": [1],
        "topological-recursive": "a b e c d f L", "deep-recursion": "RecursionError",
        "backward-twice": ["w1.grad", 1, "w1.grad", 1 + 2 * 2], "neuron-engine": ["o", o, named],
        "backward-reset": ["w1.grad", 1, "w1.grad", 2], "tanh-from-exp": slopes(o, n) * 2,
        "nudge-operations": [(name, "nudged", slopes(y, x), "formula", slopes(y, x))
                             for name, y in zip("cube inverse exp log tanh relu".split(), made)],
        "deep-chain": ["20,001", 20_001], "neuron-torch": [slope for _, slope in named],
        "refusals": "1000 1.0 2000.0 OverflowError 0.0 ValueError -8.0 0.5 ValueError 1 0.0"
        " ZeroDivisionError 3 TypeError 2.0 3.0 TypeError",
        "compare-random": [300 * 4, 1e-14], "torch-twice": ["w1.grad", 1, 1, "w1.grad", 2, 2],
        "compare-weighted-sum": ["products_and_sums", weighted, "weighted_sum", weighted],
        "count-41": [len(flat(tables)), before[0]], "descend": WAY[0.1][:6],
        "compare-mlp": [before[0]] * 2 + [41, 1e-15], "two-moons": [len(seen[0]), len(fresh[0])],
        "predictions-before": ["wanted", YS, "network", before],
        "loss-first": ["loss", losses[0], "weight", tables[0][0, 0], "gradient", slope[0][0][0]],
        "train-mlp": ["first", losses[0], "last", losses[-1]],
        "predictions-after": ["wanted", YS, "network", after],
        "forget-zero": ["zeroed", losses[-1], "forgotten", trained(zero=False)[0][-1]],
        "three-rates": [("rate", rate, trained(rate)[0][-1]) for rate in (0.001, 0.1, 1.0)],
        "best-line": [best_line(*seen), len(seen[0])],
        "train-moons": [(step, a, "points", b, "fresh") for step, a, b in scores],
        "matrix-product": [f"{2 * x - y}. {y}. {x + y}." for x, y in [(1, 2), (3, 0)]],
    })  # fmt: skip


def test_what_is_drawn(played1, moons, subtests):
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
    ms = [[(2**i, 1000 * t) for i, t in enumerate(played1.names["time-widths"][name], start=1)]
          for name in ("ours_seconds", "torch_seconds")]  # fmt: skip
    assert ms[0][0] < ms[1][0]  # for tiny networks yours wins
    curve = {rate: [*enumerate(trained(rate)[0])] for rate in (0.001, 0.1, 1.0)}
    forgotten = [*enumerate(trained(zero=False)[0])]
    plots = {
        "plot-bowl": [{"lines": [bowl, [(3, 20)]], "marks": {"x = 3, height 20": (3, 20)}}],
        "plot-secants": [{
            "lines": [bowl] + sum((touching(3 + h, SECANT[h]) for h in steps), []) + key,
            "marks": {f"h = {h:g}: slope {SECANT[h]:.3f}": k[1] for h, k in zip(steps, key)}}],
        "plot-tangents": [{
            "lines": [bowl] + sum((touching(x, 6 * x - 4) for x in (-3, 2 / 3, 3)), []),
            "marks": {f"slope {6 * x - 4:.0f}": (x, bowl(x)) for x in (-3, 2 / 3, 3)}}],
        "plot-tanh": [{"lines": [np.tanh, lambda x: 1 / np.cosh(x) ** 2],
                       "marks": {"tanh": (2, np.tanh(2)), "its slope, 1 - tanh²": (0.9, 0.5)}}],
        "plot-neuron-plane": [{"contours": [f, f]} for f in planes] + [{}],
        "plot-descent": [{"lines": [bowl, np.c_[path, bowl(path)], [(3, 20)]], "within": 1e-4}
                         for path in WAY.values()],
        "plot-loss": [{"lines": [curve[0.1]]}, {"lines": answers}],
        "plot-moons": [{"lines": crescents}],
        "plot-forget-zero": [{"lines": [curve[0.1], forgotten],
                              "marks": {"zeroed": curve[0.1][40], "forgotten": forgotten[40]}}],
        "plot-three-rates": [{"lines": [*curve.values()],
                              "marks": {f"rate {rate}": curve[rate][-1] for rate in curve}}],
        "plot-film-strip": [{"lines": crescents, "contours": [f, f]} for f in nets.values()],
        "plot-timing": [{"lines": ms, "marks": {"yours": ms[0][-1], "PyTorch": ms[1][-1]}}],
    }  # fmt: skip
    assert {*plots, "plot-network", "plot-matrix-product"} == set(played1.axes)  # two diagrams
    for cell_id, axes in plots.items():
        with subtests.test(cell_id):
            assert_drawn(played1.axes[cell_id], *axes)


def test_what_the_text_says_of_training(lecture1):
    forgotten = trained(zero=False)[0]
    assert np.argmin(forgotten[:30]) in range(10, 17) and forgotten[20] > 1  # "after step 15"
    share = sum(trained(zero=False, seed=seed)[0][-1] < 0.1 for seed in range(100))
    assert f"with {share} of the seeds 0 to 99" in lecture1.cells["forgetting-reaction"].source
    assert WAY[0.02][-1] > 1 and abs(WAY[0.1][-1] - 2 / 3) < 0.01 and WAY[0.34][-1] > 3.5
    assert "r data 3.0000 grad 2.0000" in next(images(lecture1.cells["pass-back-accumulate"]))[0]


@pytest.mark.parametrize("cell_id, count", LEAVES.items())
def test_each_gradient_a_little_off_is_seen(lecture1, played1, cell_id, count, capsys, monkeypatch):
    names = dict(played1.names[cell_id])
    whole = names["Value"].backward
    for which in range(count):

        def off(self, which=which):
            whole(self)
            [v for v in self.topological_order() if not v._prev][which].grad += 1e-6

        monkeypatch.setattr(names["Value"], "backward", off)
        run(lecture1.cells[cell_id], names)
        assert capsys.readouterr().out != said(lecture1, cell_id), f"leaf {which}"


def test_every_number_said_to_be_nudged_is(lecture1, played1, capsys):
    for cell in lecture1.code():
        before, names = said(lecture1, cell.id), played1.names[cell.id]
        if "nudged" in before:
            twice = {f: lambda *x, way=names[f], **y: 2 * way(*x, **y) for f in ("slope", "L_of")}
            run(cell, names | twice)
            changed = [a != b for a, b in zip(before.split(), capsys.readouterr().out.split())]
            assert sum(changed) == before.count("nudged"), cell.id
