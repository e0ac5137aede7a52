"""The kernel's end of the comm: what is said, to whom, and in which thread it is heard."""
