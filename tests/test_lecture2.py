"""Lecture 2: what its cells print and its plots draw, worked out here with Counter and NumPy.

For a new cell that prints, add a line to test_what_is_printed; for a new plot, to `plots` (what may
stand there says `assert_drawn`); for a cell that compares two ways, to the last test. The words of
the plots (titles, labels, ticks, colours) stand in approved.txt, see test_prose.py.
"""

import math
import random
import time
from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
from conftest import ROOT, Lecture, assert_drawn, assert_prints, run, said

SIGNS, SEED = ".abcdefghijklmnopqrstuvwxyz", 2147483647
STRENGTHS = [0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]
PENALTIES = [1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5]
DIAGRAMS = {"draw-the-way", "plot-net"}  # approved.txt has all that these and the next two say
DIAGRAMS |= {"plot-broadcasting", "plot-keepdim-bug"}
PLOTS = {cell.id for cell in Lecture(ROOT / "lecture2.ipynb").code("plot")} - DIAGRAMS
WORDS = (ROOT / "names.txt").read_text(encoding="utf-8").split()


def windows(name, size=1):
    """Each character and the end of a name, with so many characters (or dots) before it."""
    text = "." * size + name + "."
    return [text[i : i + size + 1] for i in range(len(name) + 1)]


def counted(names, size=1):
    return Counter(window for name in names for window in windows(name, size))


def loss(counts, training=None, k=0.0):
    """Mean negative log likelihood of counted windows, under a table made of the training counts
    with k added to each. The last character of a window is what is predicted."""
    training, rows = training or counts, Counter()
    for window, n in training.items():
        rows[window[:-1]] += n
    cost = (n * -math.log((training[w] + k) / (rows[w[:-1]] + 27 * k)) for w, n in counts.items())
    return math.fsum(cost) / sum(counts.values())


def table(counts):
    """Counts of pairs as a (27, 27) array."""
    return np.array([[float(counts[a + b]) for b in SIGNS] for a in SIGNS])


def softmax(W):
    return np.exp(W) / np.exp(W).sum(1, keepdims=True)


COUNTS = counted(WORDS)
TOTAL, BEST, N = sum(COUNTS.values()), loss(COUNTS), table(COUNTS)
P = N / N.sum(1, keepdims=True)
COST = {a + b: -math.log(P[SIGNS.index(a), SIGNS.index(b)]) for a, b in COUNTS}
START = torch.randn((27, 27), generator=torch.Generator().manual_seed(SEED)).double().numpy()


@cache
def split():
    """The names for training, those held out, and those among the first to choose by."""
    distinct = sorted(set(WORDS))
    random.Random(42).shuffle(distinct)
    held, dev = set(distinct[:2949]), set(distinct[2949:5898])  # a tenth each
    train = [name for name in WORDS if name not in held]
    return train, [name for name in WORDS if name in held], [w for w in train if w in dev]


def drawn(rows, count=5):
    """Names drawn letter by letter with the lecture's seed."""
    rows, g, found = torch.tensor(rows).float(), torch.Generator().manual_seed(SEED), []
    for _ in range(count):
        found.append(".")
        while found[-1] == "." or found[-1][-1] != ".":
            row = rows[SIGNS.index(found[-1][-1])]
            found[-1] += SIGNS[torch.multinomial(row / row.sum(), 1, True, generator=g)]
    return [name[1:-1] for name in found]


@cache
def descent(steps, penalty=0.0, by_row=False):
    """Losses of gradient descent from the seeded W, and W before and after the last step.

    The learning rate is 50, or 5 divided by each row's share of the examples."""
    W, share, losses = START, N / TOTAL, []
    rate = 5 / share.sum(1, keepdims=True) if by_row else 50
    for _ in range(steps):
        before, probs = W, softmax(W)
        losses.append(-(share * np.log(probs)).sum() + penalty * (W**2).sum())
        W = W - rate * (share.sum(1, keepdims=True) * probs - share + 2 * penalty * W)
    return losses, before, W


@cache
def smoothed():
    """Training and held-out loss for each strength of smoothing."""
    train, held = map(counted, split()[:2])
    return [[loss(judged, train, k) for k in STRENGTHS] for judged in (train, held)]


