"""Lecture 2's counts, probabilities, losses, names and network are what plain Python and NumPy make
of names.txt; and the lecture runs on other lists of words."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import ROOT, code_cells, read, run
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
def names(played):
    """What there is after the last cell of Lecture 2."""
    return played["lecture2"].end


@pytest.fixture(scope="module")
def said(played):
    """All that Lecture 2 prints."""
    return "".join(played["lecture2"].printed.values())


def test_words_and_counts(names, said):
    assert names["words"] == WORDS and len(WORDS) == 32_033
    assert [names["stoi"][names["itos"][i]] for i in range(27)] == list(range(27))
    assert (names["N"].numpy() == COUNTS).all() and COUNTS.sum() == 228_146
    for (a, b), count in Counter(windows(WORDS)).most_common(4):
        assert f"{a} {b} {count}\n" in said


def test_examples(names):
    pairs = zip(names["xs"].tolist(), names["ys"].tolist())
    assert [SIGNS[x] + SIGNS[y] for x, y in pairs] == windows(WORDS)
    rows = torch.column_stack([names["X"], names["Y"]]).tolist()
    found = ["".join(SIGNS[i] for i in row) for row in rows]
    assert found == windows(WORDS, names["block_size"])


def test_probabilities_and_losses(names, said):
    np.testing.assert_allclose(names["P"], P, rtol=1e-6)
    assert names["nll"].item() == pytest.approx(loss(COUNTS, P), abs=1e-6)
    one_more, andrejq = shares(COUNTS + 1), table(["andrejq"])
    assert f"andrejq costs {8 * loss(andrejq, one_more):.4f}\n" in said
    for number in [loss(COUNTS, P), math.log(27), loss(COUNTS, one_more)]:
        assert f" {number:.4f}" in said


def test_held_out_losses(names, said):
    train, held = names["train_words"], names["held_words"]
    assert sorted(train + held) == sorted(WORDS) and not set(train) & set(held)
    assert f"held-out loss {loss(table(held), shares(table(train) + 1)):.4f}\n" in said
    counts, rows = Counter(windows(train, 3)), Counter(w[:3] for w in windows(train, 3))
    costs = [-math.log((counts[w] + 0.1) / (rows[w[:3]] + 2.7)) for w in windows(held, 3)]
    assert f"held-out loss {sum(costs) / len(costs):.4f}, " in said


def test_names(said):
    g, drawn, at = torch.Generator().manual_seed(SEED), "", 0
    while drawn.count(".") < 5:
        row = torch.tensor(P[at]).float()
        at = torch.multinomial(row, 1, replacement=True, generator=g).item()
        drawn += SIGNS[at]
    assert said.count(str(drawn.split(".")[:5])) == 2  # by the counts, and by the network


def test_network(names):
    W = torch.randn((27, 27), generator=torch.Generator().manual_seed(SEED)).double().numpy()
    for step, found in enumerate(names["losses"]):
        probabilities = shares(np.exp(W))
        assert found == pytest.approx(loss(COUNTS, probabilities), abs=1e-5), f"step {step}"
        W -= 50 * (COUNTS.sum(1, keepdims=True) * probabilities - COUNTS) / COUNTS.sum()
    np.testing.assert_allclose(names["W"].softmax(1).detach(), shares(np.exp(W)), atol=1e-4)
    assert 0 < names["losses"][-1] - loss(COUNTS, P) < 0.005, "it has not met the counts"


NO_Q = [word for word in WORDS[::20] if "q" not in word]


@pytest.mark.parametrize("words", [NO_Q, WORDS[:30]], ids=["no q", "thirty"])
def test_every_cell_runs_on_other_words(words, tmp_path, monkeypatch):
    (tmp_path / "names.txt").write_text("\n".join(words), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Figure, "savefig", lambda *args, **options: None)
    namespace = {}
    for cell in code_cells(read("lecture2")):
        run(cell.source, namespace)


def test_files_are_read_rightly_or_refused_in_one_line(names, tmp_path):
    path, read_words = tmp_path / "mine.txt", names["read_words"]
    with pytest.raises(ValueError, match="mine.txt cannot be read"):
        read_words(path)
    path.write_bytes(b"\xef\xbb\xbfEmma\r\n \r\n  OLIVIA \nava\t")
    assert read_words(path) == ["emma", "olivia", "ava"]
    for content, word in [
        ("\n \n", "no words"),
        ("emma\nzoë", "'zoë'"),
        ("mary-ann", "'mary-ann'"),
    ]:
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=f"mine.txt.*{word}[^\n]*$"):
            read_words(path)
    path.write_bytes("zoë".encode("latin-1"))
    with pytest.raises(ValueError, match="mine.txt is not plain text"):
        read_words(path)
