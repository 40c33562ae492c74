"""Answers to the exercises that someone might give: others that are right, and likely mistakes.

By the exercise's id: a list of right answers and a list of wrong ones, as code.
"""

MOMENTUM = """
def momentum_step(parameters, velocities, rate):
    new = []
    for i, p in enumerate(parameters):
        new.append({velocity})
        p.data -= {step}
    return new
"""
RECORD = """
def record(net, rate, steps):
    pairs = []
    for _ in range(steps):
        loss = train(net, xs, ys, rate, 1)[0]
        pairs.append(({loss}, {length}))
    return {pairs}
"""
LENGTH = "math.sqrt(sum(p.grad**2 for p in net.parameters()))"
SLOPES = """
def gradient(g):
    h, x, found = {h}, [2.0, -3.0, 10.0], []
    for i in range(3):
        before = g(*x)
        x[i] += h
        found.append((g(*x) - before) / h)
        {after}
    return found
"""
ALL_AT_ONCE = """
def gradient(g):
    return [(g(2.0 + 1e-6, -3.0 + 1e-6, 10.0 + 1e-6) - g(2.0, -3.0, 10.0)) / 1e-6] * 3
"""
SIGMOID = """
def sigmoid(v):
    s = 1 / (1 + math.exp(-v.data))
    return Value({data}, {inputs}, "sigmoid", _local=({local},))
"""
COUNT = """
def count_parameters(nin, nouts):
    sizes = [nin] + nouts
    return sum({each} for a, b in zip(sizes, sizes[1:]))
"""
SOFTMAX = """
def softmax(logits):
    counts = [logit.exp() for logit in logits]
    return [{each} for count in counts]
"""

LECTURE1 = {
    "exercise-read-slope": (
        ["slope_at_zero = -4.0"],
        ["slope_at_zero = 4", "slope_at_zero = 5", "slope_at_zero = -3.99"],
    ),
    "exercise-gradient": (
        [SLOPES.format(h="1e-6", after="x[i] -= h"), SLOPES.format(h="-1e-5", after="x[i] -= h")],
        [
            SLOPES.format(h="0.1", after="pass"),
            SLOPES.format(h="1e-1", after="x[i] -= h"),
            ALL_AT_ONCE,
            "gradient = lambda g: [-3.0, 2.0, 1.0]",
            "gradient = lambda g: [4.0, 50.0, -15.0]",
        ],
    ),
    "exercise-by-hand": (
        ["gradients_of_M = (4, 4, 3)"],
        [
            "gradients_of_M = [4, 4, 4]",
            "gradients_of_M = [[4, 4, 3]]",
            "gradients_of_M = [4, 3]",
            "gradients_of_M = [3, 4, 4]",
        ],
    ),
    "exercise-two-paths": (
        ["gradients_of_q = (-2, -1)"],
        [
            f"gradients_of_q = {wrong}"
            for wrong in ["[-2, 1]", "[-2, -2]", "[[-2, -1]]", "[-1, -2]"]
        ],
    ),
    "exercise-own-operation": (
        [SIGMOID.format(data="s", inputs="(v,)", local="s - s**2")],
        [
            SIGMOID.format(data="v.data", inputs="(v,)", local="s * (1 - s)"),
            SIGMOID.format(data="s", inputs="(v,)", local="0.2217128732"),
            SIGMOID.format(data="s", inputs="(v,)", local="s * (1 + s)"),
            SIGMOID.format(data="s", inputs="(v,)", local="1 - s**2"),
            SIGMOID.format(data="s", inputs="(Value(v.data),)", local="s * (1 - s)"),
            "sigmoid = lambda v: 1 / (1 + (-v).exp())",
        ],
    ),
    "exercise-count-parameters": (
        [
            COUNT.format(each="(a + 1) * b"),
            "count_parameters = lambda a, b: len(MLP(a, b, random.Random(1)).parameters())",
        ],
        [
            "count_parameters = lambda nin, nouts: 41",
            COUNT.format(each="a * b"),
            COUNT.format(each="a * b + a"),
            COUNT.format(each="(nin + 1) * b"),
        ],
    ),
    "exercise-momentum": (
        [MOMENTUM.format(velocity="p.grad + velocities[i] * 0.9", step="new[i] * rate")],
        [
            MOMENTUM.format(velocity="velocities[i] + p.grad", step="rate * new[i]"),
            MOMENTUM.format(velocity="0.9 * velocities[0] + p.grad", step="rate * new[i]"),
            MOMENTUM.format(velocity="0.9 * velocities[i] + p.grad", step="0.1 * new[i]"),
            MOMENTUM.format(velocity="0.9 * velocities[i] + rate * p.grad", step="new[i]"),
            MOMENTUM.format(velocity="0.9 * velocities[i] + p.grad", step="rate * p.grad"),
            MOMENTUM.format(velocity="0.9 * velocities[i] + 0.1 * p.grad", step="rate * new[i]"),
            MOMENTUM.format(velocity="0.9 * velocities[i] - p.grad", step="rate * new[i]"),
        ],
    ),
    "exercise-softmax": (
        [SOFTMAX.format(each="count * sum(counts) ** -1")],
        [
            SOFTMAX.format(each="count"),
            SOFTMAX.format(each="count / sum(c.data for c in counts)"),
            SOFTMAX.format(each="Value((count / sum(counts)).data)"),
            SOFTMAX.format(each="count / sum(counts) if count is counts[0] else Value(0.01)"),
            "softmax = lambda logits: [v / sum(logits) for v in logits]",
        ],
    ),
    "exercise-nll": (
        ["nll = lambda logits, target: sum(v.exp() for v in logits).log() - logits[target]"],
        [
            "nll = lambda logits, target: logits[target] - sum(v.exp() for v in logits).log()",
            "nll = lambda logits, target: sum(v.exp() for v in logits).log() - logits[3]",
            "nll = lambda logits, target: sum(v.exp() for v in logits).log() - logits[0]",
            "nll = lambda logits, t: sum(v.exp() for v in logits).log() - logits[t].data",
            "nll = lambda logits, target: 1 - logits[target].exp() / sum(v.exp() for v in logits)",
        ],
    ),
    "exercise-record": (
        [RECORD.format(loss="loss", length=LENGTH, pairs="[list(pair) for pair in pairs]")],
        [
            RECORD.format(loss="loss", length="0.0", pairs="pairs"),
            RECORD.format(loss="loss", length="net.parameters()[0].grad", pairs="pairs"),
            RECORD.format(loss="loss", length=LENGTH[10:-1], pairs="pairs"),
            RECORD.format(loss="2 * loss", length=LENGTH, pairs="pairs"),
            RECORD.format(
                loss="loss", length=LENGTH, pairs="[(p[0], pairs[-1][1]) for p in pairs]"
            ),
            RECORD.format(loss="loss", length=LENGTH, pairs="[(p[0], pairs[0][1]) for p in pairs]"),
            RECORD.format(loss="loss", length=LENGTH, pairs="pairs[::-1]"),
        ],
    ),
}

