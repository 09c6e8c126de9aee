# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A virtio-9p function that lies (tests/vm/hostile), beside an honest one, on the real kernel image: each lie ends in a named error within a bounded time, and
the machine goes on. Many lies share a boot: each is a function of its own."""
import atexit
import functools
import hashlib
import re
import shutil
import struct
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

import machine
import share as shares
from hostile.function import REGISTERS, Function
from hostile.lies import CONTENT, LIES
from hostile.rings import Chain
from hostile.server import Node, Server
from rows import BY_NAME

HAS_PROXY = subprocess.run(["qemu-system-x86_64", "-device", "x-pci-proxy-dev,help"], capture_output=True).returncode == 0
pytestmark = pytest.mark.skipif(not HAS_PROXY, reason="this QEMU was built without x-pci-proxy-dev")
HOSTILE = ["/usr/bin/python3", str(Path(__file__).resolve().parent / "hostile")]
# QEMU 10 without hardware virtualisation ends when it connects the interrupt line of such a function, which is not connected here.
MACHINE = BY_NAME["pvh-microvm-modern"]
POEM = b"baa\n"
VERSION_1 = 1 << 32
KNOWN_FEATURES = 1 << 0 | sum(1 << n for n in (28, 29, 32, 33, 34, 35, 36, 38, 39, 40))  # of virtio-9p, and of every device
LINES_AT_MOST = 4  # about one function, of which two tell that it is there and mounted
A_BOOT = 22  # functions in one machine: the kernel mounts 32 shares at most

GOOD = f"read: end after {len(CONTENT)} bytes, sum {sum(CONTENT)}"
LARGE = 700  # times CONTENT: a file of several messages
NOTHING_READ = "read: EIO after 0 bytes, sum 0"

# verb: what the program does with the lie's file, None: its share is not even mounted. says: what it is told. log: the line, which stands there once;
# {pci}, {dev} and {tag} are the lying function's.
Row = namedtuple("Row", "lie verb says log")


def bad_reply(message, what):
    return rf'9p: "{{tag}}" sent a bad reply to message {message}: {what}'


def broken(what):
    return reset(f"queue 0: {what}")


def reset(why):
    return rf"{{dev}}: {why}; it was reset"


def missing(*what):
    return rf"{{pci}}: a virtio device without usable capabilities \(missing: {' '.join(what)}\)"


LOOPS = "{pci}: its capability list loops; the function is not used"
NO_TAG = reset("its configuration holds no mount tag")

ROWS = [
    Row("case_c1_capability_list_loops", None, None, LOOPS),
    Row("case_c2_capability_pointer_below_0x40", None, None, missing("common", "notify", "isr")),
    Row("case_c2_capability_pointers_not_aligned", "read", GOOD, None),
    Row("case_c3_capability_leads_to_itself", None, None, LOOPS),
    Row("case_c4_status_denies_capabilities", None, None, missing("common", "notify", "isr")),
    *[Row(lie, None, None, missing("common")) for lie in ("case_c5_cap_len_0", "case_c5_cap_len_2", "case_c5_cap_len_15", "case_c5_cap_len_255")],
    Row("dr_cp_3_capabilities_longer_than_their_structures", "read", GOOD, None),
    Row("case_c6_bar_6_first", "read", GOOD, None),
    Row("case_c6_bar_7_only", None, None, missing("notify")),
    Row("case_c7_structure_behind_its_bar", None, None, missing("common")),
    Row("case_c7_structure_wraps", None, None, missing("common")),
    Row("case_c8_common_structure_too_short", None, None, missing("common")),
    Row("case_c8_notify_structure_too_short", None, None, missing("notify")),
    Row("case_c8_device_structure_empty", None, None, NO_TAG),
    Row("case_c9_bar_of_no_size", None, None, missing("common", "notify", "isr")),
    Row("case_c10_io_bar", None, None, missing("common", "notify", "isr")),
    Row("case_c10_io_bar_and_the_window", "read", GOOD, None),
    Row("case_c11_wide_bar_in_the_last_slot", None, None, missing("common", "notify", "isr")),
    Row("case_c12_bar_address_reads_back_as_0", "read", GOOD, None),
    Row("case_c13_bars_overlap", "read", GOOD, "{pci}: BAR 1 at 0xd0000000 is in the way of others and moves"),
    Row("case_c14_two_of_each", "read", GOOD, None),
    Row("case_c15_no_common_structure", None, None, missing("common")),
    Row("case_c15_no_notify_structure", None, None, missing("notify")),
    Row("case_c15_no_isr_structure", None, None, missing("isr")),
    Row("case_c15_no_device_structure", None, None, NO_TAG),
    Row("case_c16_doorbell_far_away", None, None, reset("a queue cannot be enabled")),
    Row("case_c16_multiplier_1_puts_the_doorbell_at_an_odd_address", None, None, reset("a queue cannot be enabled")),
    Row("case_c16_multiplier_0", "read", GOOD, None),
    Row("case_c17_device_type_63", None, None, "{dev}: device type 63, no driver"),
    Row("case_c17_transitional_id_with_modern_registers", "read", GOOD, None),
    Row("case_c19_configuration_goes_away", None, None, None),
    Row("case_c20_bridge_to_its_own_bus", None, None, None),
    Row("case_c21_header_type_0x7f", None, None, None),
    Row("case_c22_capabilities_change", "read", GOOD, None),
    Row("case_r1_version_1_not_offered", None, None, reset("it does not offer VERSION_1, .*")),
    Row("case_r2_features_ok_does_not_stick", None, None, reset("it does not take the features that we took")),
    Row("case_r3_no_mount_tag", None, None, '{dev}: 9p, tag "{dev}"'),
    Row("case_r4_all_features", None, None, '{dev}: 9p, tag "{tag}"'),
    Row("case_r5_no_queues", None, None, reset("it lacks a queue")),
    Row("case_r6_queue_size_0", None, None, reset("it lacks a queue")),
    Row("case_r7_queue_size_3", None, None, reset("its queue is too small for a request")),
    Row("case_r7_queue_size_48", "read", GOOD, None),
    Row("case_r8_queue_size_32768", "read", GOOD, None),
    Row("case_r8_queue_size_65535", "read", GOOD, None),
    Row("case_r9_queue_is_enabled_already", None, None, reset("a queue cannot be enabled")),
    Row("case_r26_generation_never_settles", None, None, NO_TAG),
    Row("case_r27_tag_len_0", None, None, '{dev}: 9p, tag "{dev}"'),
    Row("case_r27_tag_len_1", None, None, '{dev}: 9p, tag "t"'),
    Row("case_r27_tag_len_31", None, None, f'{{dev}}: 9p, tag "{"t" * 31}"'),
    Row("case_r27_tag_len_65535", None, None, reset("its mount tag is longer than 63 bytes; .*")),
    Row("case_r27_tag_len_20_beyond_its_end", None, None, reset("its mount tag runs out of its configuration")),
    Row("case_r28_interrupts_never_come", "read", GOOD, "{dev}: queue 0 finishes requests without an interrupt; polling it"),
    Row("case_r29_vectors_refused", "read", GOOD, None),
    Row("case_r12_used_id_out_of_range", "read", NOTHING_READ, broken("it finished what is not in flight, id 32767")),
    Row("case_r12_used_id_out_of_range_once", "read", GOOD, '9p: "{tag}" was mounted again'),
    Row("case_r13_used_id_not_in_flight", "read", NOTHING_READ, broken(r"it finished what is not in flight, id \d+")),
    Row("case_r14_used_id_twice", "read", NOTHING_READ, broken(r"it finished more than is in flight, requests: \d+")),
    Row("case_r15_used_id_in_the_middle_of_a_chain", "read", NOTHING_READ, broken(r"it finished what is not in flight, id \d+")),
    Row("case_r16_used_len_beyond_the_room", "read", NOTHING_READ, broken("it wrote beyond the room given, bytes 2147483647")),
    Row("case_r16_used_len_one_too_many", "read", NOTHING_READ, broken(r"it wrote beyond the room given, bytes \d+")),
    Row("case_r17_used_len_0", "read", NOTHING_READ, bad_reply(116, "shorter than a header")),
    Row("case_r17_used_len_4", "read", NOTHING_READ, bad_reply(116, "shorter than a header")),
    Row("case_r18_used_index_jumps", "read", NOTHING_READ, broken(r"it finished more than is in flight, requests: \d+")),
    Row("case_r19_used_index_goes_back", "read", NOTHING_READ, broken(r"it finished more than is in flight, requests: \d+")),
    Row("case_r23_needs_reset_once", "read", GOOD, '9p: "{tag}" was mounted again'),
    Row("case_r23_needs_reset_each_time", "read", NOTHING_READ, reset("it needs a reset")),
    Row("case_r24_descriptors_and_ring_overwritten", "again", f"{GOOD}\nagain: {GOOD}", None),
    Row("case_r25_answer_rewritten_after_completion", "again", None, None),
    Row("case_r25_listing_rewritten_after_completion", "list", None, None),
    Row("case_r25_link_rewritten_after_completion", "link", None, None),
    Row("case_p40_answers_to_what_was_flushed", "again", f"{NOTHING_READ}\nagain: read: end after {LARGE * len(CONTENT)} bytes, sum {LARGE * sum(CONTENT)}", None),
    Row("case_p1_reply_without_a_body", "stat", "EIO", bad_reply(24, "attributes without a type, or with two")),
    Row("case_p1_reply_of_four_bytes", "stat", "EIO", bad_reply(24, "shorter than a header")),
    Row("case_p2_size_beyond_what_arrived", "stat", "EIO", bad_reply(24, "its size is not what arrived")),
    Row("case_p3_size_below_what_arrived", "stat", "EIO", bad_reply(24, "its size is not what arrived")),
    Row("case_p4_wrong_tag", "stat", "EIO", bad_reply(24, "another tag")),
    *[Row(lie, "stat", "EIO", bad_reply(24, "another type")) for lie in ("case_p5_wrong_type", "case_p6_type_24", "case_p6_type_0", "case_p6_type_255")],
    Row("case_p8_one_byte_short", "stat", "EIO", bad_reply(24, "attributes without a type, or with two")),
    Row("case_p8_one_byte_long", "stat", f"mode 100644 size {len(CONTENT)}", None),
    *[Row(lie, "read", NOTHING_READ, bad_reply(116, "no error number")) for lie in
      ("case_p9_error_number_0x0", "case_p10_error_number_0x200", "case_p10_error_number_0x7fffffff", "case_p10_error_number_0xffffffff")],
    Row("case_p11_enosys_for_a_read", "read", "read: ENOSYS after 0 bytes, sum 0", None),
    Row("case_h6_read_fails", "again", f"{NOTHING_READ}\nagain: {GOOD}", None),
    Row("case_h14_slow_answer", "read", GOOD, None),
    Row("case_p12_rerror_of_another_dialect", "read", NOTHING_READ, bad_reply(116, "another type")),
    Row("case_p18_walked_further_than_asked", "stat", "EIO", bad_reply(110, "walked further than asked")),
    Row("case_p19_walked_nothing", "stat", "ENOENT", None),
    Row("case_p20_walked_a_part", "stat", "ENOENT", None),
    Row("case_p21_directory_and_file", "stat", "EIO", bad_reply(24, "attributes without a type, or with two")),
    Row("case_p22_qid_changes", "again", f"{GOOD}\nagain: {GOOD}", None),
    Row("case_p23_iounit_0x1", "read", GOOD, None),
    Row("case_p23_iounit_0xffffffff", "read", GOOD, None),
    Row("case_p24_more_read_than_asked", "read", NOTHING_READ, bad_reply(116, "more data than asked or sent")),
    Row("case_p25_more_read_than_arrived", "read", NOTHING_READ, bad_reply(116, "more data than asked or sent")),
    Row("case_p26_nothing_to_read", "read", "read: end after 0 bytes, sum 0", None),
    Row("case_p27_more_written_than_sent", "write", "write: EIO", bad_reply(118, "more written than sent")),
    Row("case_p27_everything_written", "write", "write: EIO", bad_reply(118, "more written than sent")),
    Row("case_p28_nothing_written", "write", "write: EIO", bad_reply(118, "nothing written")),
    Row("case_p29_more_entries_than_arrived", "list", "list: EIO after 0", bad_reply(40, "more entries than asked or sent")),
    Row("case_p29_more_entries_than_asked", "list", "list: EIO after 0", bad_reply(40, "more entries than asked or sent")),
    *[Row(lie, "list", "list: EIO after 0", bad_reply(40, "bad directory entry")) for lie in
      ("case_p30_name_overruns_the_reply", "case_p31_entry_cut_short", "case_p32_name_with_slash", "case_p32_name_with_nul", "case_p33_empty_name", "case_p33_name_of_256",
       "case_p35_offset_stands_still")],
    Row("case_p34_dot_many_times", "list", "list: end after 4", None),
    Row("case_p35_offset_goes_to_and_fro", "list", "list: no end after 2000", None),  # the program's own end: the kernel's is at 16 million
    Row("case_p36_size_above_2_63", "read", "open: EOVERFLOW after 0 bytes, sum 0", None),
    Row("case_p36_size_2_63_minus_1", "read", GOOD, None),
    Row("case_p36_nothing_valid", "stat", "EIO", bad_reply(24, "attributes without a type, or with two")),
    Row("case_p37_empty_link", "link", "EIO", bad_reply(22, "no link target")),
    Row("case_p37_link_of_64_kib", "link", "EIO", bad_reply(22, "no link target")),
    Row("case_p37_link_with_nul", "link", "EIO", bad_reply(22, "link target with NUL")),
    Row("case_p38_link_to_itself", "stat", "ELOOP", None),
    Row("case_p38_link_above_the_root", "stat", "ENOENT", None),
    Row("case_p39_block_size_0x0", "statfs", "bsize 1", None),
    Row("case_p39_block_size_0xffffffff", "statfs", "bsize 4294967295", None),
]
# Each of them takes the kernel some seconds, or is not to be mounted beside others.
SLOW = [
    Row("case_c13_bar_over_memory", None, None, "{pci}: BAR 0 at 0x1000000 is in the way of others and moves"),
    Row("case_r10_reset_never_ends", None, None, "{dev}: it does not reset; it was cut off"),
    Row("case_r11_gone_during_a_request", "again", f"{NOTHING_READ}\nagain: open: EIO after 0 bytes, sum 0", "{dev}: it is gone; it was cut off"),
    Row("case_r21_never_answers", "again", f"{NOTHING_READ}\nagain: open: EIO after 0 bytes, sum 0", reset("it is silent")),
    Row("case_r22_answers_when_it_is_reset", "again", f"{NOTHING_READ}\nagain: open: EIO after 0 bytes, sum 0", reset("it is silent")),
]

# Lies about rings that a packed one can tell as well.
PACKED = [row for row in ROWS if re.match("case_r(12|13|16|17|23)_", row.lie)]
# There the second of two answers stands behind the first, and comes to light once that has been taken.
PACKED.append(Row("case_r14_used_id_twice", "again", f"{GOOD}\nagain: {GOOD}",
                  broken(r"it finished .* in flight, .*")))

# What Rversion or Rattach makes of the mount, which fails: with what the log says then.
SESSIONS = {
    "case_p13_msize_beyond_what_was_asked": "unusable msize",
    **dict.fromkeys(("case_p14_msize_0", "case_p14_msize_23", "case_p14_msize_100", "case_p14_msize_4095"), "unusable msize"),
    **dict.fromkeys(("case_p15_version_unknown", "case_p15_version_other_dialect", "case_p15_version_longer", "case_p15_version_empty"), "not 9P2000.L"),
    "case_p16_version_with_nul": "not 9P2000.L",
    "case_p17_root_is_a_file": "no root directory",
}

# What a boot with some rows has shown: what was said to each row, and {pci}, {dev}, {tag} of each.
Boot = namedtuple("Boot", "result said names")


@functools.cache
def honest_share():
    """The honest one, with the program."""
    folder = tempfile.mkdtemp(prefix="sheepskin-hostile-")
    atexit.register(shutil.rmtree, folder)
    subprocess.run(["musl-gcc", "-O1", "-w", "-static", Path(__file__).parent / "guests/hostile.c", "-o", f"{folder}/hostile"], check=True)
    Path(folder, "poem.txt").write_bytes(POEM)
    return folder


def boot(rows, *options, keys="", words=""):
    functions, mounts, argv = [], ["mount=host:/host"], ["/host/hostile"]
    for i, row in enumerate(rows):
        functions += ["--device", f"{row.lie},tag=liar{i},addr={i + 5:x}{keys}"]
        if row.verb:
            mounts.append(f"mount=liar{i}:/liar{i}{words}")
            argv += [row.verb, f"/liar{i}/lie/{row.lie}"]
    argv += ["each", "/sys/bus/virtio/devices/status", "read", "/host/poem.txt"]
    got = machine.boot(MACHINE, argv, share=honest_share(), options=["loglevel=info", *mounts, *options], before=[*HOSTILE, *functions, "--"])
    said = dict(re.findall(r"^(\w+ \S+) = (.*(?:\nagain: .*)?)$", got.out.decode(errors="replace"), re.M))
    devices = dict(re.findall(r"/(0000:[0-9a-f:.]+)/(virtio\d+)$", "\n".join(said.values()), re.M))
    names = {}
    for i, row in enumerate(rows):
        pci = f"0000:00:{i + 5:02x}.0"
        names[row.lie] = {"pci": re.escape(pci), "dev": devices.get(pci, "none"), "tag": f"liar{i}"}
    return Boot(got, said, names)


CHUNKS = [ROWS[i:i + A_BOOT] for i in range(0, len(ROWS), A_BOOT)]


@functools.cache
def boot_of(number):
    return boot(CHUNKS[number])


def lines_of(found, row):
    """The log's lines about a row's function."""
    names = found.names[row.lie]
    about = re.compile(rf"(sheepskin: )?({names['pci']}: |{names['dev']}: |9p: \"{names['tag']}\" )")
    return [line for line in found.result.err.splitlines() if about.match(line)]


def check_up(found):
    """The honest share gives its file at the end, the program's status arrives, and nobody broke down."""
    assert found.result.status == ("exit", 42), found.result.err
    assert found.said["read /host/poem.txt"] == f"read: end after {len(POEM)} bytes, sum {sum(POEM)}"
    assert "Traceback" not in found.result.host


