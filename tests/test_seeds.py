"""No cell draws a random number that another run would not draw: every generator has a seed."""

import ast
import re

import pytest

SEEDED = {"random.Random", "np.random.default_rng", "torch.manual_seed"}  # with a seed within
TORCH = {"rand", "randn", "randint", "randperm", "multinomial", "normal", "bernoulli"}


def calls(source):
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def draws_unseeded(call, source):
    """Whether a call uses a generator without a seed, or one that all cells share."""
    name = ast.unparse(call.func)
    if name in SEEDED:
        return not call.args and not call.keywords
    if name == "torch.Generator":
        return f"{ast.unparse(call)}.manual_seed(" not in ast.unparse(ast.parse(source))
    if name.startswith("torch.") and name.removeprefix("torch.") in TORCH:
        return "generator" not in [keyword.arg for keyword in call.keywords]
    return re.fullmatch(r"(random|np\.random)\.\w+", name) is not None


def test_every_generator_has_a_seed(lecture):
    for cell in lecture.code():
        unseeded = [call for call in calls(cell.source) if draws_unseeded(call, cell.source)]
        assert not unseeded, f"{cell.id}: {[ast.unparse(call) for call in unseeded]}"


@pytest.mark.parametrize(
    "source, wrong",
    [
        ("random.Random(1).random()", 0),
        ("random.Random()", 1),
        ("random.shuffle(words)", 1),
        ("np.random.default_rng(3).random(2)", 0),
        ("np.random.default_rng()", 1),
        ("g = torch.Generator().manual_seed(1)\ntorch.rand(3, generator=g)", 0),
        ("g = torch.Generator()", 1),
        ("torch.multinomial(p, 1)", 1),
    ],
)
def test_what_counts_as_unseeded(source, wrong):
    assert sum(draws_unseeded(call, source) for call in calls(source)) == wrong
