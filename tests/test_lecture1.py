"""Lecture 1's figures, worked out here in other ways, and found in what its cells print and draw."""

import base64
import html
import math
import re

import numpy as np
import pytest
import torch
from reference import numbers, said

X1, X2, W1, W2, B = 2.0, 0.0, -3.0, 1.0, 6.8813735870195432


def bowl(x):
    return 3 * x**2 - 4 * x + 5


def graph(lecture, cell_id):
    """The words in the picture of a graph."""
    [found] = [o.data["text/html"] for o in lecture.cells[cell_id].outputs if "data" in o]
    svg = base64.b64decode(re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', found)[1])
    return [html.unescape(w).strip() for w in re.findall(r"<text[^>]*>([^<]*)<", svg.decode())]


def neuron_gradients():
    """o and its gradients for x1, w1, x2, w2, by PyTorch."""
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in [X1, W1, X2, W2]]
    x1, w1, x2, w2 = leaves
    o = torch.tanh(x1 * w1 + x2 * w2 + B)
    return o.item(), [grad.item() for grad in torch.autograd.grad(o, leaves)]


def test_slopes_are_those_of_the_derivative(lecture1):
    assert said(lecture1, "bowl") == "20.0\n"
    assert f"{(bowl(3.001) - bowl(3)) / 0.001:.4f}" in said(lecture1, "nudge-at-three")
    slopes = [6 * x - 4 for x in [3, -3, 2 / 3]]
    assert slopes == [14, -22, 0]
    assert numbers(said(lecture1, "slope"))[1::2] == pytest.approx(slopes, abs=5e-5)
    assert numbers(said(lecture1, "partials-by-nudging")) == [-3.0, 2.0, 1.0]


def test_a_nudge_may_be_too_small(lecture1):
    lines = said(lecture1, "too-small").splitlines()
    for h, line in zip([1e-4, 1e-8, 1e-15], lines, strict=True):
        assert f"{(bowl(3.0 + h) - bowl(3.0)) / h:.4f}" in line
    assert abs((bowl(3 + 1e-15) - bowl(3)) / 1e-15 - 14) > 1


def test_gradients_by_hand_and_a_step_along_them(lecture1):
    numbers_in = [2.0, -3.0, 10.0, -2.0]
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers_in]
    a, b, c, f = leaves
    e = a * b
    d = e + c
    L = d * f
    grads = [grad.item() for grad in torch.autograd.grad(L, [d, f, c, e, a, b])]
    assert grads == [-2, 4, -2, -2, 6, -4] and (e, d, L) == (-6, 4, -8)
    cells = ["grad-of-factors", "grad-through-sum", "grad-through-product"]
    shown = [number for cell_id in cells for number in numbers(said(lecture1, cell_id))]
    assert shown == [number for grad in grads for number in (grad, grad)]  # by rule, by nudge
    a, b, c, f = (x + 0.01 * g for x, g in zip(numbers_in, [6, -4, -2, 4]))
    assert f"{(a * b + c) * f:.6f}" == "-7.286496"
    assert "-7.286496" in said(lecture1, "step-along-gradient")


@pytest.mark.parametrize("cell_id", ["draw-strip-1", "draw-strip-2", "draw-strip-3"])
def test_the_strip_of_graphs_fills_with_gradients(lecture1, cell_id):
    arrived = {"draw-strip-1": 4, "draw-strip-2": 2, "draw-strip-3": 0}[cell_id]
    words = graph(lecture1, cell_id)
    assert words.count("grad 0.0000") == arrived
    assert "data -8.0000" in words and "grad 1.0000" in words and "grad 4.0000" in words
    if arrived == 0:
        slopes = {word for word in words if word.startswith("×")}
        assert slopes == {"×-3", "×2", "×1", "×-2", "×4"}


@pytest.mark.parametrize("cell_id", ["neuron-by-hand", "backward-first", "neuron-torch"])
def test_neuron(lecture1, cell_id):
    o, grads = neuron_gradients()
    n = X1 * W1 + X2 * W2 + B
    assert said(lecture1, "run-neuron") == f"n = {n:.4f}, o = {o:.4f}\n"
    assert (f"{n:.4f}", f"{o:.4f}") == ("0.8814", "0.7071")
    assert numbers(said(lecture1, cell_id)) == pytest.approx(grads, abs=5e-5)
    assert grads == pytest.approx([-1.5, 1.0, 0.5, 0.0])
    assert numbers(said(lecture1, "neuron-engine")) == pytest.approx([o, *grads], abs=5e-5)
    assert numbers(said(lecture1, "tanh-from-exp")) == pytest.approx([1 - o**2] * 2, abs=5e-5)