def check_row(found, row):
    names = found.names[row.lie]
    assert len(lines_of(found, row)) <= LINES_AT_MOST
    if row.says:
        assert found.said[f"{row.verb} /{names['tag']}/lie/{row.lie}"] == row.says
    if row.log:
        lines = [line for line in found.result.err.splitlines() if re.fullmatch("(sheepskin: )?" + row.log.format(**names), line)]
        assert len(lines) == 1, lines_of(found, row)
    if row.log and row.log.startswith("{dev}") and row.log.endswith("it was reset") and not row.verb:
        assert found.said[f"show /sys/bus/virtio/devices/{names['dev']}/status"] == "0x00000080"


@pytest.mark.parametrize("number", range(len(CHUNKS)))
def test_machine_is_up_beside_liars(number):
    check_up(boot_of(number))


@pytest.mark.parametrize("row", ROWS, ids=[row.lie for row in ROWS])
def test_lie(row):
    check_row(boot_of(next(i for i, rows in enumerate(CHUNKS) if row in rows)), row)


@functools.cache
def packed_boot():
    return boot(PACKED, keys=",packed=1")


@functools.cache
def slow_boot():
    return boot(SLOW, "virtio.silence=10")


@pytest.mark.parametrize("row", SLOW, ids=[row.lie for row in SLOW])
def test_slow_lie(row):
    check_up(slow_boot())
    check_row(slow_boot(), row)


