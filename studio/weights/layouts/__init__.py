"""What the weights of our modules are called in files of the original layout.

Our modules are those of diffusers and transformers. Files that artists own use the names of the
programs that trained them. Each module here answers, for one kind of part: under which name, and
in which form, does the original layout keep the weight that we call so? The loader asks it to
read such a file, the exporter to write one.
"""
