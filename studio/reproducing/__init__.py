"""Pictures drawn again from their own records, and held against what they were."""