@pytest.mark.parametrize("lie", SESSIONS, ids=[lie for lie in SESSIONS])
def test_session_that_is_a_lie(lie):
    """There is no mount, which the machine ends with."""
    got = machine.boot(MACHINE, ["hello"], share=None, options=["loglevel=warn", "mount=liar:/liar"], before=[*HOSTILE, "--device", f"{lie},tag=liar", "--"])
    assert got.status == ("fail", 125)
    first, second = got.err.splitlines()
    assert re.fullmatch(rf'sheepskin: 9p: "liar" sent a bad reply to message \d+: {SESSIONS[lie]}', first)
    assert second.startswith('sheepskin: cannot mount the share "liar" on /liar: its server does not answer as one of 9P2000.L')


def test_case_r4_only_known_features_are_accepted():
    """Of all 64 bits."""
    row = next(row for row in ROWS if row.lie == "case_r4_all_features")
    got = boot([row])
    accepted, = re.findall(r"accepted (0x[0-9a-f]{16})", got.result.host)
    assert int(accepted, 16) & KNOWN_FEATURES == int(accepted, 16) and int(accepted, 16) & VERSION_1


@pytest.mark.parametrize("size", [48, 32768, 65535])
def test_case_r7_r8_queue_size_is_brought_down(size):
    """To a power of two within what was offered, which the device is told."""
    row = next(row for row in ROWS if row.lie.endswith(f"queue_size_{size}"))
    told, = re.findall(r"queue size (\d+)", boot([row]).result.host)
    assert 2 <= int(told) <= min(size, 32768) and int(told) & int(told) - 1 == 0


