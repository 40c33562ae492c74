"""Lecture 2's figures, worked out here with Counter, Python's floats and NumPy, and found in what
its cells print and draw."""

import math
import random
import time
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import loss, numbers, pairs, run, said

SIGNS, SEED = ".abcdefghijklmnopqrstuvwxyz", 2147483647
TABLES = ["load-words", "bigrams", "stoi", "count-loop", "count-bincount"]


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
    names = lecture2.take(*TABLES)
    wanted = [[counts[a, b] for b in SIGNS] for a in SIGNS]
    assert names["N"].tolist() == wanted
    assert (len(names["xs"]), names["xs"][:5].tolist()) == (228_146, [0, 5, 13, 13, 1])
    assert f"148 occurs {counts['e', 'm']} times" in said(lecture2, "time-counting")
    assert said(lecture2, "time-counting").endswith(": 0\n")
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
    assert f"206 of 272 is {206 / 272:.4f}" in said(lecture2, "table-nll")
    assert counts["q", "u"] == 206 and sum(counts["q", b] for b in SIGNS) == 272


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


def test_the_price_of_what_was_never_seen(lecture2, words, counts):
    rows = Counter(ch for name in words for ch in "." + name)
    seen = list(zip(".andrejq", "andrejq.", strict=True))
    cost = -sum(math.log((counts[p] + 1) / (rows[p[0]] + 27)) for p in seen)
    assert counts["j", "q"] == 0 and "jq     0  inf" in said(lecture2, "andrejq")
    assert f"{cost:.4f}" == "27.8672" and f"{cost:.4f} in all" in said(lecture2, "smooth-one")
    after = -sum(n * math.log((counts[p] + 1) / (rows[p[0]] + 27)) for p, n in counts.items())
    assert f"{after / 228146:.4f}" == "2.4546"
    assert "from 2.4540 to 2.4546" in said(lecture2, "smooth-one")


def test_smoothing_on_names_held_out(lecture2, split, drawn2):
    train, held = split
    assert f"{len(train)} for training, {len(held)} held out" in said(lecture2, "split")
    assert not set(train) & set(held)
    n_train, n_held = pairs(train), pairs(held)
    unseen = [p for p in n_held if p not in n_train]
    lines = said(lecture2, "smoothing-sweep").splitlines()
    assert lines[0] == f"held-out pairs never seen: {len(unseen)}" and len(unseen) == 5
    assert lines[1] == f"nothing added: training {loss(n_train):.4f}, held out infinite"
    strengths = [0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]
    judged = [loss(n_held, n_train, k) for k in strengths]
    best = strengths[judged.index(min(judged))]
    assert f"add {best}, held-out loss {min(judged):.4f}" in said(lecture2, "smoothing-best")
    trained, held_out, ring = drawn2["plot-smoothing"].axes[0].lines
    assert trained.get_ydata() == pytest.approx([loss(n_train, n_train, k) for k in strengths])
    assert held_out.get_ydata() == pytest.approx(judged, abs=1e-6)
    assert ring.get_xdata()[0] == best


def contexts(names, size):
    return [("." * size + n + ".")[i : i + size + 1] for n in names for i in range(len(n) + 1)]


def test_more_context(lecture2, words):
    assert len(contexts(words[:5], 3)) == 32 and len(contexts(words, 3)) == 228_146
    assert "(32, 3) (32,)" in said(lecture2, "block-shapes")
    assert "(228146, 3) (228146,)" in said(lecture2, "block-shapes")
    *lines, last = said(lecture2, "empty-rows").splitlines()
    for n, line in zip([1, 2, 3], lines, strict=True):
        seen = len({context[:-1] for context in contexts(words, n)})
        assert line == f"{n} characters: {27**n:6d} rows, {1 - seen / 27**n:.4f} of them empty"
    assert last == f"{seen} contexts of three, {228146 / seen:.1f} examples each on average"


def context_loss(train, judged, k):
    """Mean negative log likelihood of counted contexts under a smoothed table of training counts."""
    rows = Counter()
    for context, n in train.items():
        rows[context[:-1]] += n
    cost = (n * -math.log((train[c] + k) / (rows[c[:-1]] + 27 * k)) for c, n in judged.items())
    return sum(cost) / sum(judged.values())


