"""A filter on the worker's system calls, set by itself before any code of the method is imported; nobody takes it off.

It refuses what no method needs and what leads around the limits: namespaces (a mount of one's own has no size), memory
that belongs to no process (memfd, System V), other processes' memory, kernel interfaces, and signals to those who watch
over the worker. Elsewhere than on Linux with x86-64 or ARM64 there is none.

Source of the numbers: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Sequence

REFUSED = {  # name: (x86-64, ARM64)
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "open_tree": (428, 428), "move_mount": (429, 429), "mount_setattr": (442, 442), "open_by_handle_at": (304, 265),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89),
    "quotactl": (179, 60),
}  # fmt: skip
ABSENT = {"memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "clone3": (435, 435)}
SIGNALS = {"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
           "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "prlimit64": (302, 261)}  # fmt: skip
CLONE = (56, 220)
NAMESPACES = 0x7E020080  # flags of clone: mount, cgroup, UTS, IPC, user, PID, network, time
MACHINES = {
    "x86_64": (0, 0xC000003E, 317),
    "aarch64": (1, 0xC00000B7, 277),
}  # column, architecture, seccomp
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST = 0, 4, 16  # where the kernel puts them for the filter to load
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
NO_NEW_PRIVILEGES, SET_FILTER, ALL_THREADS = 38, 1, 1


def lock(watchers: Sequence[int] = ()) -> bool:
    """Set the filter for this process, all its threads and whatever they start; False where the system has none.

    Args:
        watchers: processes that the worker may send no signal.

    Raises:
        OSError: the kernel takes no filter.
    """
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return False
    program = _program(*MACHINES[platform.machine()][:2], watchers)
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel does not let a process give up new privileges")
    if library.syscall(MACHINES[platform.machine()][2], SET_FILTER, ALL_THREADS, head):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls (seccomp)")
    return True


def _program(column: int, architecture: int, watchers: Sequence[int]) -> bytes:
    """The filter as the kernel's BPF: 8 bytes an instruction, jumps counted from the next one."""
    steps = [_step(LOAD, ARCHITECTURE), _step(EQUAL, architecture, 1, 0), _step(RETURN, KILL)]
    steps += [_step(LOAD, NUMBER), _step(AT_LEAST, 0x40000000, 0, 1), _step(RETURN, ERROR | errno.ENOSYS)]
    for calls, error in ((REFUSED, errno.EPERM), (ABSENT, errno.ENOSYS)):
        for numbers in calls.values():
            steps += [_step(EQUAL, numbers[column], 0, 1), _step(RETURN, ERROR | error)]
    refuse = _step(RETURN, ERROR | errno.EPERM)
    steps += [_step(EQUAL, CLONE[column], 0, 4), _step(LOAD, FIRST), _step(ANY_BIT, NAMESPACES, 0, 1), refuse,
              _step(RETURN, ALLOW)]  # fmt: skip
    everybody = [2**32 - 1] if watchers else []  # -1: every process that may be sent one
    shielded = everybody + [number % 2**32 for pid in watchers for number in (pid, -pid)]
    for numbers in SIGNALS.values():
        tests = [test for pid in shielded for test in (_step(EQUAL, pid, 0, 1), refuse)]
        steps += [_step(EQUAL, numbers[column], 0, len(tests) + 2), _step(LOAD, FIRST), *tests, _step(RETURN, ALLOW)]
    return b"".join([*steps, _step(RETURN, ALLOW)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