@cache
def penalised():
    """Training and held-out loss for each penalty, at the exact minimum, by Newton's method."""
    train, held = (table(counted(names)) for names in split()[:2])
    goal, one, found = train / train.sum(), np.eye(27), []
    rows = goal.sum(1, keepdims=True)
    for strength in PENALTIES:
        W = np.log(goal + 1e-6)
        W -= W.mean(1, keepdims=True)
        for _ in range(30):
            probs = softmax(W)
            gradient = rows * probs - goal + 2 * strength * W
            bend = rows[:, None] * probs[:, None] * (one - probs[:, :, None]) + 2 * strength * one
            W -= np.linalg.solve(bend, gradient[:, :, None])[:, :, 0]
        assert np.abs(gradient).max() < 1e-9
        found.append([-(n * np.log(softmax(W))).sum() / n.sum() for n in (train, held)])
    return np.transpose(found).tolist()


@cache
def contexts():
    """For 1 to 5 characters: what is added, the training loss, the held-out loss."""
    (train, held, dev), found = split(), []
    fit = [name for name in train if name not in set(dev)]
    for n in range(1, 6):
        few, chosen, many, judged = (counted(names, n) for names in (fit, dev, train, held))
        k = min([0.01, 0.03, 0.1, 0.3, 1], key=lambda k: loss(chosen, few, k))
        found.append((k, loss(many, many, k), loss(judged, many, k)))
    return found


def test_what_is_printed(lecture2, played2):
    emma, andrejq = windows("emma"), windows("andrejq")
    x, y = ([SIGNS.index(pair[i]) for pair in emma] for i in (0, 1))
    shares, right = P[x, y], softmax(START)[x, y]
    gradient = np.eye(27)[x].T @ (softmax(START)[x] - np.eye(27)[y]) / 5
    moved = softmax(START - 0.1 * gradient)[x, y]
    invented = drawn(N, 1000)
    lengths = [(name, 100 * np.mean([len(w) <= 2 for w in some]), 2,
                100 * np.mean([len(w) > 10 for w in some]), 10)
               for name, some in [("real", WORDS), ("invented", invented)]]  # fmt: skip
    costs = {name: [COST[pair] for pair in windows(name)] for name in WORDS}
    one_by_one = sum((np.float32(cost) for name in WORDS for cost in costs[name]), np.float32(0))
    ranked = sorted(costs, key=lambda name: (round(np.mean(costs[name]), 5), name))
    (train, held, _), (n_train, n_held) = split(), map(counted, split()[:2])
    losses, _, W = descent(2000, by_row=True)
    reached = -(N * np.log(softmax(W))).sum() / TOTAL
    reg_losses, before, reg_W = descent(200, penalty=0.001)
    penalty = 0.001 * (before**2).sum()
    (k_loss, k), (strength_loss, strength) = (
        min(zip(some()[1], at)) for some, at in [(smoothed, STRENGTHS), (penalised, PENALTIES)]
    )
    g = torch.Generator().manual_seed(1)
    some_W = torch.randn((27, 27), generator=g, dtype=torch.float64).numpy()
    seen = [len({window[:-1] for window in counted(WORDS, n)}) for n in (1, 2, 3)]
    assert_prints(lecture2, {
        "load-words": [len(WORDS), " ".join(WORDS[:3]), 2, 15],
        "bigrams": [" ".join(pair) for pair in emma],
        "count-dictionary": [(*pair, n) for pair, n in COUNTS.most_common(6)],
        "tensor-first": [[0] * 8, 7, [0] * 6, "torch.int32", 3, 5, "torch.int32"],
        "tensor-index": [0, 0, 0, 7, 0, "torch.int32", 0, 7, 0, "torch.int32"],
        "stoi": [0, 1, 26, "m"],
        "count-loop": [27, 27, TOTAL],
        "count-bincount": [x, y],
        "time-counting": [148, COUNTS["em"], 0],
        "first-row": [P[0, 1], "q", P[0, 17], 1],
        "multinomial": [60, 31, 9],
        "sample": invented[:5],
        "sample-lengths": lengths,
        "sample-uniform": drawn(np.ones((27, 27))),
        "sum-shapes": [27, 27, 1],
        "probabilities": [27, 27, "torch.float32", [1] * 4],
        "keepdim-bug": [27, 27, (N / N.sum(1)).sum(1)[:4]],
        "keepdim-columns": [1] * 4,
        "in-place": [0, "RuntimeError"],
        "surprise-emma": [*zip(emma, shares, np.cumprod(np.float32(shares), dtype=float))],
        "loss-bigram": [BEST, 27, math.log(27)],
        "perplexity": [math.exp(BEST), 27],
        "float32-sum": ["float32", one_by_one / TOTAL, "float64", BEST],
        "name-nll": ["expected", ranked[:5], "surprising", ranked[-5:]],
        "table-nll": ["lowest", 0.755, 206, 272, 206 / 272],
        "andrejq": [(pair, COUNTS[pair], COST.get(pair, math.inf)) for pair in andrejq],
        "smooth-one": [8 * loss(Counter(andrejq), COUNTS, k=1),
                       "from", BEST, "to", loss(COUNTS, k=1)],
        "split": [len(train), "training", len(held), "held"],
        "count-pairs": [sum(n_train.values()), sum(n_held.values())],
        "smoothing-sweep": [len(n_held.keys() - n_train.keys()), loss(n_train)],
        "smoothing-best": [k, k_loss],
        "emma-examples": [x, y],
        "one-hot": [5, 27, "torch.float32"],
        "W": [5, 27, 2, 0],
        "softmax": [5, 27, 1],
        "loss-emma": [[(a, b, p, -math.log(p)) for (a, b), p in zip(emma, right)],
                      -np.log(right).mean()],
        "gradient-emma": [27, 27, gradient[5, 13]],
        "step-emma": [-np.log(p).mean() for p in (right, moved)],
        "train-one-hot": descent(5)[0],
        "row-rates": ["a", 5 / N[1].sum() * TOTAL, "q", 5 / N[17].sum() * TOTAL],
        "train-counts": [losses[:5], losses[-1]],
        "arrived": ["network", reached, "counting", BEST, "gap", reached - BEST],
        "row-of-W": [("m" + SIGNS[j], "counted", P[13, j], "network", softmax(W)[13, j])
                     for j in np.argsort(-P[13])[:5]],
        "same-names": [np.abs(P - softmax(W)).max(), invented[:5]],
        "regularised": [reg_losses[:5], reg_losses[-1], reg_losses[-1] - penalty, "data", penalty],
        "regularised-rows": [
            (ch, N[i].sum(), P[i].max(), "counted", softmax(reg_W)[i].max(), "regularised")
            for ch, i in [("q", 17), ("a", 1)]],
        "penalty-losses": [strength, strength_loss, 0.001, 0.001 / strength, 0.01 / 729 / strength],
        "three-equal": [[-(N * np.log(softmax(some_W))).sum() / TOTAL] * 3,
                        "rows", 1e-13, "counts", 1e-13],
        "shards": [[len("".join(WORDS[i::4])) + len(WORDS[i::4]) for i in range(4)], 0],
        "block-emma": [(w[:3], w[3]) for w in windows("emma", 3)],
        "block-shapes": [(n, 3, n) for n in (len("".join(WORDS[:5])) + 5, TOTAL)],
        "empty-rows": [[(n, 27**n, 1 - s / 27**n) for n, s in enumerate(seen, start=1)],
                       seen[2], TOTAL / seen[2]],
        "context-sweep": [(n, k, "training", train, "held", held)
                          for n, (k, train, held) in enumerate(contexts(), start=1)],
        "scoreboard": ["nothing", math.log(27), "bigram nothing added inf bigram", k, k_loss,
                       "network", strength, strength_loss,
                       [(n, held) for n, (_, _, held) in enumerate(contexts(), start=1)][1:]],
    })  # fmt: skip


