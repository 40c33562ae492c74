"""`backward()`: shared values, calls in a row, depth, and memory."""

import gc
import time
import weakref

import pytest
import torch


@pytest.fixture(scope="module")
def Value(lecture1):
    return lecture1.take("value-engine")["Value"]


def chain(Value, length):
    x = Value(1.0)
    y = x
    for _ in range(length):
        y = y + x
    return x, y


def test_a_value_used_twice_gets_both_shares(Value):
    a = Value(3.0)
    (a + a).backward()
    assert a.grad == 2.0


def test_all_paths_of_a_diamond_add_up(Value):
    a = Value(3.0)
    b, c = a * 2, a * a
    (b * c + b).backward()  # 2 a^3 + 2 a
    assert a.grad == 6 * 3.0**2 + 2


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_calls_in_a_row_do_as_pytorch(Value, calls):
    x, t = Value(0.5), torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    inner, t_inner = x * x, t * t
    out, t_out = (inner.exp() + inner).tanh(), (t_inner.exp() + t_inner).tanh()
    for _ in range(calls):
        out.backward()
        t_out.backward(retain_graph=True)
    assert x.grad == pytest.approx(t.grad.item(), rel=1e-12)
    once = inner.grad
    out.backward()
    assert inner.grad == once, "results between start from 0 in each call"


def test_two_results_that_share_a_part_do_as_pytorch(Value):
    x, t = Value(0.5), torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    shared, t_shared = x.exp(), t.exp()
    for out in (shared * 2, shared * shared):
        out.backward()
    for out in (t_shared * 2, t_shared * t_shared):
        out.backward(retain_graph=True)
    assert x.grad == pytest.approx(t.grad.item(), rel=1e-12)


def test_backward_of_a_leaf_adds_one(Value):
    x = Value(2.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


def test_topological_order_puts_each_result_after_its_inputs(Value):
    a, b = Value(1.0), Value(2.0)
    c = a * b
    d = c + a
    e = (c * d).tanh() + d
    order = e.topological_order()
    assert len(order) == len(set(order)) == 5 and order[-1] is e and a not in order
    for node in order:
        assert all(order.index(child) < order.index(node) for child in node._prev if child._prev)


def test_two_hundred_thousand_operations_deep(Value):
    x, y = chain(Value, 200_000)
    y.backward()
    assert y.data == x.grad == 200_001


def test_time_grows_with_depth_and_not_with_its_square(Value):
    def seconds(length):
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            chain(Value, length)[1].backward()
            best = min(best, time.perf_counter() - start)
        return best

    gc.disable()  # its rounds depend on all that other tests have left behind
    try:
        assert seconds(80_000) < 40 * seconds(8_000)  # 10 times if linear, 100 if squared
    finally:
        gc.enable()


def test_a_forgotten_graph_is_freed_at_once(Value):
    gc.collect()
    gc.disable()
    try:
        x = Value(0.5)
        out = (x * x + x).tanh().exp()
        out.backward()
        inner = [weakref.ref(node) for node in out.topological_order()]
        assert len(inner) == 4
        del out
        assert [ref() for ref in inner] == [None] * 4
    finally:
        gc.enable()


def test_a_forgotten_deep_graph_is_freed_without_a_crash(Value):
    x, y = chain(Value, 200_000)
    last = weakref.ref(y)
    del y
    assert last() is None and x.data == 1.0
