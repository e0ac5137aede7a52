"""The system calls that tried code may make, by group, with their numbers.

Each entry is a name, its number on x86-64 and its number on aarch64, ``-`` where it has none.
What is not listed is refused, calls that are yet to be invented included.
"""

from __future__ import annotations

import os
import sys

__all__ = ["ARCHITECTURE", "NEWEST", "number_of", "numbers_of_allowed"]

# What the kernel calls this machine (AUDIT_ARCH_…), and the column of its numbers.
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_MACHINE = os.uname().machine if sys.platform == "linux" else ""
ARCHITECTURE, _COLUMN = _ARCHITECTURES.get(_MACHINE, (0, 0))

# The last call that was weighed for these lists (mseal); newer ones do not exist for tried code.
NEWEST = 462

# Reading, and writing to what could be opened for it. Of `open` only with conditions.
_FILES = """
read 0 63, readv 19 65, pread64 17 67, preadv 295 69, preadv2 327 286, write 1 64, writev 20 66,
pwrite64 18 68, pwritev 296 70, pwritev2 328 287, lseek 8 62, close 3 57, close_range 436 436,
dup 32 23, dup2 33 -, dup3 292 24, fstat 5 80, stat 4 -, lstat 6 -, newfstatat 262 79,
statx 332 291, statfs 137 43, fstatfs 138 44, access 21 -, faccessat 269 48, faccessat2 439 439,
readlink 89 -, readlinkat 267 78, getdents 78 -, getdents64 217 61, getxattr 191 8,
lgetxattr 192 9, fgetxattr 193 10, listxattr 194 11, llistxattr 195 12, flistxattr 196 13,
getcwd 79 17, chdir 80 49, fchdir 81 50, umask 95 166, ftruncate 77 46,
fsync 74 82, fdatasync 75 83, fadvise64 221 223, readahead 187 213, sendfile 40 71,
copy_file_range 326 285, flock 73 32
"""
# Landlock keeps these to the folder of the copy.
_FOLDERS = """
creat 85 -, mkdir 83 -, mkdirat 258 34, rmdir 84 -, unlink 87 -, unlinkat 263 35, rename 82 -,
renameat 264 38, renameat2 316 276
"""
# Pipes and events within the process, which an event loop needs, and waiting for them.
_WAITING = """
pipe 22 -, pipe2 293 59, poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72,
epoll_create 213 -, epoll_create1 291 20, epoll_ctl 233 21, epoll_wait 232 -, epoll_pwait 281 22,
epoll_pwait2 441 441, eventfd 284 -, eventfd2 290 19, timerfd_create 283 85,
timerfd_settime 286 86, timerfd_gettime 287 87, recvfrom 45 207, recvmsg 47 212, shutdown 48 210,
getsockopt 55 209, setsockopt 54 208, getsockname 51 204, getpeername 52 205
"""
# Not `mbind`: of a file that is mapped, also one to read, it changes where all have its memory.
_MEMORY = """
mmap 9 222, munmap 11 215, mprotect 10 226, mremap 25 216, madvise 28 233, brk 12 214,
msync 26 227, mincore 27 232, pkey_alloc 330 289, pkey_free 331 290, pkey_mprotect 329 288,
get_mempolicy 239 236, set_mempolicy 238 237
"""
_THREADS = """
futex_waitv 449 449, set_robust_list 273 99, get_robust_list 274 100,
set_tid_address 218 96, rseq 334 293, membarrier 324 283, exit 60 93, exit_group 231 94,
wait4 61 260, waitid 247 95, restart_syscall 219 128, sched_yield 24 124, arch_prctl 158 -
"""
_SIGNALS_AND_TIME = """
rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, rt_sigpending 127 136,
rt_sigtimedwait 128 137, rt_sigsuspend 130 133, sigaltstack 131 132, alarm 37 -, pause 34 -,
getitimer 36 102, setitimer 38 103, timer_create 222 107, timer_settime 223 110,
timer_gettime 224 108, timer_getoverrun 225 109, timer_delete 226 111, nanosleep 35 101,
clock_nanosleep 230 115, clock_gettime 228 113, clock_getres 229 114, gettimeofday 96 169,
time 201 -, times 100 153
"""
# What the process may know of itself and of the machine.
_FACTS = """
getrusage 98 165, sysinfo 99 179, uname 63 160, getcpu 309 168, getrandom 318 278,
sched_getaffinity 204 123, sched_getparam 143 121, sched_getscheduler 145 120,
sched_get_priority_max 146 125, sched_get_priority_min 147 126, sched_rr_get_interval 148 127,
getpriority 140 141, getpid 39 172, gettid 186 178, getppid 110 173, getuid 102 174,
geteuid 107 175, getgid 104 176, getegid 108 177, getgroups 115 158, getresuid 118 148,
getresgid 120 150, getpgid 121 155, getpgrp 111 -, getsid 124 156, getrlimit 97 163, capget 125 90
"""
# Allowed with some arguments only, or answered as if the kernel did not know them.
_OTHERS = """
open 2 -, openat 257 56, openat2 437 437, fcntl 72 25, ioctl 16 29, prctl 157 167,
prlimit64 302 261, kill 62 129, tgkill 234 131, clone 56 220, clone3 435 435, sendto 44 206,
socketpair 53 199, seccomp 317 277, capset 126 91, fallocate 285 47,
futex 202 98
"""


def _numbers(*groups: str) -> dict[str, int]:
    rows = (entry.split() for group in groups for entry in group.split(","))
    return {name: int(numbers[_COLUMN]) for name, *numbers in rows if numbers[_COLUMN].isdecimal()}


_ALLOWED = _numbers(_FILES, _FOLDERS, _WAITING, _MEMORY, _THREADS, _SIGNALS_AND_TIME, _FACTS)
_OTHER = _numbers(_OTHERS)


def numbers_of_allowed() -> list[int]:
    """Return the numbers of the calls that are allowed whatever their arguments."""
    return sorted(_ALLOWED.values())


def number_of(name: str) -> int | None:
    """Return the number of a call that is listed here; None where this machine has none."""
    return _ALLOWED.get(name, _OTHER.get(name))
