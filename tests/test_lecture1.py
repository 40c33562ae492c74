"""Lecture 1: what its cells print and what its plots draw, worked out here in another way.

The words of the plots (titles, labels, ticks, colours) stand in approved.txt, see test_prose.py.
"""

import math
import random
import re

import numpy as np
import pytest
import torch
from conftest import images, numbers, run, said
from test_engine import XS, YS, flat, forward, leaf, tables_of

X1, X2, W1, W2, B = 2.0, 0.0, -3.0, 1.0, 6.8813735870195432


def bowl(x):
    return 3 * x**2 - 4 * x + 5


def close(drawn, wanted, **within):
    assert np.shape(drawn) == np.shape(wanted)
    np.testing.assert_allclose(drawn, wanted, **{"rtol": 1e-6, "atol": 1e-9} | within)


def follows(line, function, **within):
    """A line that was drawn is the graph of this function, over more than a point."""
    assert len(line) > 1
    close(line[:, 1], function(line[:, 0]), **within)


def network(seed=77, nin=3, nouts=(4, 4, 1)):
    """The weights and biases of the lecture's network, as PyTorch leaves."""
    rng, tables = random.Random(seed), []
    for nout in nouts:
        rows = [[rng.uniform(-1, 1) for _ in range(nin + 1)] for _ in range(nout)]
        tables += [leaf([row[:-1] for row in rows]), leaf([row[-1] for row in rows])]
        nin = nout
    return tables


def answers(tables, xs=XS):
    return forward(tables, xs)[:, 0]


def trained(rate=0.1, steps=50, zero=True, seed=77):
    """The loss at each step, and the network in the end, by PyTorch."""
    tables, losses = network(seed), []
    for _ in range(steps):
        loss = ((answers(tables) - torch.tensor(YS)) ** 2).sum()
        for table in tables:
            table.grad = None if zero else table.grad
        loss.backward()
        with torch.no_grad():
            for table in tables:
                table -= rate * table.grad
        losses.append(loss.item())
    return losses, tables


# What is printed


def test_slopes(lecture1):
    assert said(lecture1, "bowl") == "20.0\n" and bowl(3) == 20
    assert numbers(said(lecture1, "nudge-at-three")) == [0.001, 0.014003, 14.003]
    assert round((bowl(3.001) - bowl(3)) / 0.001, 4) == 14.003
    found = numbers(said(lecture1, "slope"))
    close(found[0::2], [3, -3, 2 / 3], atol=5e-5)
    close(found[1::2], [6 * x - 4 for x in [3, -3, 2 / 3]], atol=5e-5)
    for h, line in zip([1e-4, 1e-8, 1e-15], said(lecture1, "too-small").splitlines(), strict=True):
        assert line == f"h = {h:.0e}: slope {(bowl(3.0 + h) - bowl(3.0)) / h:.4f}"
    assert numbers(said(lecture1, "partials-by-nudging")) == [-3.0, 2.0, 1.0]


def test_gradients_by_hand_and_a_step_along_them(lecture1):
    a, b, c, f = map(leaf, [2.0, -3.0, 10.0, -2.0])
    e = a * b
    d = e + c
    wanted = [g.item() for g in torch.autograd.grad(d * f, [d, f, c, e, a, b])]
    cells = ["grad-of-factors", "grad-through-sum", "grad-through-product"]
    shown = [number for cell_id in cells for number in numbers(said(lecture1, cell_id))]
    assert shown == [number for grad in wanted for number in (grad, grad)]  # by rule, by nudge
    a, b, c, f = (x + 0.01 * g for x, g in [(2, 6), (-3, -4), (10, -2), (-2, 4)])
    wanted = f"L was -8.000000 and is {(a * b + c) * f:.6f}\n"
    assert said(lecture1, "step-along-gradient") == wanted


