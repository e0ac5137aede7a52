"""What code that is tried may not do, kept by the operating system in a forked child.

``enter.py`` is the order in which a child gives up what it could do. Each other module is one of
the means: files (``landlock``), system calls (``seccomp``, ``system_calls``), memory that is
shared with the parent (``shared_memory``), open files and sockets (``descriptors``), signals and
privileges (``process``), amounts (``limits``), and words for what is refused (``audit``).
``support`` says which of them this machine has.
"""
