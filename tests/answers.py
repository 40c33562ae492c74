"""Answers to the exercises that someone might give: others that are right, and likely mistakes.

By the exercise's id: a list of right answers and a list of wrong ones, as code.
"""

MOMENTUM = """
def momentum_step(parameters, velocities, rate):
    for i, p in enumerate(parameters):
        velocities[i] = {decay} * velocities[i] + p.grad
        p.data -= rate * velocities[i]
    return velocities
"""
RECORD = """
def record(n, xs, ys, rate, steps):
    losses = train(n, xs, ys, rate, steps)
    return [(loss, {length}) for loss in losses]
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
ONE_BY_ONE = """
def gradient(g, inputs):
    before, h = g(*inputs), 1e-6
    return tuple((g(*inputs[:i], x + h, *inputs[i + 1:]) - before) / h
                 for i, x in enumerate(inputs))
"""
ALL_AT_ONCE = """
def gradient(g, inputs):
    return [(g(*[x + 1e-6 for x in inputs]) - g(*inputs)) / 1e-6 for _ in inputs]
"""
SIGMOID = """
def sigmoid(v):
    s = 1 / (1 + math.exp(-v.data))
    return Value({data}, (v,), "sigmoid", _local=({local},))
"""

ANSWERS = {
    "exercise-read-slope": (["slope_at_zero = -4"], ["slope_at_zero = 4"]),
    "exercise-gradient": (
        [ONE_BY_ONE],
        [ALL_AT_ONCE, "gradient = lambda g, inputs: [5.0, 4.0, 1.0]"],
    ),
    "exercise-by-hand": (["gradients_of_M = [4, 4, 3]"], ["gradients_of_M = (4, 4, 4)"]),
    "exercise-two-paths": (["gradients_of_q = [-2, -1]"], ["gradients_of_q = (-2, 1)"]),
    "exercise-own-operation": (
        [SIGMOID.format(data="s", local="s - s**2")],
        [
            SIGMOID.format(data="v.data", local="s * (1 - s)"),
            SIGMOID.format(data="s", local="0.2217128732"),
            "sigmoid = lambda v: 1 / (1 + (-v).exp())",
        ],
    ),
    "exercise-count-parameters": (
        ["count_parameters = lambda nin, nouts: len(MLP(nin, nouts).parameters())"],
        ["count_parameters = lambda nin, nouts: 41"],
    ),
    "exercise-momentum": ([MOMENTUM.format(decay=0.9)], [MOMENTUM.format(decay=1.0)]),
    "exercise-softmax": (
        ["softmax = lambda logits: tuple(v.exp() / sum(w.exp() for w in logits) for v in logits)"],
        ["softmax = lambda logits: [Value(math.exp(v.data) / 21.2) for v in logits]"],
    ),
    "exercise-nll": (
        ["nll = lambda logits, target: sum(v.exp() for v in logits).log() - logits[target]"],
        ["nll = lambda logits, target: logits[target] - sum(v.exp() for v in logits).log()"],
    ),
    "exercise-record": (
        [
            "record = lambda n, xs, ys, rate, steps: [[train(n, xs, ys, rate, 1)[0],"
            " sum(p.grad**2 for p in n.parameters()) ** 0.5] for _ in range(steps)]"
        ],
        [RECORD.format(length="0.0"), RECORD.format(length="n.parameters()[0].grad")],
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
