"""Lecture 2: what its cells print and what its plots draw, worked out here with Counter, Python's
floats and NumPy. The words of the plots stand in approved.txt, see test_prose.py."""

import math
import time
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import SEED, SIGNS, loss, numbers, pairs, run, said

TABLES = ["load-words", "bigrams", "stoi", "count-loop", "count-bincount"]
STRENGTHS = [0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]
PENALTIES = [1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5]


def table(counts):
    """Counts as a (27, 27) array."""
    return np.array([[float(counts[a, b]) for b in SIGNS] for a in SIGNS])


def shares(counts):
    return table(counts) / table(counts).sum(1, keepdims=True)


def softmax(W):
    e = np.exp(W - W.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def start():
    return torch.randn((27, 27), generator=torch.Generator().manual_seed(SEED)).double().numpy()


def descent(counts, steps, penalty=0.0, by_row=False):
    """Losses and the last W of gradient descent from the seeded W.

    The learning rate is 50, or 5 divided by each row's share of the examples."""
    W, share, losses = start(), table(counts) / sum(counts.values()), []
    for _ in range(steps):
        probs = softmax(W)
        losses.append(-(share * np.log(probs)).sum() + penalty * (W**2).sum())
        rate = 5 / share.sum(1, keepdims=True) if by_row else 50
        W = W - rate * (share.sum(1, keepdims=True) * probs - share + 2 * penalty * W)
    return losses, W


def four(values):
    return " ".join(f"{value:.4f}" for value in values)


# Counting


def test_the_data_and_its_pairs(lecture2, words, counts, played2):
    lengths = Counter(len(word) for word in words)
    assert (len(words), min(lengths), max(lengths)) == (32_033, 2, 15)
    for fact in ["32033 names", str(words[:3]), "from 2 to 15"]:
        assert fact in said(lecture2, "load-words")
    top = "".join(f"{a} {b} {n}\n" for (a, b), n in counts.most_common(6))
    assert said(lecture2, "count-dictionary") == top
    assert top.startswith("n . 6763\na . 6640\na n 5438\n. a 4410\n")
    names = lecture2.take(*TABLES)
    assert names["N"].tolist() == table(counts).tolist() and sum(counts.values()) == 228_146
    assert (len(names["xs"]), names["xs"][:5].tolist()) == (228_146, [0, 5, 13, 13, 1])
    both = f"the pair 148 occurs {counts['e', 'm']} times\npairs counted otherwise than by the loop"
    assert said(lecture2, "time-counting") == f"{both}: 0\n"
    assert said(lecture2, "count-loop") == "torch.Size([27, 27]) 228146\n"
    bars = [height for _, _, height in played2.axes["plot-lengths"][0].bars]
    assert bars == [lengths[n] for n in range(2, 16)]
    assert sorted(lengths, key=lengths.get)[-3:] in ([7, 5, 6], [5, 7, 6])  # the title


def test_new_names(lecture2, counts):
    g, found = torch.Generator().manual_seed(SEED), []
    for _ in range(5):
        name, ch = "", "."
        while ch != "." or not name:
            row = torch.tensor([float(counts[ch, other]) for other in SIGNS])
            ch = SIGNS[torch.multinomial(row / row.sum(), 1, replacement=True, generator=g).item()]
            name += ch
        found.append(name[:-1])
    assert found == ["cexze", "momasurailezitynn", "konimittain", "llayn", "ka"]
    assert said(lecture2, "sample").split() == found
    assert said(lecture2, "same-names").endswith(f"{found}\n")  # the network's


def test_lengths_of_real_and_invented_names(lecture2, words, played2):
    real, invented = [numbers(row) for row in said(lecture2, "sample-lengths").splitlines()]
    tests = [lambda n: n <= 2, lambda n: n > 10]
    for found, lengths in [(real, [len(w) for w in words]),
                           (invented, played2.names["sample-lengths"]["invented"])]:  # fmt: skip
        share = [100 * sum(map(test, lengths)) / len(lengths) for test in tests]
        assert found == pytest.approx(share, abs=0.0501)
    assert invented[0] > 20 * real[0] and invented[1] > 10 * real[1]
    axis = played2.axes["plot-invented-lengths"][0]
    heights, n = [height for _, _, height in axis.bars], max(len(w) for w in words) + 1
    assert heights[:n] == pytest.approx(
        [sum(len(w) == i for w in words) / 32_033 for i in range(n)]
    )
    assert sum(heights[n:]) == pytest.approx(1) and heights[n + 1] > 0.05  # names of one letter


def test_the_bug_without_keepdim(lecture2, counts):
    wrong = table(counts) / table(counts).sum(1)
    assert said(lecture2, "keepdim-bug").endswith(four(wrong.sum(1)[:4]) + "\n")
    assert said(lecture2, "keepdim-columns").endswith(four([1] * 4) + "\n")


def test_how_good_the_model_is(lecture2, words, counts):
    best = loss(counts)
    assert f"{best:.4f} {best:.5f}" == "2.4540 2.45401" and f"{math.log(27):.4f}" == "3.2958"
    assert numbers(said(lecture2, "loss-bigram")) == [2.454, 3.2958]
    assert f"perplexity {math.exp(best):.4f}" in said(lecture2, "perplexity")
    assert counts["q", "u"] == 206 and sum(counts["q", b] for b in SIGNS) == 272
    rows, total = Counter(ch for name in words for ch in "." + name), np.float32(0)
    cost = {p: -math.log(n / rows[p[0]]) for p, n in counts.items()}
    for name in words:
        for p in zip("." + name, name + ".", strict=True):
            total += np.float32(cost[p])
    assert numbers(said(lecture2, "float32-sum"))[-2:] == [round(total / 228_146, 5), 2.45401]
    assert f"{total / 228_146:.4f}" == "2.4541"
    means = {n: np.mean([cost[p] for p in zip("." + n, n + ".", strict=True)]) for n in words}
    ranked = sorted(means, key=lambda name: (round(means[name], 5), name))
    expected, surprising = said(lecture2, "name-nll").splitlines()
    assert str(ranked[:5]) in expected and str(ranked[-5:]) in surprising
    lines, product = said(lecture2, "surprise-emma").splitlines(), 1.0
    for line, p in zip(lines, zip(".emma", "emma.", strict=True), strict=True):
        product *= math.exp(-cost[p])
        assert line.startswith("".join(p))
        assert numbers(line) == [round(math.exp(-cost[p]), 4), pytest.approx(product, abs=2e-9)]


def test_the_counted_share_is_the_best(lecture2, counts, played2):
    curve, dot = played2.axes["plot-best"][0].lines
    p, found = curve.T
    cost = -(206 * np.log(p) + 66 * np.log(1 - p)) / 228_146  # the part that depends on p
    assert found - found.min() == pytest.approx(cost - cost.min(), abs=1e-9)
    assert dot[0] == pytest.approx([206 / 272, loss(counts)], rel=1e-6)
    assert said(lecture2, "table-nll") == "lowest at 0.755; 206 of 272 is 0.7574\n"
    curve, grey, *dots = played2.axes["plot-cost"][0].lines
    assert curve[:, 1] == pytest.approx(-np.log(curve[:, 0]))
    P = shares(counts)
    emma = [P[SIGNS.index(a), SIGNS.index(b)] for a, b in zip(".emma", "emma.", strict=True)]
    for point, at in zip([grey, *dots], [1 / 27, *emma], strict=True):
        assert point[0] == pytest.approx([at, -math.log(at)], rel=1e-5)


def test_what_was_never_seen(lecture2, words, counts, split, played2):
    rows = Counter(ch for name in words for ch in "." + name)
    seen = list(zip(".andrejq", "andrejq.", strict=True))
    cost = -sum(math.log((counts[p] + 1) / (rows[p[0]] + 27)) for p in seen)
    assert counts["j", "q"] == 0 and "jq     0  inf" in said(lecture2, "andrejq")
    assert f"{cost:.4f}" == "27.8672" and f"{cost:.4f} in all" in said(lecture2, "smooth-one")
    assert f"{loss(counts, k=1):.4f}" == "2.4546"
    assert "from 2.4540 to 2.4546" in said(lecture2, "smooth-one")
    train, held, _ = split
    assert f"{len(train)} for training, {len(held)} held out" in said(lecture2, "split")
    n_train, n_held = pairs(train), pairs(held)
    unseen = sum(p not in n_train for p in n_held)
    lines = [f"held-out pairs never seen: {unseen}",
             f"nothing added: training {loss(n_train):.4f}, held out infinite"]  # fmt: skip
    assert said(lecture2, "smoothing-sweep").splitlines() == lines and unseen == 5
    trained, judged = ([loss(n, n_train, k) for k in STRENGTHS] for n in (n_train, n_held))
    best = STRENGTHS[judged.index(min(judged))]
    assert f"add {best}, held-out loss {min(judged):.4f}" in said(lecture2, "smoothing-best")
    for cell_id in ["plot-smoothing", "plot-both-sweeps"]:
        first, second, ring = played2.axes[cell_id][0].lines
        assert first.T == pytest.approx(np.array([STRENGTHS, trained]))
        assert second.T == pytest.approx(np.array([STRENGTHS, judged]), rel=1e-6)
        assert ring[0] == pytest.approx([best, min(judged)])


def test_what_is_drawn_of_the_tables(counts, played2):
    [axis] = played2.axes["plot-counts"]
    wanted = [word for a in SIGNS for b in SIGNS for word in (a + b, str(counts[a, b]))]
    assert [word for word, _ in axis.texts] == wanted
    assert axis.images[0] == pytest.approx(np.sqrt(table(counts)), abs=1e-3)
    P = shares(counts)
    first, second, third = [axis.images[0] for axis in played2.axes["plot-W-and-P"][:3]]
    assert first == pytest.approx(P, abs=1e-6) and 1e-6 < np.abs(second - P).max() < 2e-4
    assert third == pytest.approx(np.abs(first - second), abs=1e-9)
    [axis] = played2.axes["plot-one-hot"]
    assert np.argmax(axis.images[0], 1).tolist() == [0, 5, 13, 13, 1] and axis.images[0].sum() == 5


# The network


def test_five_pairs_step_by_step(lecture2, played2):
    W, x, y = start(), *([SIGNS.index(ch) for ch in chars] for chars in [".emma", "emma."])
    probs = softmax(W)
    right = probs[x, y]
    *lines, last = said(lecture2, "loss-emma").splitlines()
    for p, line in zip(right, lines, strict=True):
        assert line.endswith(f": {p:.4f}, cost {-np.log(p):.4f}")
    first = -np.log(right).mean()
    assert last == f"loss {first:.4f}"
    gradient = np.zeros((27, 27))
    for i, j in zip(x, y, strict=True):
        gradient[i] += probs[i] / 5
        gradient[i, j] -= 1 / 5
    assert said(lecture2, "gradient-emma").endswith(f"e -> m {gradient[5, 13]:.4f}\n")
    after = -np.log(softmax(W - 0.1 * gradient)[x, y]).mean()
    assert said(lecture2, "step-emma") == f"{first:.4f} -> {after:.4f}\n"
    steps = [W[5], np.exp(W[5]), probs[5]]
    for axis, wanted in zip(played2.axes["plot-softmax"], steps, strict=True):
        assert [height for _, _, height in axis.bars] == pytest.approx(wanted, rel=1e-5)


def test_first_losses_by_either_way(lecture2, counts, played2):
    first = four(descent(counts, 5)[0])
    assert first == "3.7590 3.3711 3.1540 3.0204 2.9277"
    assert said(lecture2, "train-one-hot") == first + "\n"
    losses = descent(counts, 2000, by_row=True)[0]
    assert said(lecture2, "train-counts") == f"{four(losses[:5])} ... {losses[-1]:.4f}\n"
    curve, level = played2.axes["plot-losses"][0].lines
    assert curve.T == pytest.approx(np.array([range(1, 2001), losses]), abs=1e-4)
    assert level[:, 1] == pytest.approx([loss(counts)] * 2)


def test_it_arrives_at_the_counting_model_in_two_seconds(lecture2, counts):
    names, threads = lecture2.take(*TABLES), torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for one another say nothing of the work
    begin = time.perf_counter()
    run(lecture2.cells["train-counts"], names)
    assert time.perf_counter() - begin < 2
    torch.set_num_threads(threads)
    probs, P = softmax(names["W"].detach().double().numpy()), shares(counts)
    reached = -(table(counts) * np.log(probs)).sum() / sum(counts.values())
    gap = f"network {reached:.4f}, counting {loss(counts):.4f}, gap {reached - loss(counts):.4f}\n"
    assert said(lecture2, "arrived") == gap and 0 < reached - loss(counts) < 0.0002
    assert np.abs(probs - P).max() < 0.0002
    by_both = numbers(said(lecture2, "row-of-W"))
    for i, column in enumerate([P, probs]):
        assert by_both[i::2] == pytest.approx(sorted(column[13])[:-6:-1], abs=6e-5)


def test_regularisation(lecture2, counts, split, played2):
    losses, W = descent(counts, 200, penalty=0.001)
    line, ends = said(lecture2, "regularised").splitlines()
    assert line == f"{four(losses[:5])} ... {losses[-1]:.4f}"
    assert line.startswith("4.4635 3.8138 3.4791 3.2815 3.1534 ")
    data_loss, penalty = numbers(ends)
    assert data_loss + penalty == pytest.approx(losses[-1], abs=2e-4) and data_loss > loss(counts)
    P, probs = shares(counts), softmax(W)
    for line, ch in zip(said(lecture2, "regularised-rows").splitlines(), "qa", strict=True):
        row = SIGNS.index(ch)
        assert numbers(line) == pytest.approx([P[row].max(), probs[row].max()], abs=6e-5)
    train, held = (table(pairs(names)) for names in split[:2])
    goal, on_train, on_held = train / train.sum(), [], []
    rows = goal.sum(1)
    for strength in PENALTIES:
        W = np.log(goal + 1e-6)
        W -= W.mean(1, keepdims=True)
        for _ in range(30):  # Newton's method, row by row, to the exact minimum
            probs = softmax(W)
            gradient = rows[:, None] * probs - goal + 2 * strength * W
            for i, p in enumerate(probs):
                curve = rows[i] * (np.diag(p) - np.outer(p, p)) + 2 * strength * np.eye(27)
                W[i] -= np.linalg.solve(curve, gradient[i])
        assert np.abs(gradient).max() < 1e-9
        for counted, found in [(train, on_train), (held, on_held)]:
            found.append(-(counted * np.log(softmax(W))).sum() / counted.sum())
    best = PENALTIES[int(np.argmin(on_held))]
    wanted = f"best of these: {best:.0e}, held-out loss {min(on_held):.4f}\n"
    assert said(lecture2, "penalty-losses").startswith(wanted)
    first, second, ring = played2.axes["plot-both-sweeps"][1].lines
    assert first.T == pytest.approx(np.array([PENALTIES, on_train]), abs=5e-5)
    assert second.T == pytest.approx(np.array([PENALTIES, on_held]), abs=5e-5)
    assert ring[0] == pytest.approx([best, min(on_held)], abs=5e-5)


def test_three_losses_and_gradients_are_one(lecture2, played2, capsys):
    W = np.random.default_rng(3).normal(size=(27, 27))
    W_torch = torch.tensor(W, requires_grad=True)
    names = dict(played2.names["three-equal"])
    share = names["share"].double().numpy()
    gradient = share.sum(1, keepdims=True) * softmax(W) - share
    for way in ["one_hot", "rows", "counts"]:
        value = names[f"loss_{way}"](W_torch)
        assert value.item() == pytest.approx(-(share * np.log(softmax(W))).sum(), rel=1e-6)
        [found] = torch.autograd.grad(value, W_torch)
        assert found.numpy() == pytest.approx(gradient, abs=1e-7)
        off = lambda W, f=names[f"loss_{way}"]: f(W) + 1e-6 * W[5, 13]  # noqa: E731
        run(lecture2.cells["three-equal"], names | {f"loss_{way}": off})
        assert "False" in capsys.readouterr().out, "the comparison does not see this one"
    names, count = played2.names["shards"], played2.names["shards"]["count_pairs"]
    for cell_id, wrong in [("shards", {"count_pairs": lambda names: count(names[1:])}),
                           ("time-counting", {"xs": names["xs"].roll(1)})]:  # fmt: skip
        run(lecture2.cells[cell_id], names | wrong)
        now, before = capsys.readouterr().out.splitlines(), said(lecture2, cell_id).splitlines()
        assert now[-1] != before[-1]
    axis, times = played2.axes["plot-times"][0], played2.names["time-three"]["times"]
    assert [line[0, 0] for line in axis.lines] == pytest.approx([1000 * t for t in times])
    assert times[0] > 10 * times[2]


# More context


def windows(names, size):
    return [("." * size + n + ".")[i : i + size + 1] for n in names for i in range(len(n) + 1)]


def test_more_context(lecture2, words, split, played2):
    for names in (words[:5], words):
        n = len(windows(names, 3))
        assert f"({n}, 3) ({n},)" in said(lecture2, "block-shapes")
    *lines, last = said(lecture2, "empty-rows").splitlines()
    for n, line in zip([1, 2, 3], lines, strict=True):
        seen = len({window[:-1] for window in windows(words, n)})
        assert line == f"{n} characters: {27**n:6d} rows, {1 - seen / 27**n:.4f} of them empty"
    assert last == f"{seen} contexts of three, {228146 / seen:.1f} examples each on average"
    train, held, distinct = split
    dev_names, on_train, on_held = set(distinct[2949:5898]), [], []
    fit, dev = ([w for w in train if (w in dev_names) == b] for b in (False, True))
    for n, line in enumerate(said(lecture2, "context-sweep").splitlines(), start=1):
        counted = [Counter(windows(names, n)) for names in (fit, dev, train, held)]
        k = min([0.01, 0.03, 0.1, 0.3, 1], key=lambda k: loss(counted[1], counted[0], k))
        on_train.append(loss(counted[2], counted[2], k))
        on_held.append(loss(counted[3], counted[2], k))
        assert line == f"{n}: add {k}, training {on_train[-1]:.4f}, held out {on_held[-1]:.4f}"
        assert n == 1 or f"{n} characters, by counting" in said(lecture2, "scoreboard")
        assert n == 1 or f"{on_held[-1]:.4f}" in said(lecture2, "scoreboard")
    assert n == 5 and on_held.index(min(on_held)) == 2  # three characters, says the title
    for line, wanted in zip(
        played2.axes["plot-context"][0].lines, [on_train, on_held], strict=True
    ):
        assert line.T == pytest.approx(np.array([range(1, 6), wanted]))