def test_neuron(lecture1):
    leaves = x1, w1, x2, w2 = [leaf(x) for x in [X1, W1, X2, W2]]
    n = x1 * w1 + x2 * w2 + B
    wanted = [round(g.item(), 4) + 0.0 for g in torch.autograd.grad(torch.tanh(n), leaves)]
    for cell_id in ["neuron-by-hand", "backward-first", "neuron-engine", "neuron-torch"]:
        assert numbers(said(lecture1, cell_id))[-4:] == wanted
    assert said(lecture1, "run-neuron") == f"n = {n:.4f}, o = {torch.tanh(n):.4f}\n"
    assert said(lecture1, "neuron-engine").startswith(f"o = {torch.tanh(n):.4f}\n")


def test_broken_and_mended(lecture1):
    shown = {"wrong-order": 0.0, "used-twice": 1.0, "backward-twice": 5.0, "backward-reset": 2.0}
    for cell_id, last in (shown | {"torch-twice": 2.0}).items():
        assert numbers(said(lecture1, cell_id))[-1] == last
    [(alt, _, _)] = images(lecture1.cells["pass-back-accumulate"])
    assert "r data 3.0000 grad 2.0000" in alt
    assert said(lecture1, "deep-chain") == "the slope of 20,001 x is 20001\n"
    assert said(lecture1, "deep-recursion").startswith("RecursionError")
    assert said(lecture1, "topological-recursive") == "['a', 'b', 'e', 'c', 'd', 'f', 'L']\n"


def test_operations_of_the_table(lecture1):
    found = re.findall(r"(\w+) +nudged (\S+), formula (\S+)", said(lecture1, "nudge-operations"))
    x = leaf(1.5)
    forms = {"cube": x**3, "inverse": 1 / x, "exp": x.exp(), "log": x.log()}
    forms |= {"tanh": x.tanh(), "relu": x.relu()}
    slopes = {name: f"{torch.autograd.grad(y, x)[0].item():.4f}" for name, y in forms.items()}
    assert found == [(name, slope, slope) for name, slope in slopes.items()]
    assert numbers(said(lecture1, "number-tanh")) == [round(1 - math.tanh(0.5) ** 2, 4)] * 2
    assert numbers(said(lecture1, "tanh-from-exp")) == [0.5, 0.5]


def test_training(lecture1):
    weight, before, (losses, tables) = network()[0], answers(network()), trained()
    loss = ((answers([weight, *network()[1:]]) - torch.tensor(YS)) ** 2).sum()
    grad = torch.autograd.grad(loss, weight)[0][0, 0].item()
    first = f"loss {losses[0]:.4f}; a weight of {weight[0, 0]:.4f} has the gradient {grad:.4f}\n"
    assert said(lecture1, "loss-first") == first
    ends = f"loss at first {losses[0]:.4f}, in the last step {losses[-1]:.4f}\n"
    assert said(lecture1, "train-mlp") == ends
    for cell_id, found in [("predictions-before", before), ("predictions-after", answers(tables))]:
        close(numbers(said(lecture1, cell_id))[4:], found.tolist(), atol=5.1e-5)
    assert said(lecture1, "count-41").startswith(f"{len(flat(tables))} parameters\n")
    forgotten = trained(zero=False)[0]
    assert numbers(said(lecture1, "forget-zero")) == [round(losses[-1], 4), round(forgotten[-1], 4)]
    assert np.argmin(forgotten[:30]) in range(10, 17) and forgotten[20] > 1  # "after step 15"
    share = sum(trained(zero=False, seed=seed)[0][-1] < 0.1 for seed in range(100))
    assert f"with {share} of the seeds 0 to 99" in lecture1.cells["forgetting-reaction"].source
    rates = [[rate, round(trained(rate)[0][-1], 4)] for rate in [0.001, 0.1, 1.0]]
    assert [numbers(line) for line in said(lecture1, "three-rates").splitlines()] == rates


