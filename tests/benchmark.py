"""Times what Lecture 1 builds against micrograd, and the notebooks: python tests/benchmark.py

Needs `pip install micrograd==0.1.0`. The contestants take turns, the garbage of each is collected
before the other starts, and a ratio is the median over the rounds. It judges nothing, but stops if
two contestants do not come to the same parameters and gradients.
"""

import gc
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import micrograd.engine
import micrograd.nn
import nbformat
import numpy as np
from conftest import LECTURES, ROOT, code_cells, read

ENGINE = ["topological-order", "value-engine", "weighted-sum"]
ENGINE += ["neuron-class", "layer-class", "mlp-class", "two-moons"]
XS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
YS = [1.0, -1.0, -1.0, 1.0]


def race(title, ours, theirs, rounds=15, calls=1):
    """Print the median times of two functions, in milliseconds, and the median of their ratio."""
    times = []
    for _ in range(rounds):
        for job in (ours, theirs):
            gc.collect()
            start = time.perf_counter()
            for _ in range(calls):
                job()
            times.append(1000 * (time.perf_counter() - start) / calls)
    ratio = statistics.median(b / a for a, b in zip(times[::2], times[1::2]))
    a, b = statistics.median(times[::2]), statistics.median(times[1::2])
    print(f"{title:45} {a:9.3f} ms against {b:9.3f} ms: {ratio:.2f} times as fast")


def start_alike(ours, theirs):
    """Give their network the parameters of ours."""
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        q.data = p.data


def stop_unless_alike(ours, theirs):
    """End the benchmark unless both networks have the same parameters and gradients."""
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        if not (
            math.isclose(p.data, q.data, rel_tol=1e-6, abs_tol=1e-9)
            and math.isclose(p.grad, q.grad, rel_tol=1e-6, abs_tol=1e-9)
        ):
            sys.exit(f"the results differ, so the times mean nothing: {p} and {q}")


def train(net, xs=XS, ys=YS):
    """A step of training by gradient descent."""
    loss = sum((net(x) - y) ** 2 for x, y in zip(xs, ys))
    net.zero_grad()
    loss.backward()
    for p in net.parameters():
        p.data -= 0.05 * p.grad


def demo(net, value, xs, ys):
    """A step of micrograd's demo: max-margin loss and a penalty, forward and back."""
    scores = [net(list(map(value, x))) for x in xs]
    losses = [(1 + -y * score).relu() for y, score in zip(ys, scores)]
    loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in net.parameters())
    net.zero_grad()
    loss.backward()


def micrograd_tanh(self):
    """tanh for micrograd, which lacks it, as micrograd writes its operations."""
    t = math.tanh(self.data)
    out = micrograd.engine.Value(t, (self,), "tanh")

    def _backward():
        self.grad += (1 - t * t) * out.grad

    out._backward = _backward
    return out


def with_neurons(net, answer):
    """The net, with answer(neuron, x) for what its neurons say."""
    for layer in net.layers:
        for neuron in layer.neurons:
            base = type(neuron)
            neuron.__class__ = type("Neuron", (base,), {"__call__": answer})
    return net


def seconds(notebook):
    """How long Jupyter takes to run a notebook, from start to end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lecture.ipynb")
        nbformat.write(notebook, path)
        Path(folder, "names.txt").write_bytes((ROOT / "names.txt").read_bytes())
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "jupyter", "execute", path], check=True, cwd=folder)
        return time.perf_counter() - start


if __name__ == "__main__":
    ours = {"math": math, "random": random, "np": np}
    for cell in code_cells(read("lecture1")):
        if cell.id in ENGINE:
            exec(cell.source, ours)
    Value, MLP = ours["Value"], ours["MLP"]
    micrograd.engine.Value.tanh = micrograd_tanh

    theirs = with_neurons(
        micrograd.nn.MLP(3, [4, 4, 1]),
        lambda n, x: sum((wi * xi for wi, xi in zip(n.w, x)), n.b).tanh(),
    )
    plain, larger = MLP(3, [4, 4, 1]), MLP(3, [4, 4, 1])
    with_neurons(
        larger,
        lambda n, x: ours["weighted_sum"](
            n.w, [xi if isinstance(xi, Value) else Value(xi) for xi in x], n.b
        ).tanh(),
    )
    for title, net in [("step of MLP(3, [4, 4, 1])", plain), ("... with weighted_sum", larger)]:
        start_alike(net, theirs)
        race(title, partial(train, net), partial(train, theirs), calls=20)
        stop_unless_alike(net, theirs)

    points, labels = ours["points"], ours["labels"]
    theirs, mine = micrograd.nn.MLP(2, [16, 16, 1]), MLP(2, [16, 16, 1])
    for layer in mine.layers:
        last = layer is mine.layers[-1]
        for neuron in layer.neurons:
            neuron.last = last

    def relu(n, x):
        out = sum([wi * xi for wi, xi in zip(n.w, x)], n.b)
        return out if n.last else out.relu()

    with_neurons(mine, relu)
    start_alike(mine, theirs)
    race(
        "step of micrograd's demo",
        partial(demo, mine, Value, points, labels),
        partial(demo, theirs, micrograd.engine.Value, points, labels),
        rounds=5,
    )
    stop_unless_alike(mine, theirs)

    for length in [20_000, 200_000]:
        x = out = Value(1.0)
        for _ in range(length):
            out = out + x
        start = time.perf_counter()
        out.backward()
        print(f"backward through {length:7,} additions: {time.perf_counter() - start:.3f} s")

    for lecture in LECTURES:
        notebook = nbformat.v4.new_notebook(cells=read(lecture))
        imports = nbformat.v4.new_notebook(cells=code_cells(read(lecture))[:1])
        times = [(seconds(notebook), seconds(imports)) for _ in range(3)]
        ratio = statistics.median(a / b for a, b in times)
        print(f"{lecture}: {statistics.median(t for t, _ in times):.1f} s, {ratio:.2f} set-ups")
