"""Each notebook is tidy: format, ids, counts, tags, lengths of cells, nothing odd in an output."""

import ast
import hashlib
import itertools
import re

import nbformat

TAGS = {"setup", "plot", "exercise", "live", "timing", "rerun"}
LINES = {"setup": 26, "plot": 26, "exercise": 26}  # helpers and drawing code; 15 for the rest
LONGER = {
    "value-engine": 75,
    "plot-broadcasting": 36,
    "draw-dot": 45,
    "mlp-class": 22,
    "trigram": 20,
    "context-sweep": 15,
}
PATH = re.compile(r"(?<![\w.:/])/(home|Users|root|tmp|usr|opt|mnt|var|private|content)/|[A-Z]:\\")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
NAMES_SHA256 = "5646944cffad81ab94f4f6da42009f0ba4298006ace968be6b888be967af6279"


def texts(cell):
    """The texts in a code cell's outputs, SVG drawings among them."""
    for output in cell.outputs:
        yield output.get("text", "")
        for text in output.get("data", {}).values():
            yield re.sub(r'src="data:[^"]*"', "", text)  # letters that stand for bytes


def statement(source, name):
    """The code of the function or class called `name` in a cell, less its layout."""
    [found] = [node for node in ast.parse(source).body if getattr(node, "name", None) == name]
    return ast.unparse(found)


def test_format_and_kernel(lecture):
    nbformat.validate(lecture.notebook)
    assert (lecture.notebook.nbformat, lecture.notebook.nbformat_minor) == (4, 5)
    assert lecture.notebook.metadata.kernelspec.name == "python3"


def test_ids_are_unique_and_readable(lecture):
    ids = [cell.id for cell in lecture.notebook.cells]
    assert len(ids) == len(set(ids))
    for name in ids:
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*", name), name
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]+)*", name), f"{name}: made by a machine"


def test_outputs_come_from_one_run_from_the_top(lecture):
    counts = [cell.execution_count for cell in lecture.code()]
    assert counts == list(range(1, len(counts) + 1))


def test_outputs_hold_no_error_warning_path_or_address(lecture):
    for cell in lecture.code():
        for output in cell.outputs:
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", cell.id
        for text in texts(cell):
            for unwanted in [PATH, ADDRESS, re.compile("Warning:")]:
                assert not unwanted.search(text), f"{cell.id}: {unwanted.search(text)}"


def test_cells_are_plain_python_that_does_something(lecture):
    for cell in lecture.code():
        assert ast.parse(cell.source).body, f"{cell.id} is empty"  # fails to parse % and !
        assert not PATH.search(cell.source), cell.id
    for cell in lecture.notebook.cells:
        assert cell.source.strip(), f"{cell.id} is empty"


def test_cells_bear_known_tags_and_no_other_metadata(lecture):
    for cell in lecture.notebook.cells:
        folded = set(cell.metadata.get("tags", [])) & {"setup", "plot"}
        folds = {"jupyter": {"source_hidden": True}, "cellView": "form"} if folded else {}
        rest = {name: value for name, value in cell.metadata.items() if name != "tags"}
        assert rest == folds, f"{cell.id}: {dict(cell.metadata)}"
    for cell in lecture.code():
        tags = cell.metadata.get("tags", [])
        assert set(tags) <= TAGS, f"{cell.id}: {tags}"
        assert "live" not in tags or tags == ["live"], f"{cell.id}: {tags}"


def test_no_code_cell_is_too_long(lecture):
    too_long = {}
    for cell in lecture.code():
        lines = sum(bool(line.strip()) for line in cell.source.splitlines())
        limit = max([LINES.get(tag, 15) for tag in cell.metadata.get("tags", [])], default=16)
        if lines > LONGER.get(cell.id, limit):
            too_long[cell.id] = lines
    assert not too_long


def test_prose_stands_between_the_code(lecture):
    for kind, cells in itertools.groupby(lecture.notebook.cells, lambda cell: cell.cell_type):
        ids = [cell.id for cell in cells if "setup" not in cell.metadata.get("tags", [])]
        assert kind != "code" or len(ids) <= 3, f"no word between {ids}"


def test_notebook_is_small(lecture):
    assert lecture.path.stat().st_size < 700_000


def test_typing_fits_into_the_lecture(lecture):
    lengths = {cell.id: len(cell.source) for cell in lecture.code("live")}
    assert max(lengths.values()) <= 450, lengths
    assert 4000 < sum(lengths.values()) <= 45 * 180  # characters a minute


def test_every_picture_has_a_text_and_fits_the_page(lecture):
    pictures = 0
    for cell in lecture.code():
        for output in cell.outputs:
            assert not any(kind.startswith("image/") for kind in output.get("data", {})), cell.id
            shown = output.get("data", {}).get("text/html", "")
            if shown:
                alt = re.match(r'<img alt="([^"]*)" style="max-width:100%" src="data:image/', shown)
                assert alt and len(alt[1]) > 40, f"{cell.id}: {shown[:200]}"
                pictures += 1
        assert "plt.show()" not in cell.source, cell.id
    assert pictures >= {"lecture1": 26, "lecture2": 15}[lecture.path.stem]


def test_both_lectures_share_their_helpers(lecture1, lecture2):
    for name in ["plot-style", "helper-picture"]:
        assert lecture1.cells[name].source == lecture2.cells[name].source
    for cell_id, name in [("check-packages", "NotReady"), ("helper-check", "check")]:
        first, second = (lecture.cells[cell_id].source for lecture in [lecture1, lecture2])
        assert statement(first, name) == statement(second, name), cell_id


def test_names_are_the_ones_that_the_numbers_come_from(lecture2):
    names = lecture2.path.with_name("names.txt").read_bytes()
    assert hashlib.sha256(names).hexdigest() == NAMES_SHA256
