#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""conformance - which test shows which duty of a driver, and which of the 170 ways in which a host can lie or fail. --write makes docs/conformance.md.

A test says what it shows by its name: case_r12_... for a hostile case, dr_sq_2_... for a clause, several one after the other. It may be the name of a function
or a word in a table. What no test can show has its reason here."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = "docs/conformance.md"
PLACES = [("tests/unit", "*.c"), ("tests/vm", "*.py"), ("tests/9p", "*.py"), ("tests/build", "*.py"), ("tests/prove", "*")]
MEANS = [("tests/vm/hostile", "*"), ("tests/fuzz", "*.c")]  # names there are checked, but what lies is no test yet: its row in tests/vm/test_*.py is
VIRTIO = "1.4 (cs01)"

# What a driver must (M) or should (S) do: id, section of the specification, kind, what it asks for. "-": no clause, but what it comes to.
CLAUSES = """
ST-1   2.1.1     M status bits are set one by one, as the steps are done
ST-2   2.1.1     M no status bit is cleared but by a reset
ST-3   2.1.1     M after FAILED comes a reset before the next try
ST-4   2.1.1     S once NEEDS_RESET shows, nothing is expected of requests in flight
FB-1   2.2.1     M nothing is accepted that was not offered
FB-2   2.2.1     M nothing is accepted without what it builds on
FB-3   2.2.1     M an offer that contradicts itself does no harm
FB-4   2.2.1     M unknown, reserved and foreign bits are not accepted
FB-5   2.2.1     M unknown bits are no reason to fail
FB-6   2.2.1     M what is needed and not offered ends in FAILED
RS-1   2.4.2     S a reset is done when the status reads 0
CF-1   2.5.1     M reads of several fields, or of more than 32 bits, are not taken for one
CF-2   2.5.1     S the generation is the same before and after
CF-3   2.5.1     M fields of features that are not offered are left alone
CF-4   2.5.1     M a larger configuration than expected is fine
CF-5   2.5.1     S a smaller one is not
QR-1   2.6.1.1.2 M a queue's memory is kept until its reset is seen
QR-2   2.6.1.2.2 M a queue that was reset is set up again from the start
IN-1   3.1.1     M the steps of initialisation come in their order
IN-2   3.1.1     M the configuration is not written while features are negotiated
IN-3   3.1.1     M no feature is accepted after FEATURES_OK
IN-4   3.1.1     M FEATURES_OK is read back
IN-5   3.1.1     M a step that fails is the last one, and FAILED is set
IN-6   3.1.1     M no notification before DRIVER_OK
CL-1   3.3.1     M what the device owns is not changed
CL-2   3.3.1     M buffers come back only from a queue that is dead
SU-1   3.4.1     M suspending waits for SUSPEND without DRIVER_OK
SU-2   3.4.1     M a suspended device gets no buffers
SU-3   3.4.1     M a suspended device gets no notifications
SU-4   3.4.1     M a suspended device's configuration is not written
SU-5   3.4.1     M resuming waits for DRIVER_OK without SUSPEND
SU-6   3.4.1     S SUSPEND is set only when negotiated and running
RF-1   6.1       M VERSION_1 is accepted
RF-2   6.1       S ACCESS_PLATFORM is accepted, and the IOMMU is off or knows the addresses
RF-3   6.1       M without ACCESS_PLATFORM the device gets physical addresses only
RF-4   6.1       S RING_PACKED is accepted
RF-5   6.1       S ORDER_PLATFORM is accepted, and barriers are those for devices
RF-6   6.1       M SR_IOV is not accepted without its capability
RF-7   6.1       S NOTIF_CONFIG_DATA is accepted
RF-8   6.1       - IN_ORDER: one used entry may stand for a batch
RF-9   6.1       - NOTIFICATION_DATA: a notification says how far the ring is filled
SQ-1   2.7.1     M the three parts of a ring are aligned
SQ-2   2.7.4.2   M what is writable comes after what is readable
SQ-3   2.7.4.2   S no more descriptors than needed
SQ-4   2.7.5.2   M a chain is shorter than 4 GiB and has no loop
SQ-5   2.7.5.2   M with IN_ORDER the next descriptor is the next in the table
IND-1  2.7.5.3.1 M indirect tables only when negotiated
IND-2  2.7.5.3.1 M no table in a table
IND-3  2.7.5.3.1 M no chain is longer than the queue
IND-4  2.7.5.3.1 M INDIRECT and NEXT never together
IND-5  2.7.5.3.1 M with IN_ORDER a table's entries follow each other
AV-1   2.7.6.1   M the available index never goes back
UN-1   2.7.7.1   M without EVENT_IDX the available ring's flags are 0 or 1
UN-2   2.7.7.1   M with EVENT_IDX they are 0
UN-3   2.7.7.1   M spurious interrupts do no harm
UR-1   2.7.8.3   M bytes behind the used length mean nothing
AN-1   2.7.10.1  M the used ring's flags start as 0
AN-2   2.7.10.1  M without EVENT_IDX the used flags decide on notifications
AN-3   2.7.10.1  M with EVENT_IDX the event index does
SB-1   2.7.13.3.1 M a barrier before the index is stored
SB-2   2.7.13.4.1 M a full barrier before the suppression is read
IO-1   2.7.9     - in-order use: one entry for several heads
PQ-1   2.8.11    M ring and event areas are aligned
PQ-2   2.8.16    M a descriptor is left alone until it is used
PQ-3   2.8.16    M a descriptor is left alone once it is available
PQ-4   2.8.16    M notifications name the next slot
PQ-5   2.8.17    M no list is longer than the queue
PQ-6   2.8.17    M what is writable comes after what is readable
PQ-7   2.8.17    M there is room for a whole list before its head shows
PQ-8   2.8.17    M the head's flags are stored last
PQ-9   2.8.19    M indirect only when negotiated; in the table only WRITE
PQ-10  2.8.19    M an indirect descriptor is in no list
PQ-11  2.8.21.1.1 M a barrier before the flags are stored
PQ-12  2.8.21.3.1 M a full barrier before the suppression is read
PD-1   4.1.2.2   M ids 1040 to 107f of vendor 1af4 are devices
PD-2   4.1.2.2   M transitional ids are devices too
PD-3   4.1.2.2   M any revision will do
PL-1   4.1.3.1   M registers are accessed in their own width
CP-1   4.1.4.1   M capabilities of reserved types are ignored
CP-2   4.1.4.1   M so are those with reserved BAR numbers
CP-3   4.1.4.1   M a capability may be longer than its structure
CP-4   4.1.4.1   S the first usable instance counts
CP-5   4.1.4.1   M a structure may be surprisingly large
CP-6   4.1.4.1   M capabilities are not written
CC-1   4.1.4.3.2 M read-only registers are not written
CC-2   4.1.4.3.2 M queue sizes are powers of two (split), never 0
CC-3   4.1.4.3.2 M a queue is enabled last
CC-4   4.1.4.3.2 M a reset is waited for
CC-5   4.1.4.3.2 M 0 is never written to queue_enable
CC-6   4.1.4.3.2 M a queue's reset is waited for
CC-7   4.1.4.3.2 M administration queues by the indices that are told
IS-1   4.1.4.5.2 S with MSI-X the ISR register is not read for queues
VD-1   4.1.4.8.2 M vendor data only of a vendor that is known
PC-1   4.1.4.9.2 M access through the configuration space stays aligned and inside a structure
MX-1   4.1.5.1.2.2 M any size of the vector table will do
MX-2   4.1.5.1.2.2 M no vector beyond the table
MX-3   4.1.5.1.2.2 M a vector is read back
NT-1   4.1.5.2.1 M a notification is one 16-bit write
NT-2   4.1.5.2.1 M with NOTIFICATION_DATA it is one 32-bit write
NC-1   4.1.5.4.2 M one interrupt may mean configuration and queues
LG-1   2.2.3     M a legacy device is known by what it lacks, and gets what legacy notes say
9P-1   -         - the tag is read byte by byte
9P-2   -         - there is room for the largest reply
9P-3   -         - the readable part is the whole message
9P-4   -         - the used length says how much was written; 0 is no reply
9P-5   -         - the heads of messages are not split
RNG-1  5.4.6.1   M only writable buffers
RNG-2  5.4.6.1   M as many bytes as were returned
CON-1  5.3.6.1   M receive queues take what is writable, transmit queues what is readable
CON-2  5.3.6.2.2 M DEVICE_READY is sent
CON-3  5.3.6.2.2 M a port that is told is opened
BLK-1  5.2.5.1   M writeback is not read before FEATURES_OK
BLK-2  5.2.5.1   M no zones unless all models are known
BLK-3  5.2.6.1   M nothing beyond the capacity
BLK-4  5.2.6.1   M FLUSH has sector 0
BLK-5  5.2.6.1   M lengths are multiples of what the request asks for
BLK-6  5.2.6.1   M no more segments than allowed
BLK-7  5.2.6.1   M discard leaves unmap 0
BLK-8  5.2.6.1   M nothing is assumed of what was not flushed, was discarded or failed
BLK-9  5.2.5.1   S RO is accepted, FLUSH if it is used, the capacity is read again when it changes
NET-1  5.1.4.2   M the configuration is not written
NET-2  5.1.4.2   M the MAC address is the device's
NET-3  5.1.4.2   M MTU: room for it, and nothing larger
NET-4  5.1.4.2   M speed and duplex may be unknown
NET-5  5.1.9.2.1 M headers of one size
NET-6  5.1.9.2.1 M no offload that is not negotiated
NET-7  5.1.9.2.1 M partial checksums are right
NET-8  5.1.9.3.1 S receive buffers are large enough
NET-9  5.1.9.4.2 M unknown flags are ignored
FS-1   5.11.4.1  M the configuration is not written
FS-2   5.11.6.2  M only urgent requests on the urgent queue
FS-3   5.11.6.2  M queues run beside each other
FS-4   5.11.6.3  M notification buffers are large enough
FS-5   5.11.6.4  M only mapped parts of the window
"""

