"""Lecture 2's figures from counting, worked out here with Counter and Python's own floats."""

import math
from collections import Counter

import numpy as np
import torch
from reference import SEED, SIGNS, loss, said


def test_the_data(lecture2, words):
    lengths = [len(word) for word in words]
    assert (len(words), min(lengths), max(lengths)) == (32_033, 2, 15)
    assert words[:3] == ["emma", "olivia", "ava"]
    for fact in ["32033 names", str(words[:3]), "from 2 to 15"]:
        assert fact in said(lecture2, "load-words")
    by_length = Counter(lengths).most_common()
    assert sorted(length for length, _ in by_length[:3]) == [5, 6, 7]  # the title of the plot


def test_the_most_common_pairs(lecture2, counts):
    top = [(a, b, n) for (a, b), n in counts.most_common(6)]
    assert top[:4] == [("n", ".", 6763), ("a", ".", 6640), ("a", "n", 5438), (".", "a", 4410)]
    assert said(lecture2, "count-dictionary") == "".join(f"{a} {b} {n}\n" for a, b, n in top)


def test_the_tables(lecture2, counts):
    names = lecture2.take("load-words", "bigrams", "stoi", "count-loop", "count-bincount")
    wanted = [[counts[a, b] for b in SIGNS] for a in SIGNS]
    assert names["N"].tolist() == names["N_loop"].tolist() == wanted
    assert sum(counts.values()) == 228_146
    assert said(lecture2, "count-loop") == "torch.Size([27, 27]) 228146\n"


def test_new_names(lecture2, counts):
    g, found = torch.Generator().manual_seed(SEED), []
    for _ in range(5):
        name, ch = "", "."
        while True:
            row = torch.tensor([float(counts[ch, other]) for other in SIGNS])
            ch = SIGNS[torch.multinomial(row / row.sum(), 1, replacement=True, generator=g).item()]
            if ch == ".":
                break
            name += ch
        found.append(name)
    assert found == ["cexze", "momasurailezitynn", "konimittain", "llayn", "ka"]
    assert said(lecture2, "sample").split() == found
    assert said(lecture2, "same-names").endswith(f"{found}\n")  # the network's


def test_the_bug_without_keepdim(lecture2, counts):
    row = {a: sum(counts[a, b] for b in SIGNS) for a in SIGNS}
    wrong = [sum(counts[a, b] / row[b] for b in SIGNS) for a in SIGNS[:4]]
    assert said(lecture2, "keepdim-bug").endswith(" ".join(f"{s:.4f}" for s in wrong) + "\n")
    assert "1.0000 1.0000 1.0000 1.0000" in said(lecture2, "keepdim-columns")


def test_how_good_the_model_is(lecture2, counts):
    best = loss(counts)
    assert f"{best:.4f} {best:.5f}" == "2.4540 2.45401" and f"{math.log(27):.4f}" == "3.2958"
    assert f"bigram model {best:.4f}\n" in said(lecture2, "loss-bigram")
    assert f"log 27  {math.log(27):.4f}\n" in said(lecture2, "loss-bigram")
    assert f"perplexity {math.exp(best):.4f}" in said(lecture2, "perplexity")
    assert f"{best:.5f}" in said(lecture2, "float32-sum")
    assert "0 of 1000" in said(lecture2, "beat-counting")


def test_a_running_sum_in_float32_is_off(lecture2, words, counts):
    total, rows = np.float32(0), Counter(ch for name in words for ch in "." + name)
    cost = {p: np.float32(-math.log(n / rows[p[0]])) for p, n in counts.items()}
    for name in words:
        for p in zip("." + name, name + ".", strict=True):
            total += cost[p]
    assert f"{total / 228146:.4f}" == "2.4541"
    assert f"float32 {total / 228146:.5f}" in said(lecture2, "float32-sum")


def test_names_that_surprise(lecture2, words, counts):
    rows = Counter(ch for name in words for ch in "." + name)

    def cost(name):
        each = [math.log(counts[p] / rows[p[0]]) for p in zip("." + name, name + ".", strict=True)]
        return -sum(each) / len(each)

    ranked = sorted(set(words), key=lambda name: (round(cost(name), 5), name))
    expected, surprising = said(lecture2, "name-nll").splitlines()
    assert str(ranked[:5]) in expected and str(ranked[-5:]) in surprising
