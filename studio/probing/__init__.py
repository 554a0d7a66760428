"""What a model assumes where a prompt leaves something open: measured, with how sure that is."""
