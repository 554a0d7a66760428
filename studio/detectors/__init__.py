"""Pictures to the things in them. `detectors.Detectors` is the way in."""
