"""Independent computations for the tests of Lecture 2, and what its cells print."""

import math
import re
from collections import Counter

SIGNS = ".abcdefghijklmnopqrstuvwxyz"
SEED = 2147483647


def said(lecture, cell_id):
    """What a cell printed or showed, as one text."""
    outputs = lecture.cells[cell_id].outputs
    return "".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in outputs)


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def pairs(names):
    return Counter(p for name in names for p in zip("." + name, name + ".", strict=True))


def loss(counts, training=None, k=0.0):
    """Mean negative log likelihood of counted pairs, under a table made of the training counts."""
    training = training or counts
    rows = Counter()
    for (ch1, _), n in training.items():
        rows[ch1] += n
    costs = (
        n * -math.log((training[ch1, ch2] + k) / (rows[ch1] + 27 * k))
        for (ch1, ch2), n in counts.items()
    )
    return math.fsum(costs) / sum(counts.values())
