"""Trainings among the jobs of the queue, and the pictures they learn from."""
