"""Lecture 2's figures on what was never seen: smoothing, names held out, more context."""

import math
from collections import Counter

from reference import loss, pairs, said


def test_the_price_of_what_was_never_seen(lecture2, words, counts):
    rows = Counter(ch for name in words for ch in "." + name)
    seen = list(zip(".andrejq", "andrejq.", strict=True))
    cost = -sum(math.log((counts[p] + 1) / (rows[p[0]] + 27)) for p in seen)
    assert counts["j", "q"] == 0 and "jq     0  inf" in said(lecture2, "andrejq")
    assert f"{cost:.4f}" == "27.8672" and f"{cost:.4f} in all" in said(lecture2, "smooth-one")
    after = -sum(n * math.log((counts[p] + 1) / (rows[p[0]] + 27)) for p, n in counts.items())
    assert f"{after / 228146:.4f}" == "2.4546"
    assert "from 2.4540 to 2.4546" in said(lecture2, "smooth-one")


def test_smoothing_on_names_held_out(lecture2, split):
    train, held = split
    assert f"{len(train)} for training, {len(held)} held out" in said(lecture2, "split")
    assert not set(train) & set(held)
    n_train, n_held = pairs(train), pairs(held)
    strengths = [0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100]
    lines, losses = said(lecture2, "smoothing-sweep").splitlines(), []
    for k, line in zip(strengths, lines, strict=True):
        losses.append(loss(n_held, n_train, k))
        trained = loss(n_train, n_train, k)
        assert line == f"add {k:7.3f}: training {trained:.4f}, held out {losses[-1]:.4f}"
    best = strengths[losses.index(min(losses))]
    assert f"add {best}, held-out loss {min(losses):.4f}" in said(lecture2, "smoothing-best")
    assert losses[0] > min(losses) < losses[-1]


def contexts(names, size):
    return [("." * size + n + ".")[i : i + size + 1] for n in names for i in range(len(n) + 1)]


def test_more_context(lecture2, words):
    assert len(contexts(words[:5], 3)) == 32 and len(contexts(words, 3)) == 228_146
    assert "(32, 3) (32,)" in said(lecture2, "block-shapes")
    assert "(228146, 3) (228146,)" in said(lecture2, "block-shapes")
    for n, line in zip([1, 2, 3], said(lecture2, "empty-rows").splitlines(), strict=True):
        seen = len({context[:-1] for context in contexts(words, n)})
        assert line == f"{n} characters: {27**n:6d} rows, {1 - seen / 27**n:.4f} of them empty"


def test_trigrams(lecture2, split):
    train, held = (Counter(contexts(names, 2)) for names in split)
    rows = Counter()
    for context, n in train.items():
        rows[context[:2]] += n

    def trigram_loss(counts, k):
        cost = sum(
            n * -math.log((train[c] + k) / (rows[c[:2]] + 27 * k)) for c, n in counts.items()
        )
        return cost / sum(counts.values())

    lines = said(lecture2, "trigram").splitlines()
    for k, line in zip([0.001, 0.1, 1.0, 10.0], lines, strict=True):
        trained, judged = trigram_loss(train, k), trigram_loss(held, k)
        assert line == f"add {k:6.3f}: training {trained:.4f}, held out {judged:.4f}"
    assert f"{trigram_loss(held, 0.1):.4f}" in said(lecture2, "scoreboard")