def test_moons(lecture1, played1, capsys):
    names = played1.names["train-moons"]
    points, labels = names["points"], names["labels"]
    assert len(names["fresh_points"]) == 1000 and sorted(labels) == [-1.0] * 50 + [1.0] * 50
    best = 0  # a line through any two points, turned a little about each, either way
    for i in range(100):
        for j in set(range(100)) - {i}:
            x, y = points[j] - points[i]
            for turn in (-1e-7, 1e-7):
                along = points @ np.array([y + turn * x, turn * y - x])
                for cut in (along[i] - 1e-12, along[i] + 1e-12):
                    best = max(best, int(((along > cut) == (labels > 0)).sum()))
    assert said(lecture1, "best-line") == f"the best straight line has {best} of 100 points right\n"
    rows = re.findall(r"step +(\d+): +([\d.]+) %.* +([\d.]+) %", said(lecture1, "train-moons"))
    (_, early, _), (_, late, fresh) = rows[1], rows[3]
    assert [int(row[0]) for row in rows] == [0, 15, 60, 200]
    assert float(early) < best < float(rows[2][1]) and float(late) == 100 and float(fresh) > 99
    tables = tables_of(names["moons_net"])
    for which, score in [(("points", "labels"), late), (("fresh_points", "fresh_labels"), fresh)]:
        x, wanted = (names[name] for name in which)
        right = ((answers(tables, x) > 0).numpy() == (wanted > 0)).mean()
        assert 100 * right == pytest.approx(float(score), abs=0.5)  # the network is a step on
    assert len(flat(tables)) == 105
    capsys.readouterr()
    run(lecture1.cells["train-moons"], names | {"fresh_labels": -names["fresh_labels"]})
    turned = re.findall(r"([\d.]+) % of fresh", capsys.readouterr().out)
    assert [round(100 - float(x), 1) for x in turned] == [float(row[2]) for row in rows]


@pytest.mark.parametrize("cell_id", ["compare-random", "compare-mlp", "compare-weighted-sum"])
@pytest.mark.parametrize("which", [0, 1, 3, -1])
def test_a_comparison_sees_one_gradient_a_little_off(lecture1, played1, cell_id, which, capsys):
    names = dict(played1.names[cell_id])
    Value, whole, formula = names["Value"], names["Value"].backward, names["random_expression"]
    leaves = {"compare-mlp": lambda out: names["net"].parameters(),
              "compare-weighted-sum": lambda o: [v for v in o.topological_order() if not v._prev],
              "compare-random": lambda out: names["made"]}  # fmt: skip

    def off(self):
        whole(self)
        leaves[cell_id](self)[which].grad += 1e-6

    def remember(rng, made):
        names["made"] = made if isinstance(made[0], Value) else names["made"]
        return formula(rng, made)

    Value.backward = off
    try:
        run(lecture1.cells[cell_id], names | {"random_expression": remember})
    finally:
        Value.backward = whole
    assert capsys.readouterr().out != said(lecture1, cell_id)


# What is drawn


def test_bowl_secants_and_tangents(played1):
    [axis] = played1.axes["plot-bowl"]
    follows(axis.lines[0], bowl)
    close(axis.lines[1], [[3, 20]])
    [axis] = played1.axes["plot-secants"]
    follows(axis.lines[0], bowl)
    for i, h in enumerate([2.0, 1.0, 0.001]):
        slope = (bowl(3 + h) - bowl(3)) / h
        follows(axis.lines[1 + 2 * i], lambda x, slope=slope: 20 + slope * (x - 3))
        close(axis.lines[2 + 2 * i], [[3 + h, bowl(3 + h)]])
        _, height = axis.places[f"h = {h:g}: slope {slope:.3f}"]
        assert height == axis.lines[7 + i][0, 1] and axis.looks[7 + i] == axis.looks[1 + 2 * i]
    [axis] = played1.axes["plot-tangents"]
    follows(axis.lines[0], bowl)
    for i, (at, slope) in enumerate([(-3, -22), (2 / 3, 0), (3, 14)]):
        tangent = lambda x, at=at, slope=slope: bowl(at) + slope * (x - at)  # noqa: E731
        follows(axis.lines[1 + 2 * i], tangent, atol=1e-4)
        close(axis.lines[2 + 2 * i], [[at, bowl(at)]])
    assert list(axis.places) == ["slope -22", "slope 0", "slope 14"]