def test_case_r25_each_byte_is_read_once():
    """An answer that changes under the reader is the right one, or none; never one that was checked and then another."""
    row = next(row for row in ROWS if "r25" in row.lie)
    said = boot([row]).said[f"again /liar0/lie/{row.lie}"].split("\nagain: ")
    assert len(said) == 2 and all(word == GOOD or "EIO" in word for word in said)


@pytest.mark.parametrize("lie", ["case_c19_configuration_goes_away", "case_c21_header_type_0x7f"])
def test_function_is_not_there(lie):
    number, row = next((i, row) for i, rows in enumerate(CHUNKS) for row in rows if row.lie == lie)
    found = boot_of(number)
    here = found.names[lie]["pci"].replace("0000:", "", 1)
    assert not re.search(rf"^{here} ", found.result.err, re.M) and lines_of(found, row) == []


def test_case_c18_two_shares_with_one_tag():
    """The first has it; the second is named in the log."""
    got = machine.boot(MACHINE, ["cat", "/twin/poem.txt"], share=None, options=["loglevel=warn", "mount=twin:/twin"],
                       before=[*HOSTILE, "--device", "honest,tag=twin", "--device", "honest,tag=twin", "--"])
    assert (got.status, got.out) == (("exit", 0), b"baa\n")
    assert len(got.err.splitlines()) == 1 and 'another file system is named "twin" already' in got.err


