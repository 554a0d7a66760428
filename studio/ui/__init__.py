"""The page, and all else of the studio that Gradio is needed for."""

from studio.ui.lean_import import write_no_stubs

write_no_stubs()  # before the first module that imports Gradio