@pytest.fixture(scope="module")
def plots(played2):
    """For each plot what its axes hold, see `assert_drawn`."""
    lengths = [np.bincount([*map(len, names)]) for names in (WORDS, drawn(N, 1000))]
    real, invented = ([*zip(np.arange(len(n)) + shift, n / n.sum())]
                      for n, shift in zip(lengths, (-0.2, 0.2)))  # fmt: skip
    marks = {"knowing nothing: 1/27": (1 / 27, math.log(27))}
    marks |= {pair: (math.exp(-COST[pair]), COST[pair]) for pair in windows("emma")}
    q = 206 / 272
    sweeps = []
    for at, (train, held) in [(STRENGTHS, smoothed()), (PENALTIES, penalised())]:
        ring = (at[np.argmin(held)], min(held))
        sweeps.append({"lines": [np.c_[at, train], np.c_[at, held], [ring]], "within": 2e-5})
    ends = {"training": (0.001, smoothed()[0][0]), "held out": (0.001, smoothed()[1][0])}
    losses, _, W = descent(2000, by_row=True)
    times = [1000 * t for t in played2.names["time-three"]["times"]]
    _, on_train, on_held = zip(*contexts())
    return {
        "plot-lengths": [{"bars": [*enumerate(lengths[0])][2:]}],
        "plot-counts": [{"images": [np.sqrt(N)],
                         "words": [word for a in SIGNS for b in SIGNS
                                   for word in (a + b, str(COUNTS[a + b]))]}],
        "plot-invented-lengths": [{"bars": real + invented}],
        "plot-cost": [{"lines": [lambda p: -np.log(p)] + [[mark] for mark in marks.values()],
                       "marks": marks}],
        "plot-best": [{
            "lines": [lambda p: BEST + 206 / TOTAL * np.log(q / p)
                      + 66 / TOTAL * np.log((1 - q) / (1 - p)), [(q, BEST)]],
            "marks": {"206 of 272": (q, BEST)}, "within": 1e-7,
        }],
        "plot-smoothing": [sweeps[0] | {"marks": ends}],
        "plot-one-hot": [{"images": [np.eye(27)[[0, 5, 13, 13, 1]]]}],
        "plot-softmax": [
            {"bars": [*enumerate(row)], "lines": [[(0, 0), (1, 0)]]}
            for row in (START[5], np.exp(START[5]), softmax(START)[5])
        ],
        "plot-losses": [{"lines": [[*enumerate(losses, 1)], [(0, BEST), (1, BEST)]],
                         "marks": {"counting": (1, BEST)}, "within": 1e-5}],
        "plot-W-and-P": [
            {"images": [P]}, {"images": [softmax(W)], "within": 1e-5},
            {"images": [np.abs(P - softmax(W))], "within": 0.02},
        ] + [{}] * 3,
        "plot-both-sweeps": sweeps,
        "plot-times": [{"lines": [[(t, -i)] for i, t in enumerate(times)],
                        "marks": {f"{t:.2g} ms": (t, -i) for i, t in enumerate(times)}}],
        "plot-context": [{"lines": [[*enumerate(on_train, 1)], [*enumerate(on_held, 1)]],
                          "marks": {"training": (4, on_train[3]), "held out": (4, on_held[3])}}],
    }  # fmt: skip