# What the host may do: id, what happens | what must come of it. Wherever a test exists: a named error, in bounded time, nobody waits for ever, the machine is up.
CASES = """
C1  a capability list that loops | 48 steps, the device is rejected
C2  a capability pointer outside, or not aligned | aligned; below 40h ends the list
C3  a capability that is its own next one | as C1
C4  no capability bit, but a pointer | no capabilities
C5  lengths of capabilities that cannot be | ignored, in the log
C6  BAR numbers 6, 7, 255 | ignored
C7  a structure beyond its BAR, or round 2^32 | rejected
C8  structures that are too short | rejected, or no device configuration
C9  a BAR of size 0 | rejected
C10 an I/O BAR where memory is meant | as I/O, or rejected
C11 a 64-bit BAR in the last slot | rejected
C12 BARs without an address, or above 4 GiB | assigned and mapped
C13 BARs that overlap each other, or memory | rejected
C14 several capabilities of a type | the first usable one
C15 a structure is missing | rejected by name
C16 odd doorbell multipliers and offsets | inside the structure, or rejected
C17 transitional and unknown ids | transitional ones work; others are left alone
C18 full buses, functions, devices of one tag | a bounded scan, all are listed
C19 all ones in the middle of a scan | the slot is empty
C20 bridges that lead back | buses only ascend
C21 header type 7f | skipped
C22 contents that change between two reads | read once
R1  no VERSION_1 | refused, FAILED
R2  FEATURES_OK does not stick | refused
R3  no mount tag | no name; no tag is read
R4  every feature offered | the known ones are accepted
R5  no queues | refused
R6  queue size 0 | refused
R7  queue size 3 | rounded down and written back
R8  queue sizes 32768 and 65535 | what we can hold, written back
R9  a queue that is enabled already | refused
R10 a reset that never ends | bounded, refused
R11 all ones while it runs | dead; all who wait get EIO
R12 a used id beyond the queue | broken; all who wait get EIO
R13 a used id that is not in flight | broken
R14 a used id twice | broken
R15 a used id inside a chain | broken
R16 a used length beyond the room | broken, never trusted
R17 used lengths 0 and 4 | EIO
R18 a used index that jumps | broken
R19 a used index that goes back | broken
R20 indices that wrap | right
R21 no answer ever | bounded, EIO
R22 an answer after the time-out | its memory is nobody else's before a reset
R23 NEEDS_RESET | one recovery, or EIO
R24 the device writes descriptors and available ring | no effect
R25 a reply that changes after it came | one copy is read
R26 a generation that never settles | bounded, refused
R27 mount tags of any length | copied within bounds
R28 interrupts: storms, none, spurious | polling; no livelock
R29 a vector that is refused | without MSI-X, or polling
R30 a configuration that shrinks | read again within bounds
P1  7 bytes where a body is due; a size below 7 | EIO
P2  a size beyond what arrived | EIO
P3  a size below what arrived | EIO
P4  another tag | EIO
P5  the reply of another request | EIO
P6  a request as reply; types 0 and 255 | EIO
P7  a reply longer than the room, shorter than msize | EIO
P8  fixed replies that are one byte short or long | EIO when short; what is behind is not looked at
P9  Rlerror 0 | EIO
P10 Rlerror beyond all errors | EIO, never a success
P11 an error that the request cannot have | goes up as it is
P12 Rerror of another dialect | EIO
P13 msize above what was asked | EIO
P14 msize below 4096 | refused
P15 other versions | refused unless exactly the same
P16 a version with NUL | refused
P17 a root that is no directory | refused
P18 more qids than names | EIO
P19 no qids for names | ENOENT; the new fid is not in use
P20 a walk that ends half-way | ENOENT or ENOTDIR; the new fid is not in use, the old one is not clunked
P21 qid and mode contradict each other | EIO
P22 a qid that changes between walk and open | ESTALE, or taken; no crash
P23 any iounit | never more than msize - 24
P24 more read than asked | EIO
P25 more read than arrived | EIO
P26 0 bytes read though there are more | end of file
P27 more written than sent | EIO
P28 0 bytes written for ever | EIO
P29 listings longer than asked, or than the reply | EIO
P30 an entry that overruns | EIO
P31 an entry that is cut | EIO
P32 names with / or NUL | EIO
P33 names of 0, 256, 65535 bytes | EIO or ENAMETOOLONG
P34 . and .. in odd places, names twice | passed on once each; paths stay safe
P35 listings that never end | EIO
P36 sizes beyond 2^63, no valid fields | EOVERFLOW or EIO; no memory by it
P37 link targets: empty, 64 KiB, with NUL | EIO or ENAMETOOLONG
P38 loops of links, 41 links, links above the root | ELOOP; never outside the share
P39 block size 0 or huge | no division
P40 answers to finished and flushed requests | dropped
L1  an empty file | ENOEXEC
L2  one byte | ENOEXEC
L3  40 bytes | ENOEXEC
L4  another magic number | ENOEXEC
L5  32 bits, big-endian, other versions | ENOEXEC, though Linux takes them
L6  object and core files | ENOEXEC
L7  another processor | ENOEXEC
L8  an entry point that is nowhere | ENOEXEC
L9  program headers beyond the file | ENOEXEC
L10 program headers of another size | ENOEXEC
L11 no program headers; 65535 | ENOEXEC
L12 cut inside a segment | ENOEXEC
L13 more bytes in the file than in memory | ENOEXEC
L14 sizes up to 2^64 | ENOEXEC; no memory by it
L15 addresses of the kernel, 0, round 2^64 | ENOEXEC
L16 offset and address do not fit | ENOEXEC
L17 segments that overlap | ENOEXEC
L18 odd alignments | ignored
L19 nothing to load | ENOEXEC
L20 an entry point that is data | ENOEXEC
L21 a segment that is writable and executable | ENOEXEC
L22 an executable stack | ignored; it stays without execution
L23 a dynamic program | ENOEXEC, by name
L24 two thread-local segments, alignment 2^40 | ENOEXEC
L25 a header only | ENOEXEC
L26 a file that changes while it is loaded | an error or a program, never a crash
L27 a sparse file of 2 GiB | ENOMEM or ENOEXEC, bounded by the memory
L28 arguments larger than the stack | E2BIG
S1  pointers to nothing, the kernel, nowhere | EFAULT
S2  ranges across the last page | EFAULT, or as many bytes as there are
S3  lengths of 2^63 and beyond | EFAULT or EINVAL
S4  lengths beyond 7ffff000h | cut
S5  vectors: -1, 0, 1025, sums that overflow | EINVAL
S6  paths without an end | ENAMETOOLONG
S7  a path that changes while it is used | copied once
S8  descriptors that are none | EBADF
S9  unknown calls, negative ones, the x32 bit | ENOSYS
S10 positions beyond 2^63 | EINVAL or EOVERFLOW
S11 mmap of nothing, odd places, the kernel, W+X | EINVAL, EPERM, ENOMEM or EACCES
S12 munmap and mprotect of what is not its own | EINVAL or ENOMEM
S13 brk below its start, beyond memory | unchanged
S14 a stack that overflows | SIGSEGV
S15 privileged instructions, odd flags | SIGSEGV or no effect; the kernel stays sane
S16 return addresses that are not canonical | SIGSEGV
S17 descriptors run out | EMFILE
S18 memory runs out | ENOMEM
B1  ranges that overlap | counted once; reserved wins
B2  a range round 2^64 | cut
B3  unsorted, empty, too many ranges | sorted, left out, capped
B4  no memory above 1 MiB | told, a defined end
B5  2 MiB, 8 MiB, 64 TiB | works, or is told
B6  image and blobs in what the map calls free | kept out
B7  no RSDP, a bad one, one beyond memory | without ACPI
B8  tables with impossible counts and lengths | left out
B9  another magic number, version 0 | told, or without its map
B10 command lines: none, endless, 64 KiB | empty, cut or refused
B11 modules: too many, beyond memory | capped, left out
B12 ExitBootServices fails once; the map grows | again
B13 EFI descriptors of another size | the size that is told counts
B14 processors without NX, SMEP, SMAP, RDRAND, 1 GiB pages | works, or refused by name; no bad random numbers
H1  the share is removed | ENOENT; open files go on
H2  a file is cut while it is read | a short read, the end
H3  a file is removed or replaced while open | its old content
H4  a file grows while it is read | no old size counts
H5  the disk is full | ENOSPC; what was written is there
H6  EIO at the n-th read | EIO; the next read works
H7  EINTR, EAGAIN, short reads and writes | hidden, or right counts
H8  no rights | EACCES
H9  a read-only share | EROFS
H10 EDQUOT, EFBIG | passed on
H11 QEMU is killed while writing | a prefix of the data; nothing else is touched
H12 stopped for a minute | no false time-out
H13 no migration with a share | told in the documents
H14 an answer takes 5 seconds | waited for
H15 a parent directory is renamed | open files go on; paths ENOENT
H16 two file systems under one share | inode numbers do not collide with multidevs=remap
H17 fifos, sockets, devices in the share | refused, never blocked
H18 100,000 entries, names of 255 bytes, not UTF-8 | all listed once
"""

