"""From what was fetched to what an engine reads."""
