"""Lecture 1's figures, worked out here on other ways and found in the outputs of its cells."""

import math
import re

import pytest
import torch
from reference import numbers, said

X1, X2, W1, W2, B = 2.0, 0.0, -3.0, 1.0, 6.8813735870195432


def graph(lecture, cell_id):
    """The words in the picture of a graph."""
    [svg] = [o.data["image/svg+xml"] for o in lecture.cells[cell_id].outputs if "data" in o]
    return re.findall(r"<text[^>]*>([^<]*)<", svg)


def neuron_gradients():
    """o and its gradients for x1, w1, x2, w2, by PyTorch."""
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in [X1, W1, X2, W2]]
    x1, w1, x2, w2 = leaves
    o = torch.tanh(x1 * w1 + x2 * w2 + B)
    return o.item(), [grad.item() for grad in torch.autograd.grad(o, leaves)]


def test_slopes_are_those_of_the_derivative(lecture1):
    assert said(lecture1, "f") == "20.0"
    slopes = [6 * x - 4 for x in [3, -3, 2 / 3]]
    assert slopes == [14, -22, 0]
    assert numbers(said(lecture1, "slope"))[1::2] == pytest.approx(slopes, abs=5e-5)


def test_a_nudge_may_be_too_small(lecture1):
    f = lambda x: 3 * x**2 - 4 * x + 5  # noqa: E731
    for h, line in zip([1e-4, 1e-8, 1e-15], said(lecture1, "too-small").splitlines(), strict=True):
        assert f"{(f(3 + h) - f(3)) / h:.4f}" in line
    assert abs((f(3 + 1e-15) - f(3)) / 1e-15 - 14) > 1


def test_partial_slopes(lecture1):
    a, b = 2.0, -3.0
    assert numbers(said(lecture1, "partials")) == [b, a, 1.0]


def test_gradients_by_hand_and_a_step_along_them(lecture1):
    a, b, c, f = (torch.tensor(x, dtype=torch.float64) for x in [2.0, -3.0, 10.0, -2.0])
    leaves = [leaf.requires_grad_() for leaf in (a, b, c, f)]
    e = a * b
    d = e + c
    L = d * f
    grads = torch.autograd.grad(L, [d, f, c, e, a, b])
    wanted = [-2, 4, -2, -2, 6, -4]
    assert [grad.item() for grad in grads] == wanted and (e, d, L) == (-6, 4, -8)
    cells = ["grad-of-factors", "grad-through-sum", "grad-through-product"]
    shown = [number for cell_id in cells for number in numbers(said(lecture1, cell_id))]
    assert shown == [number for grad in wanted for number in (grad, grad)]  # by rule, by nudge
    stepped = [leaf.item() + 0.01 * leaf_grad for leaf, leaf_grad in zip(leaves, [6, -4, -2, 4])]
    a, b, c, f = stepped
    assert f"{(a * b + c) * f:.6f}" == "-7.286496"
    assert "-7.286496" in said(lecture1, "step-along-gradient")


@pytest.mark.parametrize("cell_id", ["neuron-by-hand", "backward-first"])
def test_neuron(lecture1, cell_id):
    o, grads = neuron_gradients()
    n = X1 * W1 + X2 * W2 + B
    assert said(lecture1, "build-neuron") == f"n = {n:.4f}, o = {o:.4f}\n"
    assert (f"{n:.4f}", f"{o:.4f}") == ("0.8814", "0.7071")
    assert numbers(said(lecture1, cell_id)) == pytest.approx(grads, abs=5e-5)
    assert grads == pytest.approx([-1.5, 1.0, 0.5, 0.0])


@pytest.mark.parametrize("cell_id", ["neuron-engine", "tanh-from-exp"])
def test_neuron_by_the_engine_and_by_exp(lecture1, cell_id):
    o, grads = neuron_gradients()
    assert numbers(said(lecture1, cell_id)) == pytest.approx([o, *grads], abs=5e-5)


def test_broken_and_mended(lecture1):
    assert numbers(said(lecture1, "used-twice")) == [1.0]
    assert numbers(said(lecture1, "pass-back-accumulate")) == [2.0]
    assert numbers(said(lecture1, "backward-twice")) != numbers(said(lecture1, "torch-twice"))
    assert said(lecture1, "backward-reset") == said(lecture1, "torch-twice")


def test_picture_of_the_neuron_tells_data_gradients_and_local_derivatives(lecture1):
    words = graph(lecture1, "draw-neuron-gradients")
    o, grads = neuron_gradients()
    for data, grad in zip([X1, W1, X2, W2], grads, strict=True):
        assert f"data {data:.4f}" in words
        assert f"grad {grad:.4f}" in words or f"grad {grad:.1f}" in words
    local = [f"{1 - math.tanh(math.atanh(o)) ** 2:.4f}", f"{W1:.4f}", f"{X1:.4f}"]
    assert all(any(number in word for word in words) for number in local), words


def test_training_arrives_and_so_do_the_moons(lecture1):
    first, last = numbers(said(lecture1, "train-mlp"))
    assert last < 0.01 < first
    wanted, found = said(lecture1, "predictions-after").splitlines()
    for target, prediction in zip(numbers(wanted), numbers(found), strict=True):
        assert abs(target - prediction) < 0.1
    assert said(lecture1, "train-moons") == "100 of 100 points on the right side\n"
    assert said(lecture1, "make-mlp").startswith("41 parameters")


def test_no_cell_of_either_lecture_says_false(lecture):
    for cell in lecture.code():
        assert "False" not in said(lecture, cell.id), cell.id
