"""Lecture 1's engine and networks: every number and gradient is PyTorch's, at any depth.

For a new operation of Value, add a formula to OPERATIONS, one to RANDOM, and its MISTAKES.
"""

import gc
import random
import time
import weakref

import numpy as np
import pytest
import torch

XS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
YS = [1.0, -1.0, -1.0, 1.0]
OPERATIONS = "v.exp(); v.log(); v.tanh(); v.relu(); -v; (v + 3) * (3 + v); (v - 3) * (3 - v); "
OPERATIONS += "v * 3 - 2 * v; v / 3; 3 / v; v**3; v**-2; v**0.5; v**0; v**1"
PLACES = [-3.0, -0.5, 0.0, 1e-310, 0.01, 0.5, 1.0, 2.0, 3.5, 30.0]  # where one has its corners, too
RANDOM = "a + b; a - b; a.tanh() * b; a / (b * b + 1); (a.tanh() * 3).exp() - b; a.relu() + b; "
RANDOM += "(a * a + 0.5).log() * b.tanh(); (a.tanh() + 2) ** 0.5 + (b.tanh() + 2) ** -3; "
RANDOM += "2 / (a.tanh() + 2) - b; -a + 1.5 / (b * b + 1)"  # tanh: log, exp and ** are defined
MISTAKES = {  # by the error: a mistake, and what the message must name
    TypeError: {"V('3')": "'3'", "V(None)": "None", "V(1j)": "1j", "V(V(1.0))": "Value"}
    | {"V(1.0) + '3'": "'3'", "V(2.0) ** V(3.0)": "power"},
    ValueError: {"V(-8.0) ** 0.5": "-8.0", "V(0.0).log()": "0.0"},
    OverflowError: {"V(float('nan'))": "nan", "V(1e200) * 1e200": "inf"}
    | {"V(1000.0).exp()": ".", "V(1e200) ** 2": "."},
    ZeroDivisionError: {"V(1.0) / 0": "."},
}


@pytest.fixture(scope="module")
def nn(lecture1):
    """Everything that Lecture 1 builds in its Parts 6 and 8."""
    ids = ["value-engine", "weighted-sum", "neuron-class", "layer-class", "mlp-class"]
    return lecture1.take(*ids)


@pytest.fixture(scope="module")
def Value(nn):
    return nn["Value"]


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


@pytest.mark.parametrize("formula", OPERATIONS.split("; "))
def test_operation(Value, formula):
    """It is PyTorch's wherever that has a finite number and gradient; elsewhere it may raise."""
    operation = eval(f"lambda v: {formula}")
    for x in PLACES:
        try:
            assert_pytorchs(Value, operation, [x])
        except (ValueError, ArithmeticError):
            out = operation(v := leaf(x))
            out.backward()
            assert not (out.isfinite() and v.grad.isfinite()), x


def test_two_thousand_random_graphs_with_shared_values(Value):
    operations = [eval(f"lambda a, b: {formula}") for formula in RANDOM.split("; ")]
    for seed in range(2000):
        rng = random.Random(-seed)
        inputs = [rng.uniform(-3, 3) for _ in range(rng.randint(1, 4))]

        def formula(*leaves, seed=seed):
            rng, made = random.Random(seed), list(leaves)
            for _ in range(15):
                made.append(rng.choice(operations)(rng.choice(made), rng.choice(made)))
            return sum(made)

        assert_pytorchs(Value, formula, inputs, rel=1e-9, calls=1 + seed % 2)


@pytest.mark.parametrize("number", [2, True, np.float32(2.5), np.float64(2.5), np.int64(3)])
def test_any_real_number_will_do(Value, number):
    assert Value(number).data == float(number) and type(Value(number).data) is float
    assert repr(Value(number)) == f"Value(data={number:.4f}, grad=0.0000)"
    assert (Value(3.0) * number).data == (number * Value(3.0)).data == 3.0 * float(number)