# Why there is no test. An id that has a test needs no reason.
NO_SUSPEND = "SUSPEND (bit 43) is never accepted (FB-4), and the status bit never written (IN-1)"
REASONS = {
    **{f"DR-SU-{n}": NO_SUSPEND for n in range(1, 7)},
    **{f"DR-NET-{n}": "no such driver" for n in range(1, 10)},
    **{f"DR-FS-{n}": "no such driver" for n in range(1, 6)},
    "DR-CC-7": "ADMIN_VQ (bit 41) is never accepted (FB-4)",
    "DR-RF-6": "SR_IOV (bit 37) is never accepted (FB-4)",
    "DR-VD-1": "vendor data capabilities are never read nor written; their type is one of those that are ignored (CP-1)",
}


def clauses():
    """[(id, section, kind, words)...]"""
    return [("DR-" + key, *rest) for key, *rest in (line.split(None, 3) for line in CLAUSES.strip().splitlines())]


def cases():
    """[(id, words, expected)...]"""
    return [(key, *text.split(" | ")) for key, text in (line.split(None, 1) for line in CASES.strip().splitlines())]


def ids_of(name):
    """The ids that a test's name carries: case_r12_r13_x, dr_sq_2_dr_9p_1_x."""
    found = [key.upper() for run in re.findall(r"(?:^|_)case((?:_[a-z]\d+(?=_|$))+)", name, re.I) for key in run.split("_")[1:]]
    return found + [f"DR-{group}-{n}".upper() for group, n in re.findall(r"(?:^|_)dr_([a-z0-9]+)_(\d+)(?=_|$)", name, re.I)]