@pytest.mark.parametrize("cell_id", sorted(PLOTS))
def test_what_is_drawn(played2, plots, cell_id):
    assert_drawn(played2.axes[cell_id], *plots[cell_id])


def test_what_titles_and_text_say(played2):
    assert {n for n, _ in Counter(map(len, WORDS)).most_common(3)} == {5, 6, 7}
    assert COUNTS["qu"] == 206 and N[17].sum() == 272
    held_out, times = [held for _, _, held in contexts()], played2.names["time-three"]["times"]
    assert min(held_out) == held_out[2]  # three characters help, a fourth does harm
    assert times[0] > times[1] > times[2]  # one-hot, rows, counts


def test_it_arrives_at_the_counting_model_in_two_seconds(lecture2):
    names = lecture2.take("load-words", "bigrams", "stoi", "count-loop", "row-rates")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for one another say nothing of the work
    begin = time.perf_counter()
    run(lecture2.cells["train-counts"], names)
    assert time.perf_counter() - begin < 2
    torch.set_num_threads(threads)
    probs = softmax(names["W"].detach().double().numpy())
    assert 0 < -(N * np.log(probs)).sum() / TOTAL - BEST < 0.0002


@pytest.mark.parametrize("cell_id, name, wrong", [
    ("time-counting", "N", lambda N: N.roll(1, 0)),
    ("in-place", "P", lambda P: P.roll(1, 0)),
    ("W", "xenc", lambda xenc: xenc.roll(1, 0)),
    ("row-of-W", "P_net", lambda P: P.roll(1, 0)),
    ("same-names", "P", lambda P: P.roll(1, 0)),
    ("three-equal", "loss_one_hot", lambda loss: lambda W: loss(W) + 1e-6 * W[5, 13]),
    ("three-equal", "loss_rows", lambda loss: lambda W: loss(W) + 1e-6 * W[0, 0]),
    ("three-equal", "loss_counts", lambda loss: lambda W: loss(W) + 1e-6 * W[26, 26]),
    ("shards", "count_pairs", lambda count: lambda names: count(names).roll(1, 0)),
])  # fmt: skip
def test_a_comparison_sees_one_side_that_is_wrong(lecture2, played2, cell_id, name, wrong, capsys):
    names = played2.names[cell_id]
    run(lecture2.cells[cell_id], names | {name: wrong(names[name])})
    assert capsys.readouterr().out != said(lecture2, cell_id)
