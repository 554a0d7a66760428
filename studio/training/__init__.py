"""Pictures of the user's -> a LoRA."""