def test_a_server_that_works_in_order_is_asked_more_at_once():
    """Ours is one, QEMU's is not: of both the same is asked, and they are found out."""
    words = [w for tag in ("own", "host") for w in (*["stat", f"/{tag}/poem.txt"] * 20, "show", f"/sys/fs/9p/{tag}/in_order", "show", f"/sys/fs/9p/{tag}/waits",
                                                    *["stat", f"/{tag}/poem.txt"] * 10, "show", f"/sys/fs/9p/{tag}/waits",
                                                    *["read", f"/{tag}/poem.txt"] * 10, "show", f"/sys/fs/9p/{tag}/waits")]
    got = machine.boot(MACHINE, ["/host/hostile", *words], share=honest_share(), options=["loglevel=info", "mount=host:/host", "mount=own:/own"],
                       before=[*HOSTILE, "--device", "honest,tag=own", "--"])
    lines = got.out.decode().splitlines()
    assert lines.count("stat /own/poem.txt = mode 100644 size 4") == lines.count("stat /host/poem.txt = mode 100644 size 4") == 30
    assert len({line for line in lines if line.startswith("read ")}) == 2
    for tag, in_order in ("own", 1), ("host", 0):
        assert f"show /sys/fs/9p/{tag}/in_order = {in_order}" in lines
        first, second, third = (int(line.split(" = ")[1]) for line in lines if line.startswith(f"show /sys/fs/9p/{tag}/waits"))
        # A read of a file: look-up and open, the data, and that it is over.
        assert (second - first, third - second) == ((10, 30) if in_order else (20, 40))