def test_formulas_of_the_operations(lecture1):
    x, rows = 1.5, said(lecture1, "nudge-operations").splitlines()
    wanted = [3 * x * x, math.exp(x), 1 / x, 1 / math.cosh(x) ** 2, 1.0]
    assert [numbers(row) for row in rows] == [[pytest.approx(w, abs=5e-5)] * 2 for w in wanted]


def test_broken_and_mended(lecture1):
    assert numbers(said(lecture1, "used-twice")) == [1.0]
    assert graph(lecture1, "draw-overwritten").count("grad 1.0000") == 2
    assert "grad 2.0000" in graph(lecture1, "pass-back-accumulate")
    assert numbers(said(lecture1, "backward-twice")) == [1.0, 5.0]
    assert numbers(said(lecture1, "backward-reset")) == [1.0, 2.0]
    assert numbers(said(lecture1, "torch-twice")) == [1.0, 2.0]


def test_picture_of_the_neuron_tells_data_gradients_and_local_derivatives(lecture1):
    words = graph(lecture1, "draw-neuron-gradients")
    o, grads = neuron_gradients()
    for data, grad in zip([X1, W1, X2, W2], grads, strict=True):
        assert f"data {data:.4f}" in words and f"grad {grad:.4f}" in words
    for local in [f"×{1 - o**2:.4g}", "×-3", "×2", "×0", "×1"]:
        assert local in words


def test_the_order_on_the_picture_starts_at_the_end(lecture1):
    words = graph(lecture1, "draw-order")
    place = {words[i + 1].split(" =")[0]: int(w[5:]) for i, w in enumerate(words) if "step" in w}
    assert place["o"] == 1 and place["n"] == 2 and place["sum"] == 3
    assert {place["x1w1"], place["x2w2"]} == {4, 5}


def test_descent_of_the_bowl(lecture1, drawn1):
    def path(rate, steps):
        x = [3.0]
        for _ in range(steps):
            x.append(x[-1] - rate * (6 * x[-1] - 4))
        return x

    assert numbers(said(lecture1, "descend")) == pytest.approx(path(0.1, 5), abs=5e-4)
    for axis, rate in zip(drawn1["plot-descent"].axes, [0.02, 0.1, 0.34], strict=True):
        assert f"rate {rate}:" in axis.get_title("left")
        curve, steps = axis.lines[0].get_xydata(), axis.lines[1].get_xydata()
        assert steps[:, 0] == pytest.approx(path(rate, 10), abs=1e-4)
        assert steps[:, 1] == pytest.approx(bowl(steps[:, 0]), abs=1e-9)
        assert curve[:, 1] == pytest.approx(bowl(curve[:, 0]), abs=1e-9)


def losses_by_torch(rate, zero, steps=50, seed=77):
    """The loss at each step of training MLP(3, [4, 4, 1]), by PyTorch, weights as in the lecture."""
    import random

    rng, tables = random.Random(seed), []
    for nin, nout in [(3, 4), (4, 4), (4, 1)]:
        rows = [[rng.uniform(-1, 1) for _ in range(nin + 1)] for _ in range(nout)]
        tables.append(torch.tensor(rows, dtype=torch.float64, requires_grad=True))
    xs = torch.tensor([[2.0, 3, -1], [3, -1, 0.5], [0.5, 1, 1], [1, 1, -1]], dtype=torch.float64)
    ys, losses = torch.tensor([1.0, -1, -1, 1], dtype=torch.float64), []
    for _ in range(steps):
        h = xs
        for table in tables:
            h = torch.tanh(h @ table[:, :-1].T + table[:, -1])
        loss = ((h[:, 0] - ys) ** 2).sum()
        for table in tables:
            table.grad = None if zero else table.grad
        loss.backward()
        with torch.no_grad():
            for table in tables:
                table -= rate * table.grad
        losses.append(loss.item())
    return losses


def test_training_and_its_mistakes(lecture1, drawn1):
    good, bad = losses_by_torch(0.1, True), losses_by_torch(0.1, False)
    assert numbers(said(lecture1, "train-mlp")) == pytest.approx([good[0], good[-1]], abs=5e-5)
    assert numbers(said(lecture1, "forget-zero")) == pytest.approx([good[-1], bad[-1]], abs=5e-5)
    wanted, found = said(lecture1, "predictions-after").splitlines()
    for target, prediction in zip(numbers(wanted), numbers(found), strict=True):
        assert abs(target - prediction) < 0.06
    assert drawn1["plot-loss"].axes[0].lines[0].get_ydata() == pytest.approx(good, rel=1e-6)
    zeroed, forgotten = drawn1["plot-forget-zero"].axes[0].lines
    assert zeroed.get_ydata() == pytest.approx(good, rel=1e-6)
    assert forgotten.get_ydata() == pytest.approx(bad, rel=1e-4, abs=1e-6)
    rates = drawn1["plot-three-rates"].axes[0]
    for line, label, rate in zip(rates.lines, rates.texts, [0.001, 0.1, 1.0], strict=True):
        curve = losses_by_torch(rate, True)
        assert line.get_ydata() == pytest.approx(curve, rel=1e-4, abs=1e-6)
        assert (
            label.get_text() == f"rate {rate}" and label.get_position()[1] == line.get_ydata()[-1]
        )


