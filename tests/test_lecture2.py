"""Lecture 2: what it prints and draws, worked out with Counter and NumPy. A new cell that prints is
added to test_what_is_printed, a plot to test_what_is_drawn, a comparison to the last test."""

import math
import random
from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
from conftest import ROOT, assert_drawn, assert_prints, run, said
from matplotlib.markers import MarkerStyle

SIGNS, SEED = ".abcdefghijklmnopqrstuvwxyz", 2147483647
STRENGTHS, PENALTIES = [0.001, 0.01, 0.03, 0.1, 0.3, 1, 3], [1e-7, 3e-7, 1e-6, 3e-6, 1e-5]
DIAGRAMS = {"draw-the-way", "plot-net", "plot-broadcasting", "plot-keepdim-bug"}  # approved.txt
ROLL = "time-counting N|time-counting xs|in-place P|W xenc|row-of-W P_net|same-names P"
WORDS = (ROOT / "names.txt").read_text(encoding="utf-8").split()


def windows(name, size=1):
    """Each character and the end of a name, with so many characters (or dots) before it."""
    text = "." * size + name + "."
    return [text[i : i + size + 1] for i in range(len(name) + 1)]


def counted(names, size=1):
    return Counter(window for name in names for window in windows(name, size))


def loss(counts, training=None, k=0.0):
    """Mean negative log likelihood of how windows end, if k is added to the training counts."""
    training, rows = training or counts, Counter()
    for window, n in training.items():
        rows[window[:-1]] += n
    cost = (n * -math.log((training[w] + k) / (rows[w[:-1]] + 27 * k)) for w, n in counts.items())
    return math.fsum(cost) / sum(counts.values())


def table(counts):
    return np.array([[float(counts[a + b]) for b in SIGNS] for a in SIGNS])


def softmax(W):
    return np.exp(W) / np.exp(W).sum(1, keepdims=True)


COUNTS = counted(WORDS)
TOTAL, BEST, N = sum(COUNTS.values()), loss(COUNTS), table(COUNTS)
P = N / N.sum(1, keepdims=True)
COST = {a + b: -math.log(P[SIGNS.index(a), SIGNS.index(b)]) for a, b in COUNTS}
START = torch.randn((27, 27), generator=torch.Generator().manual_seed(SEED)).double().numpy()
DISTINCT = sorted(set(WORDS))
random.Random(42).shuffle(DISTINCT)
TENTH, NEXT_TENTH = set(DISTINCT[:2949]), set(DISTINCT[2949:5898])
TRAIN, HELD = [w for w in WORDS if w not in TENTH], [w for w in WORDS if w in TENTH]
N_TRAIN, N_HELD = counted(TRAIN), counted(HELD)
SEEN = Counter(w for name in TRAIN for n in range(1, 6) for w in windows(name, n))
MET = Counter(w[:-1] for name in TRAIN for n in range(1, 6) for w in windows(name, n))
SMOOTHED = [[loss(judged, N_TRAIN, k) for k in STRENGTHS] for judged in (N_TRAIN, N_HELD)]


def names_by(choose, n=1, count=5):
    """Names written character by character: each is chosen by the n before it."""
    text = "." * n
    while text.count("." * n) <= count:
        sign = choose(text[-n:])
        text += sign * (n if sign == "." else 1)
    return text.split("." * n)[1:-1]


def drawn(rows, count=5, seed=SEED):
    """Names drawn as the lecture does."""
    probs, g = torch.tensor(rows).float(), torch.Generator().manual_seed(seed)
    probs /= probs.sum(1, keepdim=True)
    row = {sign: probs[i] for i, sign in enumerate(SIGNS)}
    return names_by(lambda at: SIGNS[row[at].multinomial(1, True, generator=g)], 1, count)


def written(n):
    seen, rng = counted(TRAIN, n), random.Random(1)
    names = names_by(lambda at: rng.choices(SIGNS, [seen[at + s] for s in SIGNS])[0], n, 200)
    return n, names[:5], sum(name in TRAIN for name in names), 200


def mixed(window):
    """The probability of its end, when each length leans on the next shorter one."""
    if len(window) == 1:
        return 1 / 27
    return (SEEN[window] + 10 * mixed(window[1:])) / (MET[window[:-1]] + 10)


def nll(probs, n=N):
    return -(n * np.log(probs)).sum() / n.sum()


