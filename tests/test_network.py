"""Neuron, Layer and MLP: the same numbers as a network built in PyTorch, step after step."""

import random

import pytest
import torch

XS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
YS = [1.0, -1.0, -1.0, 1.0]


@pytest.fixture(scope="module")
def nn(lecture1):
    ids = ["value-engine", "weighted-sum", "neuron-class", "layer-class", "mlp-class"]
    return lecture1.take(*ids, "train-function")


def parameters_of(n):
    """The parameters of an MLP as PyTorch orders them: a table of weights and biases a layer."""
    tables = []
    for layer in n.layers:
        tables.append([[p.data for p in neuron.w] for neuron in layer.neurons])
        tables.append([neuron.b.data for neuron in layer.neurons])
    return [torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in tables]


def gradients_of(n):
    """The gradients of an MLP in the same order, as one list."""
    grads = []
    for layer in n.layers:
        grads += [p.grad for neuron in layer.neurons for p in neuron.w]
        grads += [neuron.b.grad for neuron in layer.neurons]
    return grads


def forward(parameters, x):
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        x = torch.tanh(x @ w.T + b)
    return x


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors])


@pytest.mark.parametrize("seed", range(5))
def test_output_and_all_41_gradients_are_pytorchs(nn, seed):
    n = nn["MLP"](3, [4, 4, 1], random.Random(seed))
    assert len(n.parameters()) == 41
    theirs = parameters_of(n)
    out = n(XS[1])
    out.backward()
    t_out = forward(theirs, torch.tensor(XS[1], dtype=torch.float64))
    t_out.backward()
    assert out.data == pytest.approx(t_out.item(), rel=1e-12)
    wanted = flat([t.grad for t in theirs])
    assert torch.tensor(gradients_of(n)).numel() == 41
    assert gradients_of(n) == pytest.approx(wanted.tolist(), rel=1e-9, abs=1e-12)


def test_twenty_steps_of_training_are_pytorchs(nn):
    n = nn["MLP"](3, [4, 4, 1], random.Random(77))
    theirs = parameters_of(n)
    losses = nn["train"](n, XS, YS, 0.1, 20)
    wanted = []
    for _ in range(20):
        out = forward(theirs, torch.tensor(XS, dtype=torch.float64))[:, 0]
        loss = ((out - torch.tensor(YS, dtype=torch.float64)) ** 2).sum()
        grads = torch.autograd.grad(loss, theirs)
        with torch.no_grad():
            for t, grad in zip(theirs, grads, strict=True):
                t -= 0.1 * grad
        wanted.append(loss.item())
    assert losses == pytest.approx(wanted, rel=1e-9)
    assert flat(parameters_of(n)).tolist() == pytest.approx(flat(theirs).tolist(), rel=1e-9)


def test_weighted_sum_is_products_and_sums(nn):
    Value, grads = nn["Value"], []
    for one_operation in (True, False):
        w, x, b = [Value(0.5), Value(-1.5)], [Value(2.0), Value(4.0)], Value(0.25)
        out = nn["weighted_sum"](w, x, b) if one_operation else w[0] * x[0] + w[1] * x[1] + b
        out.backward()
        grads.append([out.data] + [p.grad for p in [*w, *x, b]])
    assert grads[0] == grads[1]


@pytest.mark.parametrize("size", [2, 4])
def test_a_wrong_number_of_inputs_is_refused(nn, size):
    with pytest.raises(ValueError, match=f"3 inputs, not {size}"):
        nn["MLP"](3, [4, 4, 1], random.Random(0))([1.0] * size)


def test_shapes_of_answers(nn):
    x, rng = [1.0, -2.0, 0.5], random.Random(0)
    values = [nn["Value"](number) for number in x]
    assert isinstance(nn["Neuron"](3, rng)(values), nn["Value"])
    assert len(nn["Layer"](3, 2, rng)(values)) == 2
    assert len(nn["MLP"](3, [4, 1, 2], rng)(x)) == 2  # a layer of one in the middle
    assert isinstance(nn["MLP"](3, [4, 4, 1], rng)(x), nn["Value"])


def test_zero_grad_sets_every_gradient_to_zero(nn):
    n = nn["MLP"](3, [4, 4, 1], random.Random(1))
    n(XS[0]).backward()
    assert any(p.grad for p in n.parameters())
    n.zero_grad()
    assert not any(p.grad for p in n.parameters())


def test_the_same_seed_makes_the_same_network(nn):
    first, again = (nn["MLP"](3, [4, 1], random.Random(5)).parameters() for _ in range(2))
    assert [p.data for p in first] == [p.data for p in again]