def test_tanh_and_the_neuron_on_the_plane(played1):
    [axis] = played1.axes["plot-tanh"]
    follows(axis.lines[0], np.tanh)
    follows(axis.lines[1], lambda x: 1 / np.cosh(x) ** 2)
    for axis in played1.axes["plot-neuron-plane"][:4]:
        w1, w2, b = map(int, re.findall(r"=(-?\d+)", axis.title))
        line = axis.edges[-1]
        assert len(line) > 10 and np.abs(w1 * line[:, 0] + w2 * line[:, 1] + b).max() < 1e-3
        assert len(axis.edges) == 11


def test_descent(played1):
    ends = {0.02: lambda x: x > 1, 0.1: lambda x: abs(x - 2 / 3) < 0.01, 0.34: lambda x: x > 3.5}
    for axis, (rate, end) in zip(played1.axes["plot-descent"], ends.items(), strict=True):
        path = [3.0]
        for _ in range(10):
            path.append(path[-1] - rate * (6 * path[-1] - 4))
        follows(axis.lines[0], bowl)
        close(axis.lines[1], [(x, bowl(x)) for x in path], rtol=1e-3)
        close(axis.lines[2], [[3, 20]])
        assert axis.title.startswith(f"rate {rate}: ") and end(path[-1])


def test_losses(played1):
    losses, tables = trained()
    left, right = played1.axes["plot-loss"]
    close(left.lines[0], list(enumerate(losses)))
    pairs = zip(answers(network()), YS, answers(tables), strict=True)
    for i, (before, wanted, after) in enumerate(pairs):
        drawn = right.lines[4 * i : 4 * i + 4]
        close(drawn[0], [[i + 0.88, before.item()], [i + 1.12, after.item()]])
        heights = [[i + 1, wanted], [i + 0.88, before.item()], [i + 1.12, after.item()]]
        close(np.concatenate(drawn[1:]), heights)
    [axis] = played1.axes["plot-forget-zero"]
    for line, name, zero in zip(axis.lines, ["zeroed", "forgotten"], [True, False], strict=True):
        close(line, list(enumerate(trained(zero=zero)[0])))
        assert abs(axis.places[name][1] - line[int(axis.places[name][0]), 1]) < 1
    [axis] = played1.axes["plot-three-rates"]
    for line, rate in zip(axis.lines, [0.001, 0.1, 1.0], strict=True):
        close(line, list(enumerate(trained(rate)[0])))
        assert axis.places[f"rate {rate}"][1] == pytest.approx(line[-1, 1])


def test_moons_drawn(played1):
    names = played1.names["train-moons"]
    points, labels, moments = names["points"], names["labels"], names["moments"]
    for axis in played1.axes["plot-moons"] + played1.axes["plot-film-strip"]:
        close(axis.lines[0], points[labels == 1])
        close(axis.lines[1], points[labels == -1])
    least, step = [-1.6, -1.2], [4.2 / 89, 2.8 / 59]  # of the grid
    for axis, moment in zip(played1.axes["plot-film-strip"], [0, 15, 60, 200], strict=True):
        z, border = moments[moment], axis.edges[-1]
        x, y = np.rint((border - least) / step).astype(int).T
        assert len(border) > 20 and np.abs(z[y, x]).max() < np.abs(z).max() / 2
        assert axis.title == f"step {moment}"
    start = answers(network(1, 2, (8, 8, 1)), names["grid"])
    close(moments[0].ravel(), start.detach().numpy())
    assert not np.allclose(moments[60], moments[200])


def test_matrix_product_and_timing(lecture1, played1):
    X, W = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([[2.0, -1], [0, 1], [1, 1]])
    rows = [int(torch.dot(x, w)) for x in X for w in W]
    assert [int(n) for n in re.findall(r"-?\d+", said(lecture1, "matrix-product"))] == rows
    [axis], names = played1.axes["plot-timing"], played1.names["time-widths"]
    for line, what in zip(axis.lines, ["ours_seconds", "torch_seconds"], strict=True):
        close(line, [(w, 1000 * s) for w, s in zip([2, 4, 8, 16, 32, 64, 128], names[what])])
    assert names["ours_seconds"][0] < names["torch_seconds"][0] and names["factor"] > 5
