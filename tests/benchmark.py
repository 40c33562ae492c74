"""Times what the lectures build, against micrograd and PyTorch: python tests/benchmark.py
With --quick each job runs once: to see that everything works, not how long it takes.

Everything is taken from the notebooks by the ids of their cells. What is compared is first checked
to give equal results. The contestants take turns within each round, so that a busy machine slows
all of them, and a ratio is the median over the rounds.
"""

import contextlib
import gc
import io
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from functools import partial
from pathlib import Path

import nbformat
import torch
from conftest import ROOT, Lecture

try:
    import micrograd.engine
    import micrograd.nn
except ImportError:
    micrograd = None

NETWORK = ["value-engine", "weighted-sum", "neuron-class", "layer-class", "mlp-class", "torch-copy"]
COUNTS = ["load-words", "bigrams", "stoi", "count-loop", "count-bincount", "probabilities"]
COUNTS += ["name-nll", "table-nll", "split", "count-pairs"]
TRAINING = [*NETWORK, "predictions-before", "train-function"]


QUICK = "--quick" in sys.argv


def take(lecture, *ids):
    """The objects that these cells of a lecture make; what the cells print is dropped."""
    with contextlib.redirect_stdout(io.StringIO()):
        return lecture.take(*ids)


def seconds(job, calls=1):
    """How long a call of `job` takes; the garbage of earlier calls is collected before it."""
    gc.collect()
    start = time.perf_counter()
    for _ in range(calls):
        job()
    return (time.perf_counter() - start) / calls


def race(jobs, rounds, calls=None):
    """Time each job once a round: a dictionary from its name to a list of seconds.

    calls: how often to call the jobs that are too short to be timed by one call, by their names.
    """
    times = {name: [] for name in jobs}
    for _ in range(1 if QUICK else rounds):
        for name, job in jobs.items():
            times[name].append(seconds(job, 1 if QUICK else (calls or {}).get(name, 1)))
    return times


def peak_memory(job):
    """The most memory, in bytes, that Python objects made by `job` take up at one time."""
    tracemalloc.start()
    job()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def show(title, times, first):
    """Print a table: the median time of each, and how many times that of `first` it takes."""
    print(f"\n{title}")
    for name, each in times.items():
        ratio = statistics.median(t / t0 for t, t0 in zip(each, times[first]))
        print(f"  {name:44} {1000 * statistics.median(each):11.3f} ms  {ratio:9.2f}")


def equal(found, wanted, tolerance=1e-9):
    """Stop the benchmark unless two lists of numbers agree to the relative tolerance."""
    for a, b in zip(found, wanted, strict=True):
        if not math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance):
            sys.exit(f"The results differ, so their times mean nothing: {a} and {b}")


def products_and_sums(neuron, x):
    """A neuron as the video writes it: an operation for each product, each sum and tanh."""
    return sum((wi * xi for wi, xi in zip(neuron.w, x)), neuron.b).tanh()


def micrograd_tanh(self):
    """tanh for micrograd, which lacks it, written as micrograd writes its operations."""
    t = math.tanh(self.data)
    out = micrograd.engine.Value(t, (self,), "tanh")

    def _backward():
        self.grad += (1 - t * t) * out.grad

    out._backward = _backward
    return out


def torch_train(network, x, y, rate, steps):
    """What `train` of Lecture 1 does, in PyTorch: returns the loss at each step."""
    losses = []
    for _ in range(steps):
        loss = ((network(x)[:, 0] - y) ** 2).sum()
        network.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in network.parameters():
                p -= rate * p.grad
        losses.append(loss.item())
    return losses


def torch_gradients(network):
    """The gradients of a `torch_copy` in the order of our `parameters()`."""
    rows = [torch.cat([part.weight.grad, part.bias.grad[:, None]], 1) for part in network[::2]]
    return torch.cat([row.flatten() for row in rows]).tolist()


def training_steps(lecture1, steps=10, rounds=60):
    """MLP(3, [4, 4, 1]) on the four examples: our engine, micrograd, PyTorch in float64."""
    ours, plain = take(lecture1, *TRAINING), take(lecture1, *TRAINING)
    plain["Neuron"].__call__ = products_and_sums
    networks = {
        "ours": ours["MLP"](3, [4, 4, 1], random.Random(42)),
        "ours, neuron as products and sums": plain["MLP"](3, [4, 4, 1], random.Random(42)),
    }
    if micrograd:
        micrograd.engine.Value.tanh = micrograd_tanh
        micrograd.nn.Neuron.__call__ = products_and_sums
        networks["micrograd, tanh added"] = theirs = micrograd.nn.MLP(3, [4, 4, 1])
        for p, q in zip(theirs.parameters(), networks["ours"].parameters()):
            p.data = q.data
    else:
        print("Without micrograd. To compare with it: pip install micrograd==0.1.0")
    copied = ours["torch_copy"](networks["ours"])
    xs, ys = ours["xs"], ours["ys"]
    x, y = torch.tensor(xs, dtype=torch.float64), torch.tensor(ys, dtype=torch.float64)
    jobs = {name: partial(ours["train"], n, xs, ys, 0.05, steps) for name, n in networks.items()}
    jobs["PyTorch, float64"] = partial(torch_train, copied, x, y, 0.05, steps)

    for _ in range(5):
        first, *others = [job() for job in jobs.values()]
        gradients = [[p.grad for p in n.parameters()] for n in networks.values()]
        for losses, each in zip(others, [*gradients[1:], torch_gradients(copied)], strict=True):
            equal(losses + each, first + gradients[0])
    show(f"{steps} training steps of MLP(3, [4, 4, 1]), four examples", race(jobs, rounds), "ours")


