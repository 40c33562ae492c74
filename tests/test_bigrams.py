"""Lecture 2's counts, probabilities, losses, names and network are what plain Python and NumPy make
of names.txt; and the lecture runs on other lists of words."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import ROOT, code_cells, read
from matplotlib.figure import Figure

SIGNS, SEED = ".abcdefghijklmnopqrstuvwxyz", 2147483647
WORDS = (ROOT / "names.txt").read_text(encoding="utf-8").split()


def windows(words, n=1):
    """Each character of the words, and each end, with the n characters (or dots) before it."""
    texts = ["." * n + word + "." for word in words]
    return [text[i : i + n + 1] for text in texts for i in range(len(text) - n)]


def table(words):
    """How often each character follows each other, as a 27 by 27 array."""
    counts = Counter(windows(words))
    return np.array([[float(counts[a + b]) for b in SIGNS] for a in SIGNS])


def shares(counts):
    return counts / counts.sum(1, keepdims=True)


def loss(counts, probabilities):
    """The mean negative log likelihood of pairs that occur so often."""
    seen = counts > 0
    return -(counts[seen] * np.log(probabilities[seen])).sum() / counts.sum()


COUNTS = table(WORDS)
P = shares(COUNTS)


@pytest.fixture(scope="module")
def lecture2(played):
    return played["lecture2"]  # its names are those after the last cell


def test_counts_and_examples(lecture2):
    names = lecture2.names
    assert names["words"] == WORDS and len(WORDS) == 32_033
    assert (names["N"].numpy() == COUNTS).all() and COUNTS.sum() == 228_146
    pairs = torch.column_stack([names["xs"], names["ys"]]).tolist()
    assert ["".join(SIGNS[i] for i in row) for row in pairs] == windows(WORDS)
    contexts = torch.column_stack([names["X"], names["Y"]]).tolist()
    assert ["".join(SIGNS[i] for i in row) for row in contexts] == windows(WORDS, 3)


def test_probabilities_and_losses(lecture2):
    names = lecture2.names
    np.testing.assert_allclose(names["P"], P, rtol=1e-6)
    for name in ["P", "P1", "P_k", "P_net", "P_reg", "P_40"]:
        np.testing.assert_allclose(names[name].sum(1).detach(), 1, rtol=1e-5, err_msg=name)
    assert names["nll"].item() == pytest.approx(loss(COUNTS, P), abs=1e-6)
    one_more, andrejq = shares(COUNTS + 1), table(["andrejq"])
    wanted = [loss(COUNTS, P), math.log(27), loss(COUNTS, one_more), 8 * loss(andrejq, one_more)]
    train, held = names["train_words"], names["held_words"]
    assert sorted(train + held) == sorted(WORDS) and not set(train) & set(held)
    wanted.append(loss(table(held), shares(table(train) + 1)))
    counts, rows = Counter(windows(train, 3)), Counter(w[:3] for w in windows(train, 3))
    costs = [-math.log((counts[w] + 0.1) / (rows[w[:3]] + 2.7)) for w in windows(held, 3)]
    wanted.append(sum(costs) / len(costs))
    assert [number for number in wanted if f" {number:.4f}" not in str(lecture2.printed)] == []


def test_names_and_network(lecture2):
    W = torch.randn((27, 27), generator=torch.Generator().manual_seed(SEED)).double().numpy()
    names = lecture2.names
    for step, found in enumerate(names["losses"]):
        probabilities = shares(np.exp(W))
        assert found == pytest.approx(loss(COUNTS, probabilities), abs=1e-5), f"step {step}"
        W -= 50 * (COUNTS.sum(1, keepdims=True) * probabilities - COUNTS) / COUNTS.sum()
    np.testing.assert_allclose(names["W"].softmax(1).detach(), shares(np.exp(W)), atol=1e-4)
    assert 0 < names["losses"][-1] - loss(COUNTS, P) < 0.005, "it has not met the counts"
    first_five = "'cexze', 'momasurailezitynn', 'konimittain', 'llayn', 'ka'"
    for cell in ["sample", "same-names"]:  # by the counts, and by the network
        assert first_five in lecture2.printed[cell]
    assert names["W_reg"].square().mean() < names["W"].square().mean() / 2


@pytest.mark.parametrize("count, start", [(30, ""), (150, "saint")])
def test_every_cell_runs_on_few_names_and_on_towns_without_q(count, start, tmp_path, monkeypatch):
    words = [start + word for word in WORDS if "q" not in word][:count]
    (tmp_path / "names.txt").write_text("\n".join(words), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Figure, "savefig", lambda *args, **options: None)
    namespace = {}
    for cell in code_cells(read("lecture2")):
        exec(compile(cell.source, f"cell {cell.id}", "exec"), namespace)


def test_a_file_of_words_is_read_rightly_or_refused_in_one_line(lecture2, tmp_path):
    path, read_words = tmp_path / "mine.txt", lecture2.names["read_words"]
    with pytest.raises(ValueError, match="mine.txt cannot be read"):
        read_words(path)
    path.write_bytes(b"\xef\xbb\xbfEmma\r\n \r\n  OLIVIA \nava\t")
    assert read_words(path) == ["emma", "olivia", "ava"]
    for content in ["", "\n \n", "emma\nzoë", "mary-ann", b"zo\xeb"]:
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        with pytest.raises(ValueError, match="^[^\n]*mine.txt[^\n]*$"):
            read_words(path)
