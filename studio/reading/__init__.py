"""Settings out of anything: a picture of this studio or another, a text, a graph."""
