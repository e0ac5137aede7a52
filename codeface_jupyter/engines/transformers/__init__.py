"""The general engine: torch, transformers and accelerate."""