def names_in(text, suffix):
    """Functions that are tests, and words in tables."""
    if suffix in (".c", ".h"):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        functions = re.findall(r"^(?:static )?(?:void|int) (\w+)\(", text, re.M)
    else:
        text = re.sub(r"^\s*#.*", "", text, flags=re.M)
        functions = re.findall(r"^def (test_\w+)", text, re.M)
    return dict.fromkeys(functions + re.findall(r"""["']((?:\w*_)?(?:case_[a-z]\d|dr_[a-z0-9]+_\d)\w*)["']""", text))


def tests(root, places=PLACES):
    """{id: [file:name...]}"""
    shown = {}
    for folder, pattern in places:
        for path in sorted((root / folder).glob(pattern)):
            if path.suffix in (".c", ".h", ".py"):
                for name in names_in(path.read_text(), path.suffix):
                    for key in dict.fromkeys(ids_of(name)):
                        shown.setdefault(key, []).append(f"{path.relative_to(root)}:{name}")
    return shown


def unknown(root):
    """Complaints about names with ids that there are not."""
    known = {c[0] for c in clauses() + cases()}
    return [f"{where}: there is no {key}" for key, places in sorted(tests(root, PLACES + MEANS).items()) if key not in known for where in places]


def still_open(root):
    shown = tests(root)
    return [c[0] for c in clauses() + cases() if c[0] not in shown and c[0] not in REASONS]


