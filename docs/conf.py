"""Settings of the documentation, which ``make docs`` builds."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
os.environ["PYTHONPATH"] = str(HERE.parent)  # for the kernels of the notebooks, and the commands in them
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

import api_pages  # noqa: E402 - found by the lines above

import graphseq  # noqa: E402

project, author, copyright = "graphseq", "The graphseq authors", "The graphseq authors"
release = version = graphseq.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "links",
    "offline_math",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "auto_examples/*.py", "**/.ipynb_checkpoints"]
nitpicky = False  # types of torch and PyG in signatures link nowhere without the network

api_pages.write(HERE / "api")

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "exclude-members": "__new__"}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_google_docstring, napoleon_numpy_docstring, napoleon_use_rtype = True, False, False
napoleon_use_ivar = True
napoleon_custom_sections = ["Shapes", "Source", ("Facts", "notes")]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # a notebook is executed again only where it has changed
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # progress bars, and warnings with paths of the machine that built the pages

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples" / "gallery"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "min_reported_time": 1,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "graphseq"
html_static_path = ["_static"]
# What has no language, such as a table that a command prints, is not coloured as Python.
highlight_language = "none"

html_css_files = ["graphseq.css"]
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_sidebars = {"index": [], "changelog": [], "contributing": []}
html_show_sphinx = False
