"""Pictures of the user's -> a LoRA, or an embedding."""
