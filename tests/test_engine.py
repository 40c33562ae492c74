"""Each operation of `Value`: its result, its local derivatives, and what it refuses."""

import math

import numpy as np
import pytest
import torch

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
    (lambda v: v**0.5, [0.0, 2.0]),
    (lambda v: v**0, [0.0, 2.0]),
    (lambda v: v**1, [0.0, 2.0]),
    (lambda v: 2**v, [-1.0, 0.0, 3.0]),
]
BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
]


@pytest.fixture(scope="module")
def Value(lecture1):
    return lecture1.take("value-engine")["Value"]


def leaves(Value, numbers):
    return [Value(x) for x in numbers], [
        torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers
    ]


def assert_same(ours, theirs, values, tensors):
    ours.backward()
    theirs.backward()
    assert ours.data == pytest.approx(theirs.item(), rel=1e-12)
    for value, tensor in zip(values, tensors, strict=True):
        assert value.grad == pytest.approx(tensor.grad.item(), rel=1e-12)


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
        (lambda V: V(2.0) ** V(3.0), TypeError, "power"),
        (lambda V: V(2.0) ** "3", TypeError, "power"),
        (lambda V: V(-8.0) ** 0.5, ValueError, "-8.0"),
        (lambda V: (-2) ** V(2.0), ValueError, "-2"),
        (lambda V: V(0.0).log(), ValueError, "0.0"),
        (lambda V: V(-1.0).log(), ValueError, "-1.0"),
        (lambda V: V(1000.0).exp(), OverflowError, "1000.0"),
        (lambda V: V(1e200) ** 2, OverflowError, "too large"),
        (lambda V: V(1.0) / 0, ZeroDivisionError, "zero"),
    ],
)
def test_mistakes_are_named(Value, mistake, error, word):
    with pytest.raises(error, match=word):
        mistake(Value)


def test_far_out_tanh_is_one(Value):
    assert Value(1000.0).tanh().data == 1.0 and Value(-1000.0).tanh().data == -1.0


def test_what_a_value_remembers(Value):
    a, b = Value(2.0, label="a"), Value(-3.0)
    product = a * b
    assert a.label == "a" and product._op == "*" and product._prev == (a, b) and a._prev == ()
    assert repr(product) == "Value(data=-6.0000, grad=0.0000)"
    with pytest.raises(AttributeError):
        a.gard = 0.0


def test_infinity_and_nan_pass(Value):
    assert Value(math.inf).data == math.inf and math.isnan((Value(math.nan) + 1).data)
