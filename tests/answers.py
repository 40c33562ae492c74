"""Answers to the exercises that someone might give: others that are right, and likely mistakes.

By the exercise's id: a list of right answers and a list of wrong ones, as code.
"""

MOMENTUM = """
def momentum_step(parameters, velocities, rate):
    new = list(velocities)
    for i, p in enumerate(parameters):
        new[i] = {velocity}
        p.data -= {move}
    return new
"""
RECORD = """
def record(net, rate, steps):
    losses, lengths = [], []
    for _ in range(steps):
        losses.append(train(net, xs, ys, rate, 1)[0])
        lengths.append(sum(p.grad**2 for p in net.parameters()) ** 0.5)
    return [({loss}, {length}) for i in range(steps)]
"""
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
GRADIENT = """
def gradient(g):
    inputs, slopes, h = [2.0, -3.0, 10.0], [], 1e-5
    for i in range(3):
        before = g(2.0, -3.0, 10.0)
        {nudge}
        slopes.append((g(*inputs) - before) / h)
        {restore}
    return slopes
"""
SIGMOID = """
def sigmoid(v):
    s = 1 / (1 + math.exp(-v.data))
    return Value({data}, (v,), "sigmoid", _local=({local},))
"""

ANSWERS = {
    "exercise-read-slope": (["slope_at_zero = -4"], ["slope_at_zero = 4"]),
    "exercise-gradient": (
        [GRADIENT.format(nudge="inputs[i] += h", restore="inputs[i] -= h")],
        [
            GRADIENT.format(nudge="inputs[i] += h", restore="pass"),  # nudged, and not put back
            GRADIENT.format(nudge="inputs = [x + h for x in inputs]", restore="pass"),
            "gradient = lambda g: [-3.0, 2.0, 1.0]",
            "gradient = lambda g: [4.0, 50.0, -15.0]",
        ],
    ),
    "exercise-by-hand": (
        ["gradients_of_M = (4, 4, 3)", "gradients_of_M = np.array([4.0, 4.0, 3.0])"],
        ["gradients_of_M = (4, 4, 4)", "gradients_of_M = [[4], [4], [3]]"],
    ),
    "exercise-two-paths": (
        ["gradients_of_q = (-2, -1)"],
        ["gradients_of_q = (-2, 1)", "gradients_of_q = [[-2], [-1]]", "gradients_of_q = -2, -2"],
    ),
    "exercise-own-operation": (
        [SIGMOID.format(data="s", local="s - s**2")],
        [
            SIGMOID.format(data="v.data", local="s * (1 - s)"),
            SIGMOID.format(data="s", local="0.2217128732"),
            SIGMOID.format(data="s", local="1 - s**2"),
            "sigmoid = lambda v: 1 / (1 + (-v).exp())",
        ],
    ),
    "exercise-count-parameters": (
        ["count_parameters = lambda i, nouts: len(MLP(i, nouts, random.Random(1)).parameters())"],
        [
            "count_parameters = lambda nin, nouts: 41",
            "count_parameters = lambda nin, nouts: sum(n * (nin + 1) for n in nouts)",
        ],
    ),
    "exercise-momentum": (
        [MOMENTUM.format(velocity="velocities[i] * 0.9 + p.grad", move="new[i] * rate")],
        [
            MOMENTUM.format(velocity="velocities[i] + p.grad", move="new[i] * rate"),
            MOMENTUM.format(velocity="velocities[i] * 0.9 + p.grad", move="new[i] * 0.1"),
            MOMENTUM.format(velocity="velocities[0] * 0.9 + p.grad", move="new[i] * rate"),
            MOMENTUM.format(velocity="velocities[i] * 0.9 + rate * p.grad", move="new[i]"),
            MOMENTUM.format(velocity="velocities[i] * 0.9 + p.grad", move="velocities[i] * rate"),
        ],
    ),
    "exercise-softmax": (
        ["softmax = lambda logits: tuple(v.exp() / sum(w.exp() for w in logits) for v in logits)"],
        [
            "softmax = lambda logits: [Value(math.exp(v.data) / 21.2) for v in logits]",
            "def softmax(logits):\n    total = sum(v.exp() for v in logits)\n"
            "    return [logits[0].exp() / total, *(Value((v.exp() / total).data)"
            " for v in logits[1:])]",
        ],
    ),
    "exercise-nll": (
        ["nll = lambda logits, target: sum(v.exp() for v in logits).log() - logits[target]"],
        [
            "nll = lambda logits, target: logits[target] - sum(v.exp() for v in logits).log()",
            "nll = lambda logits, target: sum(v.exp() for v in logits).log() - logits[3]",
        ],
    ),
    "exercise-record": (
        [RECORD.format(loss="losses[i]", length="lengths[i]")],
        [
            RECORD.format(loss="losses[i]", length="lengths[-1]"),
            RECORD.format(loss="losses[i]", length="0.0"),
            RECORD.format(loss="losses[0]", length="lengths[i]"),
            RECORD.format(loss="losses[i]", length="lengths[i] ** 2"),
        ],
    ),
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