@cache
def descent(steps, penalty=0.0, by_row=False, momentum=0.0):
    """Losses of descent from START (with momentum: from 0, on training names), the last two W."""
    W, n, velocity, losses = (START, N, 0, []) if not momentum else (0 * N, table(N_TRAIN), 0, [])
    share, of_row = n / n.sum(), n.sum(1, keepdims=True) / n.sum()
    rate = 5 / of_row if by_row else 50
    for _ in range(steps):
        before, probs = W, softmax(W)
        losses.append(-(share * np.log(probs)).sum() + penalty * (W**2).sum())
        velocity = momentum * velocity + of_row * probs - share + 2 * penalty * W
        W = W - rate * velocity
    return losses, before, W


@cache
def penalised():
    """Training and held-out loss for each penalty, after ten times the lecture's steps."""
    tables = [softmax(descent(3000, penalty, True, 0.9)[2]) for penalty in PENALTIES]
    return [[nll(probs, table(n)) for probs in tables] for n in (N_TRAIN, N_HELD)]


@cache
def contexts():
    """For each number of characters: that, what is added, the training loss, the held-out loss."""
    found, dev = [], [w for w in TRAIN if w in NEXT_TENTH]
    for n in range(1, 6):
        few = counted([w for w in TRAIN if w not in NEXT_TENTH], n)
        chosen, many, judged = (counted(names, n) for names in (dev, TRAIN, HELD))
        k = min([0.03, 0.1, 0.3, 1], key=lambda k: loss(chosen, few, k))
        found.append((n, k, loss(many, many, k), loss(judged, many, k)))
    return found


