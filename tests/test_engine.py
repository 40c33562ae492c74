"""The engine of Lecture 1, `Value`: every operation and gradient against PyTorch, what it refuses,
calls of `backward` in a row, depth, memory."""

import gc
import math
import time
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

UNARY = [
    (lambda v: v.exp(), [-2.0, 0.0, 3.5]),
    (lambda v: v.log(), [0.01, 1.0, 30.0]),
    (lambda v: v.tanh(), [-3.0, 0.0, 0.5]),
    (lambda v: v.relu(), [-1.0, 0.0, 2.0]),
    (lambda v: -v, [-1.0, 2.0]),
    (lambda v: v + 3, [2.0]),
    (lambda v: 3 + v, [2.0]),
    (lambda v: v - 3, [2.0]),
    (lambda v: 3 - v, [2.0]),
    (lambda v: v * 3, [2.0]),
    (lambda v: 3 * v, [2.0]),
    (lambda v: v / 3, [2.0]),
    (lambda v: 3 / v, [2.0, -0.5]),
    (lambda v: v**3, [-2.0, 0.0, 1.5]),
    (lambda v: v**-2, [-2.0, 1.5]),
    (lambda v: v**0.5, [2.0]),
    (lambda v: v**0, [0.0, 1e-310, 2.0]),
    (lambda v: v**1, [0.0, 2.0]),
]
BINARY = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b]
# For random expressions: tanh keeps arguments where log, exp and ** are defined.
OPERATIONS = [
    *BINARY[:2],
    lambda a, b: a.tanh() * b,
    lambda a, b: a / (b * b + 1),
    lambda a, b: (a.tanh() * 3).exp(),
    lambda a, b: (a * a + 0.5).log() * b.tanh(),
    lambda a, b: a.relu() + b,
    lambda a, b: (a.tanh() + 2) ** 0.5,
    lambda a, b: (b.tanh() + 2) ** -3,
    lambda a, b: 2 - a.tanh() - b,
    lambda a, b: -a + 1.5 / (b * b + 1),
]
finite = st.floats(-3, 3, allow_nan=False)
steps = st.tuples(st.integers(0, len(OPERATIONS) - 1), st.integers(0, 99), st.integers(0, 99))
graphs = st.tuples(st.lists(finite, min_size=1, max_size=4), st.lists(steps, max_size=15))


@pytest.fixture(scope="module")
def Value(lecture1):
    return lecture1.take("value-engine")["Value"]


def leaves(Value, numbers):
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    return [Value(x) for x in numbers], tensors


def assert_same(ours, theirs, values, tensors, rel=1e-12):
    ours.backward()
    theirs.backward()
    assert ours.data == pytest.approx(theirs.item(), rel=rel)
    for value, tensor in zip(values, tensors, strict=True):
        assert value.grad == pytest.approx(tensor.grad.item(), rel=rel)


def chain(Value, length):
    x = Value(1.0)
    y = x
    for _ in range(length):
        y = y + x
    return x, y


@pytest.mark.parametrize(
    "operation, x", [(operation, x) for operation, numbers in UNARY for x in numbers]
)
def test_operation_with_one_value_is_pytorchs(Value, operation, x):
    values, tensors = leaves(Value, [x])
    assert_same(operation(*values), operation(*tensors), values, tensors)


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("numbers", [(2.0, -3.0), (-0.25, 8.0), (1e-3, 1e3)])
def test_operation_with_two_values_is_pytorchs(Value, operation, numbers):
    values, tensors = leaves(Value, numbers)
    assert_same(operation(*values), operation(*tensors), values, tensors)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.lists(graphs, min_size=10, max_size=10))
def test_random_expressions_with_shared_values_are_pytorchs(Value, graphs):
    for inputs, operations in graphs:
        values, tensors = leaves(Value, inputs)
        results = []
        for made in (list(values), list(tensors)):
            for operation, i, j in operations:
                made.append(OPERATIONS[operation](made[i % len(made)], made[j % len(made)]))
            results.append(sum(made))
        assert_same(*results, values, tensors, rel=1e-9)


@pytest.mark.parametrize("number", [2, True, np.float32(2.5), np.float64(2.5), np.int64(3)])
def test_any_real_number_will_do(Value, number):
    assert Value(number).data == float(number) and type(Value(number).data) is float
    assert (Value(1.0) + number).data == 1.0 + float(number)
    assert (Value(3.0) * number).data == (number * Value(3.0)).data == 3.0 * float(number)