def test_loss_against_length_of_context(lecture2, split, words, drawn2):
    train, held = split
    distinct = sorted(set(words))
    random.Random(42).shuffle(distinct)
    dev_names = set(distinct[2949:5898])
    fit, dev = ([w for w in train if (w in dev_names) == b] for b in (False, True))
    on_train, on_held = [], []
    for n, line in enumerate(said(lecture2, "context-sweep").splitlines(), start=1):
        counted = [Counter(contexts(names, n)) for names in (fit, dev, train, held)]
        k = min([0.01, 0.03, 0.1, 0.3, 1], key=lambda k: context_loss(*counted[:2], k))
        on_train.append(context_loss(counted[2], counted[2], k))
        on_held.append(context_loss(*counted[2:], k))
        assert line == f"{n}: add {k}, training {on_train[-1]:.4f}, held out {on_held[-1]:.4f}"
        assert n == 1 or f"{on_held[-1]:.4f}" in said(lecture2, "scoreboard")
    assert n == 5 and on_held.index(min(on_held)) == 2  # three characters, says the title
    first, second = drawn2["plot-context"].axes[0].lines
    assert first.get_ydata() == pytest.approx(on_train) and first.get_color() == "#0072B2"
    assert second.get_ydata() == pytest.approx(on_held)


def table(counts):
    """Counts as a (27, 27) array."""
    return np.array([[float(counts[a, b]) for b in SIGNS] for a in SIGNS])


