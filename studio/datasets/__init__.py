"""Pictures drawn with their labels, for whoever trains a detector."""