def test_the_forgotten_zeros_are_seldom_seen(lecture1):
    ends = [losses_by_torch(0.1, False, seed=seed)[-1] for seed in range(100)]
    assert sum(end < 0.1 for end in ends) == 75
    assert "75 of the seeds 0 to 99" in lecture1.cells["forgetting-reaction"].source


def test_curves_of_the_first_parts(drawn1):
    line, dot = drawn1["plot-bowl"].axes[0].lines
    assert line.get_ydata() == pytest.approx(bowl(line.get_xdata()))
    assert dot.get_xydata().tolist() == [[3, 20]]
    lines = drawn1["plot-secants"].axes[0].lines
    for secant, h in zip(lines[1::2], [2.0, 1.0, 0.001], strict=True):
        x, y = secant.get_xydata().T
        assert np.diff(y) / np.diff(x) == pytest.approx((bowl(3 + h) - 20) / h)
        assert np.interp(3, x, y) == pytest.approx(20)
    tangents = drawn1["plot-tangents"].axes[0]
    for line, text, at in zip(tangents.lines[1::2], tangents.texts, [-3, 2 / 3, 3], strict=True):
        (x0, x1), (y0, y1) = line.get_xydata().T
        assert (y1 - y0) / (x1 - x0) == pytest.approx(6 * at - 4, abs=1e-4)
        assert text.get_text() == f"slope {round(6 * at - 4)}"
    tanh, slope = drawn1["plot-tanh"].axes[0].lines
    assert tanh.get_ydata() == pytest.approx(np.tanh(tanh.get_xdata()))
    assert slope.get_ydata() == pytest.approx(1 / np.cosh(slope.get_xdata()) ** 2)


def test_two_moons(lecture1, drawn1):
    rows = [numbers(row) for row in said(lecture1, "train-moons").splitlines()]
    assert rows[0][0] < 20 and rows[-1][0] == 100 and rows[-1][1] > 99 > rows[1][1]
    best = int(re.search(r"has (\d+) of 100", said(lecture1, "best-line"))[1])
    assert rows[1][0] < best < 100  # after 15 steps not yet as good as a straight line
    circles, triangles = drawn1["plot-moons"].axes[0].lines
    assert len(circles.get_xdata()) == len(triangles.get_xdata()) == 50
    assert circles.get_ydata().mean() > triangles.get_ydata().mean()
    titles = [axis.get_title() or axis.get_title("left") for axis in drawn1["plot-film-strip"].axes]
    assert titles == ["step 0", "step 15", "step 60", "step 200"]


def test_matrix_product(lecture1, drawn1):
    assert "[0., 2., 3.]" in said(lecture1, "matrix-product")
    words = [text.get_text() for text in drawn1["plot-matrix-product"].axes[0].texts]
    cells = [word for word in words if re.fullmatch(r"-?\d", word)]
    assert cells == "1 2 3 0 2 0 1 -1 1 1 0 2 3 6 0 3".split()


@pytest.mark.parametrize(
    "cell_id, right, broken",
    [
        ("value-engine", "_local=(1 - t**2,)", "_local=(1 - t,)"),
        ("value-engine", "_local=(1.0, 1.0)", "_local=(1.0, 1.0001)"),
        ("value-engine", "n * self.data ** (n - 1)", "n * self.data ** n"),
        ("value-engine", "_local=(1 / self.data,)", "_local=(self.data,)"),
    ],
)
def test_the_comparison_with_pytorch_can_fail(lecture1, cell_id, right, broken, capsys):
    source = lecture1.cells[cell_id].source
    assert source.count(right) == 1
    namespace = lecture1.take()
    exec(source.replace(right, broken), namespace)
    for name in ["neuron-torch", "random-expression", "compare-random"]:
        exec(lecture1.cells[name].source, namespace)
    assert capsys.readouterr().out.endswith("False\n")


def test_no_cell_of_either_lecture_says_false(lecture):
    for cell in lecture.code():
        assert "False" not in said(lecture, cell.id), cell.id