@pytest.mark.parametrize("row", PACKED, ids=[row.lie for row in PACKED])
def test_lie_in_a_packed_ring(row):
    check_up(packed_boot())
    check_row(packed_boot(), row)


def test_every_lie_has_its_row():
    assert {row.lie for row in ROWS + SLOW} | set(SESSIONS) == {name for name in LIES}


# What the device sees a driver do wrong (hostile/watch.py): the clause, and a wrong step of a driver that was good up to there.
OFFSETS = {name: (offset, width) for offset, (name, width) in REGISTERS.items()}


def put(name, value):
    return lambda f: f.write_common(OFFSETS[name][0], min(OFFSETS[name][1], 4), value)


def get(name):
    return lambda f: f.read_common(OFFSETS[name][0], OFFSETS[name][1])


def chain(request, out=(4096,), room=(4096,), mixed=False):
    def step(f):
        descriptors = [(0, n, False) for n in out] + [(0, n, True) for n in room]
        f.watch.chain(Chain(None, 0, descriptors[::-1] if mixed else descriptors), request)
    return step


RESET = [put("device_status", 0), get("device_status")]
FEATURES = RESET + [put("device_status", n) for n in (1, 3)] + [put("driver_feature_select", 1), put("driver_feature", 1), put("device_status", 11), get("device_status")]
READY = FEATURES + [put("queue_select", 0), put("queue_size", 8), put("queue_enable", 1), put("device_status", 15)]
TCLUNK, TREAD = struct.pack("<IBHI", 11, 120, 0, 1), struct.pack("<IBHIQI", 23, 116, 0, 1, 0, 4086)
FAULTS = {
    "dr_st_1_bits_one_by_one": RESET + [put("device_status", 3)],
    "dr_st_2_no_bit_is_cleared": RESET + [put("device_status", 1), put("device_status", 2)],
    "dr_st_3_reset_behind_failed": RESET + [put("device_status", 128), put("device_status", 129)],
    "dr_fb_1_only_what_was_offered": FEATURES[:-2] + [put("driver_feature", 0x80000001), put("device_status", 11)],
    "dr_in_1_steps_in_their_order": RESET + [put("device_status", 2)],
    "dr_in_3_no_features_behind_features_ok": FEATURES + [put("driver_feature", 1)],
    "dr_in_4_features_ok_is_read_back": FEATURES[:-1] + [put("device_status", 15)],
    "dr_in_6_no_notification_before_driver_ok": FEATURES + [lambda f: f.watch.notify(2, 0, f)],
    "dr_cc_1_read_only_registers": FEATURES + [put("num_queues", 1)],
    "dr_cc_2_queue_sizes": FEATURES + [put("queue_select", 0), put("queue_size", 3)],
    "dr_cc_3_queue_is_enabled_last": FEATURES + [put("queue_select", 0), put("queue_enable", 1), put("queue_size", 8)],
    "dr_cc_4_reset_is_waited_for": [put("device_status", 0), put("device_status", 1)],
    "dr_cc_5_no_0_to_queue_enable": FEATURES + [put("queue_enable", 0)],
    "dr_pl_1_registers_in_their_width": [lambda f: f.read_common(16, 4)],
    "dr_cp_6_capabilities_are_not_written": [lambda f: f.write_config(f.caps[0] + 4, 1, 1)],
    "dr_nt_1_notification_is_16_bits": READY + [lambda f: f.watch.notify(4, 0, f)],
    "dr_pc_1_window_accesses_are_aligned": [lambda f: f.write_config(f.window + 8, 4, 2), lambda f: f.write_config(f.window + 12, 4, 4),
                                            lambda f: f.read_config(f.window + 16, 4)],
    "dr_sq_2_writable_after_readable": READY + [chain(TCLUNK, (11,), (11,), mixed=True)],
    "dr_9p_1_tag_byte_by_byte": READY + [lambda f: f.read_bar(0x2002, 4)],
    "dr_9p_2_room_for_the_reply": READY + [chain(TREAD, (23,), (4096,))],
    "dr_9p_3_whole_messages": READY + [chain(TCLUNK[:10], (10,))],
    "dr_9p_5_heads_in_one_piece": READY + [chain(TCLUNK, (11,), (7, 4096))],
}