@pytest.mark.parametrize(
    "mistake, error, word",
    [
        (lambda V: V("3"), TypeError, "'3'"),
        (lambda V: V(None), TypeError, "None"),
        (lambda V: V([1.0]), TypeError, r"\[1.0\]"),
        (lambda V: V(1j), TypeError, "1j"),
        (lambda V: V(V(1.0)), TypeError, "Value"),
        (lambda V: V(1.0) + "3", TypeError, "'3'"),
        (lambda V: "3" * V(1.0), TypeError, "'3'"),
        (lambda V: V(1.0) - "3", TypeError, "str"),
        (lambda V: V(1.0) / "3", TypeError, "'3'"),
        (lambda V: V(2.0) ** V(3.0), TypeError, "power"),
        (lambda V: V(2.0) ** "3", TypeError, "power"),
        (lambda V: V(-8.0) ** 0.5, ValueError, "-8.0"),
        (lambda V: V(0.0).log(), ValueError, "0.0"),
        (lambda V: V(-1.0).log(), ValueError, "-1.0"),
        (lambda V: V(1000.0).exp(), OverflowError, None),
        (lambda V: V(1e200) ** 2, OverflowError, None),
        (lambda V: V(1e200) * 1e200, OverflowError, "inf"),
        (lambda V: V(math.inf), OverflowError, "inf"),
        (lambda V: V(math.nan), OverflowError, "nan"),
        (lambda V: V(1.0) / 0, ZeroDivisionError, None),
        (lambda V: V(0.0) ** 0.5, ZeroDivisionError, None),  # where the slope is infinite
    ],
)
def test_mistakes_are_refused_where_they_are_made(Value, mistake, error, word):
    with pytest.raises(error, match=word):
        mistake(Value)


def test_far_out_tanh_is_one(Value):
    assert Value(1000.0).tanh().data == 1.0 and Value(-1000.0).tanh().data == -1.0


def test_what_a_value_remembers(Value):
    a, b = Value(2.0, label="a"), Value(-3.0)
    product = a * b
    assert a.label == "a" and product._op == "*" and product._prev == (a, b) and a._prev == ()
    assert repr(product) == "Value(data=-6.0000, grad=0.0000)"


def test_all_paths_of_a_diamond_add_up(Value):
    a = Value(3.0)
    b, c = a * 2, a * a
    (b * c + b).backward()  # 2 a^3 + 2 a
    assert a.grad == 6 * 3.0**2 + 2


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_calls_in_a_row_do_as_pytorch(Value, calls):
    x, t = Value(0.5), torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    inner, t_inner = x * x, t * t
    out, t_out = (inner.exp() + inner).tanh(), (t_inner.exp() + t_inner).tanh()
    for _ in range(calls):
        out.backward()
        t_out.backward(retain_graph=True)
    assert x.grad == pytest.approx(t.grad.item(), rel=1e-12)
    once = inner.grad
    out.backward()
    assert inner.grad == once, "results between start from 0 in each call"


def test_two_results_that_share_a_part_do_as_pytorch(Value):
    x, t = Value(0.5), torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    shared, t_shared = x.exp(), t.exp()
    for out in (shared * 2, shared * shared):
        out.backward()
    for out in (t_shared * 2, t_shared * t_shared):
        out.backward(retain_graph=True)
    assert x.grad == pytest.approx(t.grad.item(), rel=1e-12)


def test_backward_of_a_leaf_adds_one(Value):
    x = Value(2.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


def test_topological_order_puts_each_value_after_its_inputs(Value):
    a, b = Value(1.0), Value(2.0)
    d = a * b + a
    order = ((a * d).tanh() + d).topological_order()
    assert len(order) == len(set(order)) == 7 and {a, b} <= set(order)
    for node in order:
        assert all(order.index(child) < order.index(node) for child in node._prev)


def test_two_hundred_thousand_operations_deep(Value):
    x, y = chain(Value, 200_000)
    y.backward()
    assert y.data == x.grad == 200_001
    last = weakref.ref(y)
    del y
    assert last() is None and x.data == 1.0  # freed without a crash


def test_time_grows_with_depth_and_not_with_its_square(Value):
    def seconds(length):
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            chain(Value, length)[1].backward()
            best = min(best, time.perf_counter() - start)
        return best

    gc.disable()  # its rounds depend on all that other tests have left behind
    try:
        assert seconds(80_000) < 40 * seconds(8_000)  # 10 times if linear, 100 if squared
    finally:
        gc.enable()


def test_a_forgotten_graph_is_freed_at_once(Value):
    gc.collect()
    gc.disable()
    try:
        x = Value(0.5)
        out = (x * x + x).tanh().exp()
        out.backward()
        inner = [weakref.ref(node) for node in out.topological_order() if node is not x]
        assert len(inner) == 4
        del out
        assert [ref() for ref in inner] == [None] * 4
    finally:
        gc.enable()


def test_the_class_fits_on_a_screen(lecture1):
    source = lecture1.cells["value-engine"].source
    lines = source[source.index("class Value") :].splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 70
