"""What is committed is what runs, for everyone, and sentences quote no number that is not there."""

import re

import pytest
from conftest import LECTURES, code_cells, exercises, read, tags

HELP = "refresh the outputs, see README; if that does not help, a live cell cannot be run twice"
MACHINE = r"(?<![\w.:/])/(home|Users|root|tmp|usr|opt|mnt|var|private|content)/|[A-Z]:\\|\b0x\w{6,}"
NUMBER = r"(?<![\w.])\d+(?:[,_]\d{3})*(?:\.\d+)?"
pytestmark = pytest.mark.parametrize("lecture", LECTURES)


def text(cell):
    """What a cell prints and shows, without the bytes of pictures."""
    found = ""
    for output in cell.outputs:
        data = output.get("data", {})
        shown = data.get("text/html") or data.get("text/plain", "")
        found += output.get("text") or re.sub('base64,[^"]*', "", shown) + "\n"
    return found


def test_committed_outputs_are_what_runs(lecture, played):
    for cell in code_cells(read(lecture)):
        if "timing" not in tags(cell):
            assert text(cell) == played[lecture].printed[cell.id], f"cell {cell.id}: {HELP}"


def test_committed_outputs_are_of_one_clean_run(lecture):
    cells = code_cells(read(lecture))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), HELP
    for cell in cells:
        assert not re.search(MACHINE, cell.source + text(cell)), f"cell {cell.id}: a path"
        streams = [output.get("name", "error") for output in cell.outputs if "data" not in output]
        assert streams in ([], ["stdout"]), f"cell {cell.id}: an error, or a stream in pieces"
        pictures = re.findall("<img|image/png'|No picture", str(cell.outputs))
        alts = re.findall(r'<img alt="[^"]{20,}"[^>]*base64,[^"]{1000}', str(cell.outputs))
        assert len(alts) == len(pictures), f"cell {cell.id}: a picture is missing, or its text"
        assert alts or "plot" not in tags(cell), f"cell {cell.id} shows no plot"


def numbers(text):
    return [re.sub("[,_]", "", number) for number in re.findall(NUMBER, text)]


def test_long_numbers_in_sentences_occur_in_code_or_outputs_of_their_part_or_before(lecture):
    """Long: four digits or more. Free are years, and boxes (> ...), which quote the video."""
    solved, parts, known = exercises(read(lecture)), [[]], []
    for cell in read(lecture):
        if cell.source.startswith("## "):
            parts.append([])
        parts[-1].append(cell)
    for part in parts[1:] + parts[:1]:  # the introduction may speak of every part
        for cell in code_cells(part):
            outputs = "" if "timing" in tags(cell) else text(cell)
            known += numbers(cell.source + outputs + "".join(solved.get(cell.id, "")))
        for cell in part:
            prose = re.sub(r"(?ms)```.*?```|^>.*?$|https?://[^\s)]+", "", cell.source)
            for number in numbers(prose) if cell.cell_type == "markdown" else []:
                long = len(number.replace(".", "").lstrip("0")) >= 4
                if long and not re.fullmatch(r"(19|20)\d\d", number):
                    decimals = len(number.partition(".")[2])  # a sentence may round
                    found = float(number) in [round(float(x), decimals) for x in known]
                    assert found, f"cell {cell.id}: where does {number} come from?"