def faults_of(steps):
    """The clauses that the device names."""
    function, said = Function(Server(Node({})), None, None), []
    function.bars[0].value = 0
    function.watch.tell = said.append
    function.power_on()
    for step in steps:
        step(function)
    return [re.search(r"breaks (DR-\S+):", line)[1] for line in said]


@functools.cache
def watched():
    """Much of what the kernel does with a device, good ones and others: what all of them said."""
    said = "".join(boot_of(i).result.host for i in range(len(CHUNKS))) + packed_boot().result.host
    return re.findall("the driver breaks .*", said)


@pytest.mark.parametrize("name", FAULTS)
def test_driver_keeps(name):
    """A driver that does not is seen, one that was good up to there is not; and nothing of the kind was seen in any boot of this file."""
    clause = "-".join(name.split("_")[:3]).upper()
    assert faults_of(FAULTS[name])[:1] == [clause] and faults_of(FAULTS[name][:-1]) == []
    assert watched() == []


@pytest.mark.parametrize("device", ["honest", "honest,packed=1"], ids=["split", "packed"])
def test_honest_device_is_a_share_as_any_other(device, tmp_path):
    """Names, contents, links; what is written is read again."""
    shares.fill_small(tmp_path)
    hostile = [*HOSTILE, "--device", f"{device},tag=liar,share={tmp_path}", "--"]
    files = sorted(p for p in tmp_path.iterdir() if p.is_file())
    got = machine.boot(MACHINE, ["sha256sum", *(f"/liar/{p.name}" for p in files)], share=None, options=["loglevel=warn", "mount=liar:/liar"], before=hostile)
    assert got.out.decode() == "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  /liar/{p.name}\n" for p in files)
    argv = ["write", "/liar/poem.txt", "read", "/liar/poem.txt", "list", "/liar/many", "link", "/liar/link-dir", "stat", "/liar/link-loop", "statfs", "/liar"]
    got = machine.boot(MACHINE, ["/host/hostile", *argv], share=honest_share(), options=["loglevel=warn", "mount=host:/host", "mount=liar:/liar"], before=hostile)
    assert got.status == ("exit", 42) and got.err == ""
    assert [line.split(" = ")[1] for line in got.out.decode().splitlines()] == [
        "write: 5000", "read: end after 5000 bytes, sum 0", f"list: end after {2 + len(list((tmp_path / 'many').iterdir()))}", "-> d0", "ELOOP", "bsize 4096"]
