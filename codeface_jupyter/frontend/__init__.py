"""The kernel's end of the comm: messages, front ends, and the threads that handle them."""