def test_what_is_printed(lecture2, played2):
    emma, andrejq = windows("emma"), windows("andrejq")
    x, y = ([SIGNS.index(pair[i]) for pair in emma] for i in (0, 1))
    shares, right = P[x, y], softmax(START)[x, y]
    gradient = np.eye(27)[x].T @ (softmax(START)[x] - np.eye(27)[y]) / 5
    moved = -np.log(softmax(START - 0.1 * gradient)[x, y]).mean()
    invented = drawn(N, 1000)
    lengths = [(name, 100 * np.mean([len(w) <= 2 for w in some]), 2,
                100 * np.mean([len(w) > 10 for w in some]), 10)
               for name, some in [("real", WORDS), ("invented", invented)]]  # fmt: skip
    costs = {name: [COST[pair] for pair in windows(name)] for name in WORDS}
    ranked = sorted(costs, key=lambda name: (round(np.mean(costs[name]), 5), name))
    losses, _, W = descent(4000)
    net, reached = softmax(W), nll(softmax(W))
    reg_losses, before, reg_W = descent(200, penalty=0.001)
    penalty = 0.001 * (before**2).sum()
    (k_loss, k), few = min(zip(SMOOTHED[1], STRENGTHS)), table(N_TRAIN)
    strength_loss, strength = min(zip(penalised()[1], PENALTIES))
    some_W = torch.randn((27, 27), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    met = {n: Counter(w[:-1] for name in WORDS for w in windows(name, n)) for n in (1, 2, 3)}
    assert_prints(lecture2, {
        "load-words": [len(WORDS), " ".join(WORDS[:3]), 2, 15], "stoi": [0, 1, 26, "m"],
        "bigrams": [" ".join(pair) for pair in emma], "count-loop": [27, 27, TOTAL],
        "count-dictionary": [(*pair, n) for pair, n in COUNTS.most_common(6)],
        "tensor-first": [[0] * 8, 7, [0] * 6, "torch.int32", 3, 5, "torch.int32"],
        "tensor-index": [0, 0, 0, 7, 0, "torch.int32", 0, 7, 0, "torch.int32"],
        "count-bincount": [x, y], "time-counting": [COUNTS["em"], 0], "sample": invented[:5],
        "first-row": [P[0, 1], "q", P[0, 17], 1], "multinomial": [60, 31, 9],
        "sample-lengths": lengths, "sample-uniform": drawn(np.ones((27, 27)), seed=7),
        "sum-shapes": [27, 27, 1], "probabilities": [27, 27, "torch.float32", [1] * 4],
        "keepdim-bug": [27, 27, (N / N.sum(1)).sum(1)[:4]], "keepdim-columns": [1] * 4,
        "in-place": [0, "RuntimeError"], "move-one": ["lowest", 0.755, 206, 272, 206 / 272],
        "surprise-emma": [*zip(emma, shares, np.cumprod(shares))], "emma-examples": [x, y],
        "perplexity": [math.exp(BEST), 27, math.exp(loss(counted(WORDS, 0)))], "W": [5, 27, 2, 0],
        "name-nll": ["expected", ranked[:5], "surprising", ranked[-5:]],
        "andrejq": [(pair, COUNTS[pair], COST.get(pair, math.inf)) for pair in andrejq],
        "smooth-one": [8 * loss(Counter(andrejq), COUNTS, k=1), BEST, loss(COUNTS, k=1)],
        "split": [len(TRAIN), "training", len(HELD), "held"], "one-hot": [5, 27, "torch.float32"],
        "smoothing-best": [k, k_loss, 0.001, SMOOTHED[1][0], (few < 30).sum(), 729, 30,
                           table(N_HELD)[few < 30].sum() / N_HELD.total()],
        "count-pairs": [N_TRAIN.total(), N_HELD.total()], "loss-bigram": [BEST, 27, math.log(27)],
        "smoothing-sweep": [len(N_HELD.keys() - N_TRAIN.keys()), loss(N_TRAIN), math.inf],
        "loss-emma": [[*zip(".emma", "emma.", right, -np.log(right))], -np.log(right).mean()],
        "two-probabilities": ["m", softmax(START)[5, 13], "a", softmax(START)[5, 1]],
        "gradient-emma": ["m", gradient[5, 13], "a", gradient[5, 1]], "table-nll": [BEST],
        "train-counts": [losses[:5], losses[-1]], "step-emma": [-np.log(right).mean(), moved],
        "arrived": ["network", reached, "counting", BEST, "gap", reached - BEST],
        "row-of-W": [("m" + SIGNS[j], "counted", P[13, j], "network", net[13, j])
                     for j in np.argsort(-P[13])[:5]],
        "log-counts": [("m" + SIGNS[j], W[13, j], math.log(N[13, j]), math.log(N[13, j]) - W[13, j])
                       for j in [*np.argsort(-P[13])[:4], 6]],
        "same-names": [np.abs(P - net).max(), invented[:5]], "softmax": [5, 27, 1],
        "regularised": [reg_losses[:5], reg_losses[-1], reg_losses[-1] - penalty, "data", penalty],
        "regularised-rows": [(a, N[i].sum(), P[i].max(), "counted", softmax(reg_W)[i].max())
                             for a, i in [("q", 17), ("a", 1)]],
        "penalty-losses": [strength, strength_loss], "write-names": [*map(written, (1, 3, 5))],
        "three-equal": [[nll(softmax(some_W.numpy()))] * 3, *[0, 729, 1e-12] * 2],
        "shards": [[len("".join(WORDS[i::4])) + len(WORDS[i::4]) for i in range(4)], 0],
        "last-gap": [N.sum(1) @ (net * (N == 0)).sum(1) / TOTAL], "train-one-hot": descent(5)[0],
        "block-shapes": [TOTAL, 3, TOTAL, len("".join(WORDS[:5])) + 5],
        "empty-rows": [(n, 1 - len(rows) / 27**n, 27**n, TOTAL / len(counted(WORDS, n)))
                       for n, rows in met.items()],
        "context-nll": [counted(WORDS, 3)["emma"], met[3]["emm"]], "block": windows("emma", 3),
        "context-sweep": [(n, k, "training", a, "held", b) for n, k, a, b in contexts()],
        "scoreboard": ["nothing", math.log(27), 27, "bigram nothing added inf inf",
                       "network", strength, strength_loss, math.exp(strength_loss),
                       [(c[0], c[-1], math.exp(c[-1])) for c in contexts()]],
    })  # fmt: skip


def test_what_is_drawn(played2, subtests):
    lengths = [np.bincount([*map(len, names)]) for names in (WORDS, drawn(N, 1000))]
    real, invented = ([*zip(np.arange(len(n)) + shift, n / n.sum())]
                      for n, shift in zip(lengths, (-0.2, 0.2)))  # fmt: skip
    marks = {"knowing nothing: 1/27": (1 / 27, math.log(27))}
    marks |= {pair: (math.exp(-COST[pair]), COST[pair]) for pair in windows("emma")}
    q, sweeps = 206 / 272, []
    for at, (train, held) in [(STRENGTHS, SMOOTHED), (PENALTIES, penalised())]:
        ring = (at[np.argmin(held)], min(held))
        sweeps.append({"lines": [np.c_[at, train], np.c_[at, held], [ring]], "within": 2e-5})
    ends = {"training": (0.001, SMOOTHED[0][0]), "held out": (0.001, SMOOTHED[1][0])}
    losses, _, W = descent(4000)
    net = softmax(W)
    dots = [(1000 * t, -i) for i, t in enumerate(played2.names["time-three"]["times"])]
    _, _, on_train, on_held = zip(*contexts())
    plots = {
        "plot-lengths": [{"bars": [*enumerate(lengths[0])][2:]}],
        "plot-invented-lengths": [{"bars": real + invented}],
        "plot-counts": [{"images": [np.sqrt(N)], "words": [*"".join(4 * a for a in SIGNS)]}],
        "plot-cost": [{"lines": [lambda p: -np.log(p), *zip(marks.values())], "marks": marks}],
        "plot-best": [{"lines": [
            lambda p: BEST + (206 * np.log(q / p) + 66 * np.log((1 - q) / (1 - p))) / TOTAL,
            [(q, BEST)]], "marks": {"206 of 272": (q, BEST)}, "within": 1e-7}],
        "plot-smoothing": [sweeps[0] | {"marks": ends}], "plot-both-sweeps": sweeps,
        "plot-one-hot": [{"images": [np.eye(27)[[0, 5, 13, 13, 1]]]}],
        "plot-softmax": [{"bars": [*enumerate(row)], "lines": [[(0, 0), (1, 0)]]}
                         for row in (START[5], np.exp(START[5]), softmax(START)[5])],
        "plot-losses": [{"lines": [[*enumerate(losses, 1)], [(0, BEST), (1, BEST)]],
                         "marks": {"counting": (1, BEST)}, "within": 1e-5}],
        "plot-W-and-P": [{"images": [P]}, {"images": [net], "within": 1e-5},
                         {"images": [np.abs(P - net)], "within": 0.02}],
        "plot-times": [{"lines": [*zip(dots)], "marks": {f"{d[0]:.2g} ms": d for d in dots}}],
        "plot-context": [{"lines": [[*enumerate(on_train, 1)], [*enumerate(on_held, 1)]],
                          "marks": {"training": (4, on_train[3]), "held out": (4, on_held[3])}}],
    }  # fmt: skip
    assert set(plots) | DIAGRAMS == set(played2.axes)
    for cell_id, axes in plots.items():
        with subtests.test(cell_id):
            assert_drawn(played2.axes[cell_id], *axes)
    kinds = played2.axes["plot-counts"][0].axis.collections  # the counts, digit by digit
    spots = sorted((*at, str(n)) for n, kind in enumerate(kinds) for at in kind.get_offsets())
    for at, count in np.ndenumerate(N):
        assert f"{count:.0f}" == "".join(n for x, y, n in spots if (round(y), round(x)) == at)
    for marker, kind in zip((MarkerStyle(f"${n}$") for n in range(10)), kinds, strict=True):
        outline = marker.get_transform().transform_path(marker.get_path())
        np.testing.assert_array_equal(kind.get_paths()[0].vertices, outline.vertices)


def test_what_titles_and_text_say(lecture2, played2):
    for judged in (counted(HELD, n) for n in range(2, 6)):
        cost = math.fsum(n * -math.log(mixed(window)) for window, n in judged.items())
        assert f"{cost / sum(judged.values()):.4f}" in lecture2.cells["solution-mix"].source
    assert {n for n, _ in Counter(map(len, WORDS)).most_common(3)} == {5, 6, 7}
    assert COUNTS["qu"] == 206 and N[17].sum() == 272
    one_by_one = sum((np.float32(COST[pair]) for w in WORDS for pair in windows(w)), np.float32(0))
    assert f"{one_by_one / TOTAL:.4f} {BEST:.5f}" == "2.4541 2.45401"  # the box on float32
    held_out, times = [c[-1] for c in contexts()], played2.names["time-three"]["times"]
    assert min(held_out) == held_out[2]  # a fourth character does harm
    assert times[0] > times[1] > times[2]  # one-hot, rows, counts
    assert 0 < nll(played2.names["train-counts"]["P_net"].double().numpy()) - BEST < 0.0005


@pytest.mark.parametrize("cell_id, name, wrong", [
    *((*pair.split(), lambda table: table.roll(1, 0)) for pair in ROLL.split("|")),
    *(("three-equal", f"loss_{way}", lambda loss, at=at: lambda W: loss(W) + 1e-6 * W[at])
      for way, at in [("one_hot", (5, 13)), ("rows", (0, 0)), ("counts", (26, 26))]),
    ("shards", "count_pairs", lambda count: lambda names: count(names).roll(1, 0)),
])  # fmt: skip
def test_a_comparison_sees_one_side_that_is_wrong(lecture2, played2, cell_id, name, wrong, capsys):
    names = played2.names[cell_id]
    run(lecture2.cells[cell_id], names | {name: wrong(names[name])})
    assert capsys.readouterr().out != said(lecture2, cell_id)