def evidence(key, shown):
    if key not in shown:
        return REASONS.get(key, "**open**")
    return "<br>".join(f"`{where.removeprefix('tests/')}`" for where in shown[key])


def count(rows, shown):
    tested = sum(r[0] in shown for r in rows)
    reasons = sum(r[0] not in shown and r[0] in REASONS for r in rows)
    return f"{len(rows)}: {tested} with a test, {reasons} with a reason, {len(rows) - tested - reasons} open"


def document(root):
    shown = tests(root)
    lines = ["# Conformance", "",
             "Made by `tests/conformance.py --write` from the names of the tests; lint checks that it is the newest.", "",
             f"* Clauses for drivers of virtio {VIRTIO}, {count(clauses(), shown)}.",
             f"* Hostile cases, {count(cases(), shown)}.", "",
             "## What a driver must do", "",
             "The words are ours; the section tells where the requirement is. M: must, S: should, -: no clause, but what it comes to.", "",
             "| clause | section | | what it asks for | shown by (below `tests/`), or why it does not apply |", "|---|---|---|---|---|"]
    lines += [f"| {key} | {section} | {kind} | {words} | {evidence(key, shown)} |" for key, section, kind, words in clauses()]
    lines += ["", "## What a host may do", "",
              "C: PCI, R: device and rings, P: 9P replies, L: program files, S: system calls, B: boot, H: the host's files and machine. In each row: an error with a "
              "name, in bounded time, nobody waits for ever, the machine is up.", "",
              "| case | what happens | what comes of it | shown by (below `tests/`), or why it cannot occur |", "|---|---|---|---|"]
    lines += [f"| {key} | {words} | {expected} | {evidence(key, shown)} |" for key, words, expected in cases()]
    return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:] == ["--write"]:
        (ROOT / DOCUMENT).write_text(document(ROOT))
    else:
        print(*unknown(ROOT), "open: " + " ".join(still_open(ROOT)), sep="\n")


if __name__ == "__main__":
    main()