# Lecture 2

TRIGRAM = """
def sample_trigram(g):
    rows, i, j, name = smooth(T_train, 0.1), 0, 0, ""
    while True:
        k = torch.multinomial(rows[{row}], 1, replacement=True, generator=g).item()
        if k == 0:
            return name
        i, j, name = j, k, name + itos[k]
"""
INVENT = """
def invent(path, count, seed):
    pairs = {counts}
    g = torch.Generator().manual_seed({seed})
    return [sample(pairs, g) for _ in range(count)]
"""

LECTURE2 = {
    "exercise-after-q": (["after_q = 'u'"], ["after_q = '.'", "after_q = 'U'"]),
    "exercise-shape-row": (["shape_row = torch.Size([27, 27])"], ["shape_row = (27,)"]),
    "exercise-shape-outer": (["shape_outer = 5, 7"], ["shape_outer = 'error'"]),
    "exercise-shape-misfit": (["shape_misfit = 'error'"], ["shape_misfit = (2, 3)"]),
    "exercise-normalise-columns": (
        ["normalise_columns = lambda t: (t.T / t.T.sum(1, keepdim=True)).T"],
        ["normalise_columns = lambda t: t / 4", "normalise_columns = lambda t: t / t.sum()"],
    ),
    "exercise-centre-rows": (
        ["centre_rows = lambda t: (t.T - t.mean(1)).T"],
        ["centre_rows = lambda t: t - t.mean(1)", "centre_rows = lambda t: t - t.mean()"],
    ),
    "exercise-differences": (
        ["differences = lambda a: a.unsqueeze(1) - a"],
        ["differences = lambda a: a - a[:, None]"],
    ),
    "exercise-likelihood": (
        ["likelihood = lambda name: math.exp(-name_nll(name) * (len(name) + 1))"],
        ["likelihood = lambda name: math.exp(-name_nll(name))"],
    ),
    "exercise-price-of-jq": (
        ["price_of_jq = lambda k: -smooth(N, k).log()[stoi['j'], stoi['q']]"],
        ["price_of_jq = lambda k: -math.log(k / (N[stoi['j']].sum() + k))"],
    ),
    "exercise-rows-by-index": (
        ["logits_of = lambda W, x: F.embedding(x, W)"],
        ["logits_of = lambda W, x: W[:, x]"],
    ),
    "exercise-sample-trigram": (
        [TRIGRAM.format(row="27 * i + j")],
        [TRIGRAM.format(row="27 * j + i"), "sample_trigram = lambda g: sample(P, g)"],
    ),
    "exercise-safe-log-softmax": (
        ["safe_log_softmax = lambda l: l - l.logsumexp(1, keepdim=True)"],
        ["safe_log_softmax = lambda l: l - l.exp().sum(1, keepdim=True).log()"],
    ),
    "exercise-tune": (
        [
            "tune = lambda a, b, strengths: strengths["
            "int(np.argmin([table_nll(b, smooth(a, k)) for k in strengths]))]"
        ],
        ["tune = lambda a, b, strengths: min(strengths, key=lambda k: table_nll(a, smooth(a, k)))"],
    ),
    "exercise-invent": (
        [INVENT.format(counts="count_pairs(read_names(path))", seed="seed")],
        [
            INVENT.format(counts="N", seed="seed"),
            INVENT.format(counts="count_pairs(read_names(path))", seed="1"),
        ],
    ),
}

ANSWERS = {"lecture1": LECTURE1, "lecture2": LECTURE2}