@pytest.mark.parametrize("error", MISTAKES)
def test_mistakes_are_named(Value, error):
    for mistake, word in MISTAKES[error].items():
        with pytest.raises(error, match=word):
            eval(mistake, {"V": Value})
    assert Value(1000.0).tanh().data == 1.0  # large, and yet no mistake


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_backward_called_again_does_as_pytorch(Value, calls):
    assert_pytorchs(Value, lambda x: ((x * x).exp() + x * x).tanh() * x, [0.5], calls=calls)
    assert_pytorchs(Value, lambda x: x, [2.0], calls=calls)
    x = Value(0.5)
    inner = x * x
    out = inner * inner + inner
    for _ in range(calls):
        out.backward()
    assert inner.grad == 2 * 0.25 + 1 and out.grad == 1, "results between start from 0 each time"
    (inner * 3).backward()  # another result with a shared part: only leaves add up
    assert inner.grad == 3 and x.grad == calls * 1.5 + 3


def test_two_hundred_thousand_deep_in_linear_time_and_freed_at_once(Value):
    def seconds(length):
        start = time.process_time()
        x = y = Value(1.0)
        for _ in range(length):
            y = y + x
        y.backward()
        assert y.data == x.grad == length + 1
        return time.process_time() - start

    gc.collect()
    gc.disable()  # its rounds depend on all that other tests have left behind
    try:
        short, longer = (min(seconds(n) for _ in range(3)) for n in (2_000, 16_000))
        assert longer < 30 * short  # 8 times if linear, 64 if squared
        assert seconds(200_000) < 50 * longer
        x = Value(0.5)
        out = (x * x + x).tanh().exp()
        out.backward()
        inner = [weakref.ref(node) for node in out.topological_order() if node is not x]
        del out
        assert [ref() for ref in inner] == [None] * 4, "a forgotten graph holds on to itself"
    finally:
        gc.enable()


def test_the_engine_fits_on_a_screen(lecture1):
    code = lecture1.cells["value-engine"].source
    lines = [line for line in code[code.index("class Value") :].splitlines() if line.strip()]
    assert len(lines) <= 70


def tables_of(n, what="data"):
    """The parameters of an MLP, or their gradients, as PyTorch has them: tables and lists."""
    found = []
    for layer in n.layers:
        found.append(leaf([[getattr(p, what) for p in neuron.w] for neuron in layer.neurons]))
        found.append(leaf([getattr(neuron.b, what) for neuron in layer.neurons]))
    return found


def forward(tables, x):
    x = torch.tensor(x, dtype=torch.float64)
    for w, b in zip(tables[::2], tables[1::2], strict=True):
        x = torch.tanh(x @ w.T + b)
    return x


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors]).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_output_and_all_41_gradients_of_a_network(nn, seed):
    n = nn["MLP"](3, [4, 4, 1], random.Random(seed))
    theirs = tables_of(n)
    assert len(n.parameters()) == len(flat(theirs)) == 41
    out, t_out = n(XS[1]), forward(theirs, XS[1])
    out.backward()
    t_out.backward()
    assert out.data == pytest.approx(t_out.item(), rel=1e-12)
    wanted = flat([t.grad for t in theirs])
    assert flat(tables_of(n, "grad")) == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    n.zero_grad()
    assert not any(p.grad for p in n.parameters())


def test_weighted_sum_is_products_and_sums(nn):
    def formula(u, v, x, y, b):
        ours = isinstance(u, nn["Value"])
        return nn["weighted_sum"]([u, v], [x, y], b) if ours else u * x + v * y + b

    assert_pytorchs(nn["Value"], formula, [0.5, -1.5, 2.0, 4.0, 0.25])
    with pytest.raises(ValueError):
        nn["weighted_sum"]([nn["Value"](1.0)], [1.0, 2.0], nn["Value"](0.0))


def test_networks_take_the_right_inputs_and_give_the_right_number_of_answers(nn):
    for size in (2, 4):
        with pytest.raises(ValueError, match=f"3 inputs, not {size}"):
            nn["MLP"](3, [4, 4, 1], random.Random(0))([1.0] * size)
    assert len(nn["MLP"](3, [4, 1, 2], random.Random(0))(XS[0])) == 2
