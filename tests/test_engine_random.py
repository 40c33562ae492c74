"""Random expressions with shared values: every gradient is PyTorch's, to nine digits."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

# Each operation for any two inputs; tanh keeps arguments where log, exp and ** are defined.
OPERATIONS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a.tanh() * b,
    lambda a, b: a / (b * b + 1),
    lambda a, b: (a.tanh() * 3).exp(),
    lambda a, b: (a * a + 0.5).log() * b.tanh(),
    lambda a, b: a.relu() + b,
    lambda a, b: (a.tanh() + 2) ** 0.5,
    lambda a, b: (b.tanh() + 2) ** -3,
    lambda a, b: 2 ** a.tanh() - b,
    lambda a, b: -a + 1.5 / (b * b + 1),
]
numbers = st.floats(-3, 3, allow_nan=False)
steps = st.tuples(st.integers(0, len(OPERATIONS) - 1), st.integers(0, 99), st.integers(0, 99))
graphs = st.tuples(st.lists(numbers, min_size=1, max_size=4), st.lists(steps, max_size=15))


@pytest.fixture(scope="module")
def Value(lecture1):
    return lecture1.take("value-engine")["Value"]


def build(leaves, steps):
    """The sum of all values made: each step applies an operation to two of those before it."""
    made = list(leaves)
    for operation, i, j in steps:
        made.append(OPERATIONS[operation](made[i % len(made)], made[j % len(made)]))
    return sum(made)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.lists(graphs, min_size=10, max_size=10))
def test_gradients_are_pytorchs(Value, graphs):
    for inputs, steps in graphs:
        values = [Value(x) for x in inputs]
        tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
        ours, theirs = build(values, steps), build(tensors, steps)
        ours.backward()
        theirs.backward()
        assert ours.data == pytest.approx(theirs.item(), rel=1e-9)
        for value, tensor in zip(values, tensors, strict=True):
            assert value.grad == pytest.approx(tensor.grad.item(), rel=1e-9)