def depth(lecture1):
    """Time and memory of a chain of sums, forward and backward."""
    Value = take(lecture1, "value-engine")["Value"]

    def chain(length):
        x = y = Value(1.0)
        for _ in range(length):
            y = y + x
        y.backward()
        equal([x.grad], [length + 1.0])

    print("\nA chain of sums, forward and backward, with Python's garbage collector on and off")
    for length in [2_000] if QUICK else [2_000, 20_000, 200_000]:
        job = partial(chain, length)
        memory, on = peak_memory(job), statistics.median(seconds(job) for _ in range(5))
        gc.disable()
        off = statistics.median(seconds(job) for _ in range(5))
        gc.enable()
        each = [f"{1e6 * took / length:.2f} µs" for took in [on, off]]
        print(f"  {length:7,} operations {1000 * on:8.1f} ms {1000 * off:8.1f} ms", end="")
        print(f" {memory / 1e6:6.1f} MB; each {each[0]}, {each[1]}, {memory / length:.0f} bytes")


def width(lecture1):
    """Time and memory of a step of MLP(2, [width, width, 1]) on one example, and PyTorch's time."""
    names = take(lecture1, *NETWORK)
    x, point = [0.5, -0.5], torch.tensor([0.5, -0.5], dtype=torch.float64)
    print("\nA forward and a backward pass of MLP(2, [width, width, 1])")
    for width in [2] if QUICK else [2, 8, 32, 128]:
        n = names["MLP"](2, [width, width, 1], random.Random(0))
        copied = names["torch_copy"](n)
        equal([n(x).data], copied(point).tolist())
        jobs = {"ours": lambda n=n: n(x).backward(), "torch": lambda c=copied: c(point).backward()}
        times = race(jobs, 11)
        ours, theirs = (1000 * statistics.median(times[name]) for name in jobs)
        memory = peak_memory(jobs["ours"]) / 1e6
        print(f"  width {width:3}   ours {ours:8.2f} ms {memory:6.2f} MB", end="")
        print(f"   PyTorch {theirs:8.2f} ms")


def scoring(lecture2):
    """Ways to score Lecture 2's bigram model on all names."""
    names = take(lecture2, *COUNTS)

    def loop():
        total = sum(names["name_nll"](word) * (len(word) + 1) for word in names["words"])
        return total / len(names["xs"])

    def tensor():
        return -names["P"][names["xs"], names["ys"]].log().mean().item()

    def counts():
        return names["table_nll"](names["N"], names["P"])

    jobs = {"loop over names": loop, "tensor": tensor, "counts": counts}
    first, *others = [job() for job in jobs.values()]
    equal(others, [first] * 2, tolerance=1e-5)
    show("Scoring all names", race(jobs, 5), "tensor")


def network_steps(lecture2):
    """A training step of Lecture 2's network, forward and back, in three ways."""
    names = take(lecture2, *COUNTS, "train-one-hot", "train-counts", "three-losses")
    losses = {way: names[f"loss_{way}"] for way in ["one_hot", "rows", "counts"]}
    g = torch.Generator().manual_seed(1)
    W = torch.randn((27, 27), generator=g, requires_grad=True)
    W64 = W.detach().double().requires_grad_()

    def step(loss, W):
        value = loss(W)
        return [value.item(), *torch.autograd.grad(value, W)[0].flatten().tolist()]

    usual = {name: names[name] for name in ["xenc_all", "pair_share"]}
    names.update({name: table.double() for name, table in usual.items()})
    first, *others = [step(loss, W64) for loss in losses.values()]
    for each in others:
        equal(each, first, tolerance=1e-6)
    names.update(usual)
    jobs = {way: lambda f=f: torch.autograd.grad(f(W), W) for way, f in losses.items()}
    times = race(jobs, 15, {"counts": 200})
    show("A training step of the network on 228,146 examples", times, "counts")


def headless(lecture, rounds=5):
    """The whole notebook, run by a command, against one that only imports its packages."""
    imports = nbformat.v4.new_notebook(cells=[lecture.cells["imports"]])
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "imports.ipynb"
        nbformat.write(imports, small)
        command = [sys.executable, "-m", "jupyter", "execute", f"--output={folder}/run.ipynb"]
        jobs = {
            path.name: partial(subprocess.run, [*command, path], check=True, capture_output=True)
            for path in [small, lecture.path]
        }
        show(f"jupyter execute {lecture.path.name}", race(jobs, rounds), small.name)


if __name__ == "__main__":
    os.chdir(ROOT)
    lecture1, lecture2 = Lecture(ROOT / "lecture1.ipynb"), Lecture(ROOT / "lecture2.ipynb")
    gc.freeze()  # Python need not look for garbage among the packages while the contestants run
    training_steps(lecture1)
    depth(lecture1)
    width(lecture1)
    scoring(lecture2)
    network_steps(lecture2)
    for lecture in [] if QUICK else [lecture1, lecture2]:
        headless(lecture)
