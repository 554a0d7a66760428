"""picturebook: the embedded model's world, its training and its evaluation."""
