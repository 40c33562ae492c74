"""Lecture 1's engine and networks: every number and gradient is PyTorch's, at any depth. For a new
operation of Value, add a formula to OPERATIONS, one to RANDOM, and its MISTAKES."""

import random
import re
import time
import timeit
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import run

XS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
YS = [1.0, -1.0, -1.0, 1.0]
OPERATIONS = "v; -v; v.exp(); v.log(); v.tanh(); v.relu(); (v + 3) * (3 + v); (v - 3) * (3 - v); "
OPERATIONS += "v * 3 - 2 * v; v / 3; 3 / v; v**3; v**-2; v**0.5; v**0; v**1"
PLACES = [-3.0, -0.5, 0.0, 1e-310, 0.01, 0.5, 1.0, 2.0, 3.5, 30.0, 1000.0]  # corners, too
RANDOM = "a + b; a - b; a.tanh() * b; a / (b * b + 1); (a.tanh() * 3).exp() - b; a.relu() + b; "
RANDOM += "(a * a + 0.5).log() * b.tanh(); (a.tanh() + 2) ** 0.5 + (b.tanh() + 2) ** -3; "
RANDOM += "2 / (a.tanh() + 2) - b; -a + 1.5 / (b * b + 1)"  # tanh: log, exp and ** are defined
MISTAKES = {  # by the error: a mistake -> what the message must name
    TypeError: "V('3') -> '3'; V(None) -> None; V(1j) -> 1j; V(1.0) + '3' -> '3'; "
    "V(V(1.0)) -> Value; V(2.0) ** V(3.0) -> power",
    ValueError: "V(-8.0) ** 0.5 -> -8.0; V(0.0).log() -> 0.0; weighted_sum([], [1], V(0)) -> .; "
    "MLP(3, [4], random)([1] * 2) -> not 2; MLP(3, [4], random)([1] * 4) -> 3 inputs, not 4",
    OverflowError: "V(math.nan) -> nan; V(1e99) * 1e299 -> inf; V(1e3).exp() -> .; V(1e99)**4 -> .",
    ZeroDivisionError: "V(1.0) / 0 -> .",
}


@pytest.fixture(scope="module")
def nn(lecture1):
    """Everything that Lecture 1 builds in its Parts 6 and 8."""
    ids = ["value-engine", "weighted-sum", "neuron-class", "layer-class", "mlp-class"]
    return SimpleNamespace(**lecture1.take(*ids))


def leaf(x):
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


def assert_pytorchs(Value, formula, inputs, rel=1e-12, calls=1):
    """The formula of these inputs, and its gradients, after some calls of backward()."""
    values, tensors = [Value(x) for x in inputs], [leaf(x) for x in inputs]
    ours, theirs = formula(*values), formula(*tensors)
    for _ in range(calls):
        ours.backward()
        theirs.backward(retain_graph=True)
    assert ours.data == pytest.approx(theirs.item(), rel=rel)
    wanted = [0.0 if tensor.grad is None else tensor.grad.item() for tensor in tensors]
    assert [value.grad for value in values] == pytest.approx(wanted, rel=rel)
    result = weakref.ref(ours)
    del ours, values
    assert result() is None, "a forgotten graph holds on to itself"


@pytest.mark.parametrize("formula", OPERATIONS.split("; "))
def test_operation(nn, formula):
    operation = eval(f"lambda v: {formula}")
    for x in PLACES:
        try:
            assert_pytorchs(nn.Value, operation, [x], calls=2)
        except (ValueError, ArithmeticError):  # where PyTorch has no finite number or gradient
            out = operation(v := leaf(x))
            out.backward()
            assert not (out.isfinite() and v.grad.isfinite()), x


def test_two_thousand_random_graphs_with_shared_values(nn):
    operations = [eval(f"lambda a, b: {formula}") for formula in RANDOM.split("; ")]
    for seed in range(2000):
        inputs = np.random.default_rng(seed).uniform(-3, 3, 1 + seed % 4).tolist()

        def formula(*leaves, seed=seed):
            rng, made = random.Random(seed), list(leaves)
            for _ in range(15):
                made.append(rng.choice(operations)(rng.choice(made), rng.choice(made)))
            return sum(made)

        assert_pytorchs(nn.Value, formula, inputs, rel=1e-9, calls=1 + seed % 3)


def test_the_engine_fits_on_a_screen_takes_any_real_number_and_names_mistakes(lecture1, nn):
    code = lecture1.cells["value-engine"].source.partition("class Value")[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 70
    text = lecture1.cells["made-words"].source
    assert re.search(r"```python\n(.*?)```", text, re.S)[1] in code
    for number in [2, True, np.float32(2.5), np.float64(2.5), np.int64(3)]:
        assert type(nn.Value(number).data) is float
        assert repr(nn.Value(number)) == f"Value(data={number:.4f}, grad=0.0000)"
        assert (nn.Value(3.0) * number).data == (number * nn.Value(3.0)).data == 3.0 * float(number)
    run(lecture1.cells["imports"], vars(nn))  # again: new values must not be numbered from 0
    assert next(nn.counter) > 0
    for error, mistakes in MISTAKES.items():
        for mistake, word in (pair.split(" -> ") for pair in mistakes.split("; ")):
            with pytest.raises(error, match=word):
                eval(mistake, vars(nn) | {"V": nn.Value})


def test_backward_called_again_does_as_pytorch(nn):
    x = nn.Value(0.5)
    inner = x * x
    out = inner * inner + inner
    for calls in (1, 2, 3):  # results between start from 0 each time, only leaves add up
        out.backward()
        assert (out.grad, inner.grad, x.grad) == (1, 2 * 0.25 + 1, calls * 1.5)
    (inner * 3).backward()  # another result with a shared part
    assert (inner.grad, x.grad) == (3, 3 * 1.5 + 3)


def test_two_hundred_thousand_deep_in_linear_time(nn):
    def chain(length):
        x = y = nn.Value(1.0)
        for _ in range(length):
            y = y + x
        y.backward()
        assert y.data == x.grad == length + 1

    def seconds(length):  # timeit turns the garbage collector off
        return min(timeit.repeat(lambda: chain(length), timer=time.process_time, number=1))

    short, longer = seconds(2_000), seconds(16_000)
    assert longer < 30 * short  # 8 times if linear, 64 if squared
    assert seconds(200_000) < 50 * longer


def forward(tables, x):
    x = torch.tensor(x, dtype=torch.float64)
    for w, b in zip(tables[::2], tables[1::2], strict=True):
        x = torch.tanh(x @ w.T + b)
    return x


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors]).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_output_and_all_41_gradients_of_a_network(nn, seed):
    n = nn.MLP(3, [4, 4, 1], random.Random(seed))
    theirs = leaf([p.data for p in n.parameters()])
    layers = [part.view(-1, size) for part, size in zip(theirs.split([16, 20, 5]), [4, 5, 5])]
    tables = [table for layer in layers for table in (layer[:, :-1], layer[:, -1])]
    out, t_out = n(XS[1]), forward(tables, XS[1])
    out.backward()
    t_out.backward()
    assert out.data == pytest.approx(t_out.item(), rel=1e-12)
    assert [p.grad for p in n.parameters()] == pytest.approx(theirs.grad.tolist(), rel=1e-9)
    n.zero_grad()
    assert not any(p.grad for p in n.parameters())
    assert len(nn.MLP(3, [4, 1, 2], random.Random(seed))(XS[0])) == 2
