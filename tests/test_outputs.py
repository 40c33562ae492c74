"""What is committed is what runs: the same text and the same pictures for everyone, every time."""

import base64
import difflib
import html
import io
import os
import re

import matplotlib.image
import numpy as np
import pytest

REFRESH = (
    "jupyter nbconvert --to notebook --execute --inplace "
    "--ExecutePreprocessor.record_timing=False lecture1.ipynb lecture2.ipynb"
)
MAY_DIFFER = {  # the cells whose output depends on speed; none is changed by running it again
    "lecture1.ipynb": ["time-a-step", "time-widths", "plot-timing"],
    "lecture2.ipynb": ["time-counting", "time-three", "plot-times"],
}


def words(svg):
    """The words of an SVG picture in drawing order, with the names of nodes and edges."""
    found = re.findall(r"<(?:text|title)\b[^>]*>([^<]*)<", svg)
    return [text for text in map(html.unescape, found) if not text.startswith("%")]


def described(cell):
    """A code cell's outputs as lines: every text, the kind of every picture, the words of SVGs."""
    lines, before = [], None
    for output in cell.outputs:
        if output.output_type == "stream":
            if output.name != before:  # a text may arrive in several pieces
                lines += [f"[{output.name}]", ""]
            pieces = output.text.split("\n")
            lines[-1] += pieces[0]
            lines += pieces[1:]
        elif output.output_type == "error":
            lines += [f"[error] {output.ename}: {output.evalue}"]
        else:
            lines += [f"[{output.output_type}] {', '.join(sorted(output.data))}"]
            for kind in sorted(output.data):
                if kind.startswith("text/"):
                    lines += output.data[kind].splitlines()
                if kind == "image/svg+xml":
                    lines += words(output.data[kind])
        before = output.get("name")
    return lines


def compare(lecture, found, suffix=""):
    """Fail, showing the first cell that differs, unless the outputs in `found` are as committed."""
    fresh = {cell.id: cell for cell in found.cells}
    for cell in lecture.code():
        again = fresh.get(cell.id + suffix)
        if again is None or cell.id in MAY_DIFFER[lecture.path.name]:
            continue
        before, now = described(cell), described(again)
        if before != now:
            diff = "\n".join(difflib.unified_diff(before, now, "committed", "now", lineterm=""))
            pytest.fail(
                f"{lecture.path.name}, cell {again.id}:\n{diff}\n"
                f"If the new output is right, refresh the notebooks:\n{REFRESH}",
                pytrace=False,
            )


def test_committed_outputs_are_fresh(lecture, runs):
    compare(lecture, runs.notebooks[lecture.path.name, "plain"])


def test_other_hash_seed_threads_and_graphviz_give_the_same(lecture, runs):
    compare(lecture, runs.notebooks[lecture.path.name, "other"])


def test_every_cell_may_run_twice(lecture, runs):
    found = runs.notebooks[lecture.path.name, "twice"]
    compare(lecture, found)
    compare(lecture, found, suffix="-again")
    repeated = [cell.id for cell in found.cells if cell.id.endswith("-again")]
    once = [cell.id for cell in lecture.code() if f"{cell.id}-again" not in repeated]
    assert once == MAY_DIFFER[lecture.path.name]


def pictures(notebook, kind):
    """The pictures of a kind in each cell: a dictionary from the cell's id to a list of them."""
    return {
        cell.id: [o.data[kind] for o in cell.get("outputs", []) if kind in o.get("data", {})]
        for cell in notebook.cells
    }


def same_pixels(before, now, share=0.0):
    """Whether two lists of PNG pictures look the same.

    share: the share of pixels that may differ by more than a shade, as when another build of the
    drawing libraries places a letter a hair to the side.
    """
    first, second = (
        [matplotlib.image.imread(io.BytesIO(base64.b64decode(picture))) for picture in pictures]
        for pictures in [before, now]
    )
    return len(first) == len(second) and all(
        a.shape == b.shape and (np.abs(a - b) > 0.1).any(-1).mean() <= share
        for a, b in zip(first, second)
    )


def test_committed_plots_are_fresh(lecture, runs):
    committed = pictures(lecture.notebook, "image/png")
    for cell_id, now in pictures(runs.notebooks[lecture.path.name, "plain"], "image/png").items():
        if cell_id not in MAY_DIFFER[lecture.path.name]:
            alike = same_pixels(committed[cell_id], now, share=0.02)
            assert alike, f"the plot of {cell_id} is not the committed one: {REFRESH}"


@pytest.mark.parametrize("name, suffix", [("other", ""), ("twice", ""), ("twice", "-again")])
def test_pictures_are_the_same_for_everyone(lecture, runs, name, suffix):
    path = lecture.path.name
    plain, found = (runs.notebooks[path, circumstance] for circumstance in ["plain", name])
    plots, graphs = (pictures(found, kind) for kind in ["image/png", "image/svg+xml"])
    for cell_id, before in pictures(plain, "image/png").items():
        if cell_id not in MAY_DIFFER[path]:
            assert same_pixels(before, plots.get(cell_id + suffix, [])), cell_id
    if name == "twice":  # drawn by the same Graphviz, so the same to the letter
        for cell_id, before in pictures(plain, "image/svg+xml").items():
            if cell_id not in MAY_DIFFER[path]:
                assert before == graphs.get(cell_id + suffix, []), cell_id


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for dot is a shell script")
def test_dot_on_the_path_drew_every_graph(runs):
    graphs = [
        output
        for (_, circumstance), notebook in runs.notebooks.items()
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if circumstance == "other" and "image/svg+xml" in output.get("data", {})
    ]
    assert graphs and len(runs.dot_log.read_text().splitlines()) >= len(graphs)
