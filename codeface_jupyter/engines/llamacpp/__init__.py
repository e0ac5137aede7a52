"""The engine for GGUF files: llama.cpp, in a process of its own."""
