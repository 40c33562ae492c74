"""nbconvert's settings for the published pages."""

import re

from nbconvert.preprocessors import Preprocessor

STYLE = """<style>
  main { max-width: 60rem; margin: auto; }
  .jp-InputArea .jp-InputArea-editor { overflow-x: auto; }
</style>"""  # code that is wider than a phone can be scrolled


class Page(Preprocessor):
    """Links to the other lecture lead to its page, and the parts are listed at the top."""

    def preprocess(self, notebook, resources):
        prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
        for cell in prose:
            cell.source = re.sub(r"\((lecture\d)\.ipynb", r"(\1.html", cell.source)
        headings = "\n".join(cell.source for cell in prose).replace("`", "")
        parts = re.findall(r"^## (.+)", headings, re.M)
        contents = [f"- [{part}](#{part.replace(' ', '-')})" for part in parts]
        notebook.metadata["title"] = prose[0].source.splitlines()[0].strip("# ")
        prose[0].source = "\n".join([prose[0].source, "", *contents, "", STYLE])
        return notebook, resources


c = get_config()  # noqa: F821 (nbconvert brings it)
c.NbConvertApp.notebooks = ["lecture1.ipynb", "lecture2.ipynb"]
c.NbConvertApp.export_format = "html"
c.HTMLExporter.preprocessors = [Page]
c.TagRemovePreprocessor.enabled = True
c.TagRemovePreprocessor.remove_input_tags = {"setup", "plot"}
