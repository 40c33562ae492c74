"""Lecture 2's network: its losses and gradients, worked out here in NumPy and float64."""

import time

import numpy as np
import pytest
import torch
from conftest import run
from reference import SEED, SIGNS, loss, numbers, pairs, said


def table(counts):
    """Counts as a (27, 27) array."""
    return np.array([[float(counts[a, b]) for b in SIGNS] for a in SIGNS])


def softmax(W):
    e = np.exp(W - W.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def descent(counts, steps, penalty=0.0):
    """Losses and the last W of gradient descent from the seeded W, learning rate 50."""
    g = torch.Generator().manual_seed(SEED)
    W = torch.randn((27, 27), generator=g).double().numpy()
    share, losses = table(counts) / sum(counts.values()), []
    for _ in range(steps):
        probs = softmax(W)
        losses.append(-(share * np.log(probs)).sum() + penalty * (W**2).sum())
        W = W - 50 * (share.sum(1, keepdims=True) * probs - share + 2 * penalty * W)
    return losses, W


def test_first_losses_by_either_way(lecture2, counts):
    first = " ".join(f"{x:.4f}" for x in descent(counts, 5)[0])
    assert first == "3.7590 3.3711 3.1540 3.0204 2.9277"
    assert said(lecture2, "train-one-hot") == first + "\n"
    assert said(lecture2, "train-counts").startswith(first + " ... ")


@pytest.fixture(scope="module")
def trained(lecture2):
    """The objects of the cells that train from counts, and how many seconds the training took.

    On one thread, as threads that wait for one another on a busy machine say nothing of the work.
    """
    names = lecture2.take("load-words", "bigrams", "stoi", "count-loop", "count-bincount")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.perf_counter()
    run(lecture2.cells["train-counts"], names)
    seconds = time.perf_counter() - start
    torch.set_num_threads(threads)
    return names, seconds


def test_it_arrives_at_the_counting_model_in_two_seconds(lecture2, counts, trained):
    names, seconds = trained
    probs = names["W"].detach().double().softmax(1).numpy()
    reached = -(table(counts) * np.log(probs)).sum() / sum(counts.values())
    assert 0 < reached - loss(counts) < 0.001
    assert seconds < 2
    assert f"... {descent(counts, 2000)[0][-1]:.4f}\n" in said(lecture2, "train-counts")
    assert said(lecture2, "arrived").endswith("True\n")


def test_its_rows_are_the_rows_of_P(lecture2, counts, trained):
    P = table(counts) / table(counts).sum(1, keepdims=True)
    assert np.abs(trained[0]["W"].detach().softmax(1).numpy() - P).max() < 0.02


def test_first_regularised_losses(lecture2, counts):
    losses, W = descent(counts, 200, penalty=0.001)
    first = " ".join(f"{x:.4f}" for x in losses[:5])
    assert first == "4.4635 3.8138 3.4791 3.2815 3.1534"
    assert said(lecture2, "regularised") == f"{first} ... {losses[-1]:.4f}\n"
    P, probs = table(counts) / table(counts).sum(1, keepdims=True), softmax(W)
    for line, ch in zip(said(lecture2, "regularised-rows").splitlines(), "qa", strict=True):
        row = SIGNS.index(ch)
        assert numbers(line) == pytest.approx([P[row].max(), probs[row].max()], abs=6e-5)


def test_three_losses_and_gradients_are_one(lecture2, trained):
    names, _ = trained
    run(lecture2.cells["three-losses"], names)
    xs, ys = names["xs"], names["ys"]
    names["xenc_all"] = torch.nn.functional.one_hot(xs, num_classes=27).double()
    names["share"] = names["N"].double() / len(xs)
    g = torch.Generator().manual_seed(3)
    W = torch.randn((27, 27), generator=g, dtype=torch.float64, requires_grad=True)
    probs, share = softmax(W.detach().numpy()), names["share"].numpy()
    gradient = share.sum(1, keepdims=True) * probs - share
    for way in ["one_hot", "rows", "counts"]:
        value = names[f"loss_{way}"](W)
        assert value.item() == pytest.approx(-(share * np.log(probs)).sum(), rel=1e-12)
        assert torch.autograd.grad(value, W)[0].numpy() == pytest.approx(gradient, abs=1e-12)
    assert len(ys) == 228_146


def test_five_pairs_step_by_step(lecture2):
    g = torch.Generator().manual_seed(SEED)
    W = torch.randn((27, 27), generator=g).double().numpy()
    x, y = ([SIGNS.index(ch) for ch in chars] for chars in [".emma", "emma."])
    probs = softmax(W)
    right = probs[x, y]
    lines = said(lecture2, "loss-emma").splitlines()
    for p, line in zip(right, lines):
        assert line.endswith(f": {p:.4f}, cost {-np.log(p):.4f}")
    first = -np.log(right).mean()
    assert lines[5] == f"loss {first:.4f}"
    gradient = np.zeros((27, 27))
    for i, j in zip(x, y, strict=True):
        gradient[i] += probs[i] / 5
        gradient[i, j] -= 1 / 5
    e, m = SIGNS.index("e"), SIGNS.index("m")
    assert f"is {gradient[e, m]:.4f}\n" in said(lecture2, "gradient-emma")
    after = -np.log(softmax(W - 0.1 * gradient)[x, y]).mean()
    assert said(lecture2, "step-emma") == f"{first:.4f} -> {after:.4f}\n"


def test_regularisation_on_names_held_out(lecture2, split):
    train, held = (table(pairs(names)) for names in split)
    goal = train / train.sum()
    rows, losses = goal.sum(1), []
    penalties = [1e-8, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4]
    for penalty in penalties:
        W = np.log(goal + 1e-6)
        W -= W.mean(1, keepdims=True)
        for _ in range(30):  # Newton's method, row by row, to the exact minimum
            probs = softmax(W)
            gradient = rows[:, None] * probs - goal + 2 * penalty * W
            for i in range(27):
                p = probs[i]
                curve = rows[i] * (np.diag(p) - np.outer(p, p)) + 2 * penalty * np.eye(27)
                W[i] -= np.linalg.solve(curve, gradient[i])
        assert np.abs(gradient).max() < 1e-9
        losses.append(-(held * np.log(softmax(W))).sum() / held.sum())
    best = penalties[int(np.argmin(losses))]
    wanted = f"best: {best:.0e}, held-out loss {min(losses):.4f}\n"
    assert said(lecture2, "regularisation-sweep") == wanted
    assert losses[0] > min(losses) < losses[-1]
