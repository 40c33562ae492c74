"""Lecture 1's engine: numbers and gradients are PyTorch's, at any size, and mistakes are errors.
A new operation goes into FORMULAS."""

import random
import re
import weakref
from base64 import b64decode

import pytest
import torch

FORMULAS = ["a + b", "a - b", "a * b", "a / b", "a + 3", "3 + a", "a - 3", "3 - a", "a * 3"]
FORMULAS += ["3 * a"]
FORMULAS += ["a / 3", "3 / a", "-a", "a + a", "a * a", "a / a", "a**3", "a**-2", "a**0.5", "a**0"]
FORMULAS += ["a**1", "a.exp()", "a.log()", "a.tanh()", "a.relu()"]
FORMULAS += ["((2 * a).exp() - 1) / ((2 * a).exp() + 1)"]  # tanh taken apart
PLACES = [(0.5, -3.0), (2.0, 4.0), (-1.5, 0.01), (0.0, 1.0), (30.0, 2.0), (200.0, -0.5)]
PLACES += [(1.0, 1e-160), (1e-300, 1e-300)]  # near the ends of what a float can hold
MISTAKES = {  # and the beginning of the error
    "Value('3')": "TypeError.*'3'",
    "Value(2.0, 'a')": "TypeError",
    "Value(Value(2.0))": "TypeError.*Value",
    "Value(2.0) + '3'": "TypeError.*'3'",
    "Value(2.0) ** Value(3.0)": "TypeError.*power",
    "Value(-8.0) ** 0.5": "TypeError|ValueError",
    "Value(0.0).log()": "ValueError.*0.0",
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
xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
ys = [1.0, -1.0, -1.0, 1.0]
loss = sum((yout - ygt)**2 for ygt, yout in zip(ys, map(net, xs)))
assert "<img" in draw_dot(loss).data
losses = [(1 + -yi * net(xi)).relu() for xi, yi in zip(xs, ys)]
total = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in net.parameters())
total.backward()
assert all(p.grad for p in net.parameters())
"""


@pytest.fixture(scope="module")
def names(played):
    return played["lecture1"].end  # after the last cell


@pytest.fixture(scope="module")
def Value(names):
    return names["Value"]


def leaf(x):
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


def assert_pytorchs(Value, formula, inputs, calls=1):
    """The formula of these inputs, and its gradients after calls of backward(), are PyTorch's."""
    values, leaves = [Value(x) for x in inputs], [leaf(x) for x in inputs]
    theirs = formula(*leaves)
    for _ in range(calls):
        theirs.backward(retain_graph=True)
    wanted = [theirs.item()] + [0.0 if x.grad is None else x.grad.item() for x in leaves]
    if torch.tensor(wanted).isfinite().all():
        ours = formula(*values)
        for _ in range(calls):
            ours.backward()
        assert [ours.data] + [x.grad for x in values] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("formula", FORMULAS)
def test_operation(Value, formula):
    for place in PLACES:
        assert_pytorchs(Value, eval(f"lambda a, b: {formula}"), place)


def test_random_graphs_with_shared_values_and_backward_called_again(Value):
    def formula(*leaves):
        rng, made = random.Random(seed), list(leaves)
        for _ in range(15):
            a, b = rng.choice(made), rng.choice(made)
            results = [a + b, a - b, 3 - a, a.tanh() * b, a / (b * b + 1), 2 / (b.tanh() + 2), -a]
            results += [(3 * a.tanh()).exp(), (a * a + 0.5).log(), a.relu() + b]
            results += [(a.tanh() + 2) ** 0.5, (b.tanh() + 2) ** -3]
            made.append(rng.choice(results))
        return sum(made)

    for seed in range(300):
        inputs = [random.Random(-seed).uniform(-3, 3) for _ in range(1 + seed % 4)]
        assert_pytorchs(Value, formula, inputs, calls=1 + seed % 3)


def test_deep_and_wide_and_nothing_waits_for_the_garbage_collector(names, Value):
    x = Value(1.0)
    deep = sum([x] * 200_000)
    deep.backward()
    assert x.grad == 200_000
    names["weighted_sum"]([x] * 10_000, [Value(2.0)] * 10_000, Value(0.0)).backward()
    assert x.grad == 220_000
    forgotten = weakref.ref(deep)
    del deep
    assert forgotten() is None, "a graph holds on to itself"


def test_all_41_gradients_of_a_network(names):
    x, net = [3.0, -1.0, 0.5], names["MLP"](3, [4, 4, 1])
    numbers, theirs = leaf([p.data for p in net.parameters()]), torch.tensor(x).double()
    for layer in [numbers[:16].view(4, 4), numbers[16:36].view(4, 5), numbers[36:].view(1, 5)]:
        theirs = torch.tanh(layer[:, :-1] @ theirs + layer[:, -1])
    theirs.backward()
    ours = net(x)
    ours.backward()
    assert ours.data == pytest.approx(theirs.item())
    assert [p.grad for p in net.parameters()] == pytest.approx(numbers.grad.tolist(), rel=1e-9)


def test_weighted_sum_and_the_functions_of_part_5(names, Value):
    w, x, b = [Value(2.0), Value(3.0)], [Value(4.0), Value(5.0)], Value(6.0)
    out = names["weighted_sum"](w, x, b)
    names["backward"](out * out)
    assert [out.data] + [v.grad / 58 for v in [*w, *x, b]] == [29, 4, 5, 2, 3, 1]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_an_error(names, mistake):
    with pytest.raises(Exception) as caught:
        eval(mistake, names)
    assert re.match(MISTAKES[mistake], f"{caught.typename}: {caught.value}")


def test_what_is_typed_after_the_last_cell(names, Value, monkeypatch):
    exec(VIDEO, dict(names))
    for name in "counter count order found node child n x w b i out data grad".split():
        monkeypatch.setitem(names, name, 0)
    assert_pytorchs(Value, lambda a, b: ((a * b + a / b) ** 2).exp().log(), [0.3, 0.4])


def test_pictures_of_graphs(names, Value):
    r, draw_dot = Value(3.0), names["draw_dot"]
    out = r + r
    out.backward()
    svg = b64decode(re.search('base64,([^"]+)', draw_dot(out).data)[1]).decode()
    assert svg.count('class="edge"') == 2 and "grad 2.0000" in svg
    for length in [80, 300]:  # Graphviz would take minutes
        assert "<" not in draw_dot(sum([r] * length)).data
