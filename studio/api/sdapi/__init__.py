"""AUTOMATIC1111's API: its words are translated here and nowhere else. Below are our own requests,
our queue, our catalog."""