def softmax(W):
    e = np.exp(W - W.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def descent(counts, steps, penalty=0.0, by_row=False):
    """Losses and the last W of gradient descent from the seeded W.

    The learning rate is 50, or 5 divided by each row's share of the examples."""
    g = torch.Generator().manual_seed(SEED)
    W = torch.randn((27, 27), generator=g).double().numpy()
    share, losses = table(counts) / sum(counts.values()), []
    for _ in range(steps):
        probs = softmax(W)
        losses.append(-(share * np.log(probs)).sum() + penalty * (W**2).sum())
        rate = 5 / share.sum(1, keepdims=True) if by_row else 50
        W = W - rate * (share.sum(1, keepdims=True) * probs - share + 2 * penalty * W)
    return losses, W


def test_first_losses_by_either_way(lecture2, counts):
    first = " ".join(f"{x:.4f}" for x in descent(counts, 5)[0])
    assert first == "3.7590 3.3711 3.1540 3.0204 2.9277"
    assert said(lecture2, "train-one-hot") == first + "\n"
    by_row = " ".join(f"{x:.4f}" for x in descent(counts, 5, by_row=True)[0])
    assert said(lecture2, "train-counts").startswith(by_row + " ... ")


@pytest.fixture(scope="module")
def trained(lecture2):
    """The objects of the cells that train from counts, and how many seconds the training took.

    On one thread, as threads that wait for one another on a busy machine say nothing of the work.
    """
    names = lecture2.take(*TABLES)
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
    assert 0 < reached - loss(counts) < 0.0002
    assert seconds < 2
    assert f"... {descent(counts, 2000, by_row=True)[0][-1]:.4f}\n" in said(
        lecture2, "train-counts"
    )
    gap = f"network {reached:.4f}, counting {loss(counts):.4f}, gap {reached - loss(counts):.4f}\n"
    assert said(lecture2, "arrived") == gap


def test_its_rows_are_the_rows_of_P(lecture2, counts, trained):
    P = table(counts) / table(counts).sum(1, keepdims=True)
    assert np.abs(trained[0]["W"].detach().softmax(1).numpy() - P).max() < 0.0002
    assert numbers(said(lecture2, "row-of-W"))[::2] == pytest.approx(
        sorted(P[SIGNS.index("m")])[:-6:-1], abs=6e-5
    )


def test_first_regularised_losses(lecture2, counts):
    losses, W = descent(counts, 200, penalty=0.001)
    first = " ".join(f"{x:.4f}" for x in losses[:5])
    assert first == "4.4635 3.8138 3.4791 3.2815 3.1534"
    line, ends = said(lecture2, "regularised").splitlines()
    assert line == f"{first} ... {losses[-1]:.4f}"
    data_loss, penalty = numbers(ends)
    assert data_loss + penalty == pytest.approx(losses[-1], abs=2e-4) and data_loss > loss(counts)
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
    assert f"m {gradient[e, m]:.4f}\n" in said(lecture2, "gradient-emma")
    after = -np.log(softmax(W - 0.1 * gradient)[x, y]).mean()
    assert said(lecture2, "step-emma") == f"{first:.4f} -> {after:.4f}\n"


def test_regularisation_on_names_held_out(lecture2, split, drawn2):
    train, held = (table(pairs(names)) for names in split)
    goal = train / train.sum()
    rows, losses = goal.sum(1), []
    penalties = [1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5]
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
    wanted = f"best of these: {best:.0e}, held-out loss {min(losses):.4f}\n"
    assert said(lecture2, "penalty-losses").startswith(wanted)
    right = drawn2["plot-both-sweeps"].axes[1].lines[1]
    assert right.get_ydata() == pytest.approx(losses, abs=5e-5)


def test_lengths_of_real_and_invented_names(lecture2, words, drawn2):
    rows = [numbers(row) for row in said(lecture2, "sample-lengths").splitlines()]
    share = [
        100 * sum(test(len(w)) for w in words) / len(words)
        for test in (lambda n: n <= 2, lambda n: n > 10)
    ]
    assert rows[0] == pytest.approx(share, abs=0.05)
    assert rows[1][0] > 20 * rows[0][0] and rows[1][1] > 10 * rows[0][1]
    bars = drawn2["plot-lengths"].axes[0].patches
    assert [bar.get_height() for bar in bars] == [
        sum(len(w) == n for w in words) for n in range(2, 16)
    ]


def test_what_is_drawn_of_the_counts(counts, drawn2):
    axis = drawn2["plot-counts"].axes[0]
    words = [text.get_text() for text in axis.texts]
    wanted = [word for a in SIGNS for b in SIGNS for word in (a + b, str(counts[a, b]))]
    assert words == wanted
    shade = np.asarray(axis.images[0].get_array())
    assert shade == pytest.approx(np.sqrt(table(counts)), abs=1e-4)
    P = table(counts) / table(counts).sum(1, keepdims=True)
    first, second, third = drawn2["plot-W-and-P"].axes[:3]
    assert np.asarray(first.images[0].get_array()) == pytest.approx(P, abs=1e-6)
    assert np.asarray(second.images[0].get_array()) == pytest.approx(P, abs=2e-4)
    assert 0 < np.asarray(third.images[0].get_array()).max() < 0.0002
    losses = drawn2["plot-losses"].axes[0].lines[0].get_ydata()
    assert losses == pytest.approx(descent(counts, 2000, by_row=True)[0], abs=1e-4)


def test_the_counted_share_is_the_best(counts, drawn2):
    curve, dot = drawn2["plot-best"].axes[0].lines
    p, found = curve.get_xdata(), curve.get_ydata()
    cost = -(206 * np.log(p) + 66 * np.log(1 - p)) / 228_146  # the part that depends on p
    assert found - found.min() == pytest.approx(cost - cost.min(), abs=1e-9)
    assert dot.get_xdata()[0] == 206 / 272
    cost_curve = drawn2["plot-cost"].axes[0].lines[0]
    assert cost_curve.get_ydata() == pytest.approx(-np.log(cost_curve.get_xdata()))


def test_softmax_is_drawn_step_by_step(drawn2):
    g = torch.Generator().manual_seed(SEED)
    row = torch.randn((27, 27), generator=g).double().numpy()[SIGNS.index("e")]
    steps = [row, np.exp(row), np.exp(row) / np.exp(row).sum()]
    for axis, wanted in zip(drawn2["plot-softmax"].axes, steps, strict=True):
        assert [bar.get_height() for bar in axis.patches] == pytest.approx(wanted, rel=1e-5)


def test_broadcasting_is_drawn_with_real_counts(counts, drawn2):
    words = [text.get_text() for text in drawn2["plot-broadcasting"].axes[0].texts]
    N = table(counts)[:3, :3]
    for sums, keep in [(N.sum(1, keepdims=True), True), (N.sum(1), False)]:
        for total in (N / sums).sum(1):
            assert f"row sum {total:.4g}" in words
        assert all(f"{x:.2f}" in words for x in (N / sums).flatten())
