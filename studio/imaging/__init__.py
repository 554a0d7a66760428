"""Pictures in, pictures out: reading, resizing, masks, fills, and the plan of an edit.

Numpy, Pillow and OpenCV; no torch. Masks are greyscale ("L"), white where the picture is repainted.
"""
