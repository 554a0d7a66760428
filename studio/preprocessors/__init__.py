"""Pictures to the maps that ControlNets are led by. `maps.Preprocessors` is the way in."""
