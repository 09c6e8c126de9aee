# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""lies - what a device can say that is not so, each by the number of its case. Three kinds: a function that lies from its first register on; one that lies
when the file /lie/NAME of its share is read; and a server that lies about that file, or about the session."""
import functools
import struct

from . import server
from .function import COMMON, DEVICE, DRIVER_OK, F_INDIRECT, FEATURES_OK, HOME, ISR, NEEDS_RESET, NOTIFY, ONES, PCI_CFG, Bar, F_MOUNT_TAG, F_VERSION_1, Function, Place, virtio_cap
from .rings import DESC
from .server import Node, text

LIES = {}
CONTENT = b"The wolf took off its fleece of PCI and read a file.\n" * 100


class Lie:
    """kind: the class that comes before Function's; replies: by T-type's name, what changes a reply about the lie's own file; session: any reply."""

    def __init__(self, name, text, kind=None, replies=None, session=None, make=None, into=LIES):
        self.name, self.text, self.kind, self.replies, self.session = name, text, kind, replies or {}, session or {}
        self.make = make or (lambda: Node(bytearray(CONTENT)))
        assert name not in into
        into[name] = self

    def install(self, ninep):
        folder = ninep.root.content.setdefault(b"lie", Node({})).content
        folder[self.name.encode()] = node = self.make()
        node.lie = self
        ninep.lies.update(self.session)


def function(name, text):
    """A function that lies all the time."""
    return lambda kind: Lie(name, text, kind)


def reply(name, text, *types, make=None):
    """The server lies in its replies of these types about one file."""
    return lambda change: Lie(name, text, replies=dict.fromkeys(types, change), make=make)


def session(name, text, type):
    return lambda change: Lie(name, text, session={type: change})


def at_read(name, text, times=1 << 30, base=object):
    """The device lies when it has read the lie's own file: change(function, queue, reply) puts the reply where it likes."""
    def add(change):
        class AtRead(base):
            lied = 0

            def finish(self, queue, chain, reply):
                node = reply.node
                if reply.name == "read" and node and node.lie is LIES[name] and self.lied < times:
                    self.lied += 1
                    change(self, queue, reply)
                else:
                    super().finish(queue, chain, reply)
        Lie(name, text, AtRead)
    return add


def truth(queue, reply):
    """The honest half of a lie: the data into the driver's buffers; its length."""
    data = reply.encode()
    reply.chain.write(data)
    return len(data)


# ---- configuration space ----

@function("case_c1_capability_list_loops", "The last capability of the list leads back to the first.")
class _:
    def build(self):
        super().build()
        self.space[self.caps[-1] + 1] = self.caps[0]


@function("case_c2_capability_pointer_below_0x40", "The list of capabilities begins at 0x3c, in the header.")
class _:
    def build(self):
        super().build()
        self.space[0x34] = 0x3c


@function("case_c2_capability_pointers_not_aligned", "Each capability pointer has its two low bits set, which are reserved.")
class _:
    def build(self):
        super().build()
        for at in [0x33, *self.caps[:-1]]:
            self.space[at + 1] |= 3


@function("case_c3_capability_leads_to_itself", "The first capability's next pointer is its own place.")
class _:
    def build(self):
        super().build()
        self.space[self.caps[0] + 1] = self.caps[0]


@function("case_c4_status_denies_capabilities", "There is a list of capabilities, but the status register says that there is none.")
class _:
    def build(self):
        super().build()
        self.space[6] &= ~0x10


for length in 0, 2, 15, 255:
    @function(f"case_c5_cap_len_{length}", f"The common structure's capability has a cap_len of {length}.")
    class _:
        length = length

        def capabilities(self):
            return self.change(COMMON, lambda cap: cap._replace(body=bytes([self.length]) + cap.body[1:]))


@function("dr_cp_3_capabilities_longer_than_their_structures", "Each capability has eight bytes behind what its type has; that is no lie.")
class _:
    def capabilities(self):
        return [cap._replace(body=bytes([len(cap.body) + 10]) + cap.body[1:] + b"\xff" * 8) if cap.type else cap for cap in super().capabilities()]


@function("case_c6_bar_6_first", "A first common structure lies in BAR 6, a second in BAR 255, the third is right.")
class _:
    def capabilities(self):
        return self.change(COMMON, lambda cap: [virtio_cap(COMMON, HOME[COMMON]._replace(bar=bar)) for bar in (6, 255)] + [cap])


@function("case_c6_bar_7_only", "The only notification structure lies in BAR 7.")
class _:
    def capabilities(self):
        return self.change(NOTIFY, lambda cap: virtio_cap(NOTIFY, HOME[NOTIFY]._replace(bar=7), extra=cap.body[-4:]))


@function("case_c7_structure_behind_its_bar", "The common structure ends four bytes behind the end of its BAR.")
class _:
    def capabilities(self):
        return self.change(COMMON, lambda cap: virtio_cap(COMMON, Place(0, 0x4000 - 52, 56)))


@function("case_c7_structure_wraps", "Offset and length of the common structure add up to 8, modulo 2^32.")
class _:
    def capabilities(self):
        return self.change(COMMON, lambda cap: virtio_cap(COMMON, Place(0, 0xfffffff0, 0x18)))


@function("case_c8_common_structure_too_short", "The common structure is 55 bytes long, one too few.")
class _:
    def capabilities(self):
        return self.change(COMMON, lambda cap: virtio_cap(COMMON, Place(0, 0, 55)))


@function("case_c8_notify_structure_too_short", "The notification structure is one byte long.")
class _:
    def capabilities(self):
        return self.change(NOTIFY, lambda cap: virtio_cap(NOTIFY, Place(0, 0x3000, 1), extra=cap.body[-4:]))


@function("case_c8_device_structure_empty", "The device configuration is of no length, and has a mount tag.")
class _:
    def capabilities(self):
        return self.change(DEVICE, lambda cap: virtio_cap(DEVICE, Place(0, 0x2000, 0)))


@function("case_c9_bar_of_no_size", "The BAR that holds the structures reads zero after all ones.")
class _:
    def make_bars(self):
        return {0: Bar(0)}


@function("case_c10_io_bar", "The structures lie in a BAR of I/O ports, and their registers do not answer there.")
class _:
    def make_bars(self):
        return {0: Bar(0x4000, io=True)}

    def capabilities(self):
        return self.change(PCI_CFG, lambda cap: [])

    def locate(self, pa):
        return None, 0


@function("case_c10_io_bar_and_the_window", "The registers of the same answer only to the window in configuration space.")
class _:
    def make_bars(self):
        return {0: Bar(0x4000, io=True)}

    def locate(self, pa):
        return None, 0


@function("case_c11_wide_bar_in_the_last_slot", "BAR 5 is of 64 bits, for whose upper half there is no register.")
class _:
    def make_bars(self):
        return {5: Bar(0x4000, wide=True)}

    def capabilities(self):
        caps = super().capabilities()
        return [cap._replace(body=cap.body[:2] + b"\5" + cap.body[3:]) for cap in caps]


class Fixed(Bar):
    """It always stands where it says, but for being sized."""

    def __init__(self, size, base):
        super().__init__(size)
        self.base = self.value = base

    def move(self, value):
        self.value = self.mask if value & self.mask == self.mask else self.base


@function("case_c12_bar_address_reads_back_as_0", "The BAR takes its address, and says that it is 0.")
class _:
    def read_config(self, addr, size):
        bar = self.bars[0]
        return 0 if addr == 0x10 and size == 4 and self.probed and bar.value != bar.mask else super().read_config(addr, size)


@function("case_c13_bars_overlap", "Two BARs stand at one address and cannot be moved.")
class _:
    def make_bars(self):
        return {0: Fixed(0x4000, 0xd0000000), 1: Fixed(0x4000, 0xd0000000)}


@function("case_c13_bar_over_memory", "The BAR stands in the middle of the guest's memory and cannot be moved.")
class _:
    def make_bars(self):
        return {0: Fixed(0x4000, 0x1000000)}


@function("case_c14_two_of_each", "Each structure comes twice; the second common one is nothing but ones.")
class _:
    def capabilities(self):
        caps = super().capabilities()
        return caps + [virtio_cap(COMMON, Place(0, 0x800, 56)), virtio_cap(DEVICE, Place(0, 0x800, 8)), virtio_cap(ISR, Place(0, 0x800, 1))]

    def read_common(self, offset, size):
        return ONES if offset >= 0x800 else super().read_common(offset, size)


for kind, name in (COMMON, "common"), (NOTIFY, "notify"), (ISR, "isr"), (DEVICE, "device"):
    @function(f"case_c15_no_{name}_structure", f"The {name} structure has no capability.")
    class _:
        missing = kind

        def capabilities(self):
            return self.change(self.missing, lambda cap: [])


@function("case_c16_doorbell_far_away", "The queue's notify offset times the multiplier lies terabytes behind the notification structure.")
class _:
    multiplier = ONES

    def register(self, name):
        return 0x7fff if name == "queue_notify_off" else super().register(name)


@function("case_c16_multiplier_1_puts_the_doorbell_at_an_odd_address", "Notify multiplier 1, and the queue's offset is odd.")
class _:
    multiplier = 1

    def register(self, name):
        return 0x7ff if name == "queue_notify_off" else super().register(name)


@function("case_c16_multiplier_0", "Notify multiplier 0 with a notify offset of 0x7fff: the product is still 0.")
class _:
    multiplier = 0

    def register(self, name):
        return 0x7fff if name == "queue_notify_off" else super().register(name)


@function("case_c17_device_type_63", "Vendor 1af4, device 107f: a type that nobody has.")
class _:
    device_id = 0x107f


@function("case_c17_transitional_id_with_modern_registers", "The id of a transitional device and nothing of the legacy interface.")
class _:
    device_id, revision = 0x1009, 0

    def build(self):
        super().build()
        self.space[0x2e] = 9


@function("case_c19_configuration_goes_away", "Its ids are there, and all else in its configuration space is ones.")
class _:
    def read_config(self, addr, size):
        return ONES if addr >= 4 and self.probed else super().read_config(addr, size)


@function("case_c20_bridge_to_its_own_bus", "It is a bridge, and the bus behind it is the one before it.")
class _:
    header = 1


@function("case_c21_header_type_0x7f", "Its header is of a type that does not exist.")
class _:
    header = 0x7f


@function("case_c22_capabilities_change", "From the second time on that it is read, a structure's offset lies far outside.")
class _:
    def power_on(self):
        super().power_on()
        self.seen = set()

    def read_config(self, addr, size):
        if not self.probed or addr - 8 not in self.caps:
            return super().read_config(addr, size)
        first = addr not in self.seen
        self.seen.add(addr)
        return super().read_config(addr, size) if first else 0xffffff00


# ---- registers ----

@function("case_r1_version_1_not_offered", "It does not offer VERSION_1.")
class _:
    offered = Function.offered & ~F_VERSION_1


@function("case_r2_features_ok_does_not_stick", "FEATURES_OK reads back as 0.")
class _:
    def set_status(self, value):
        super().set_status(value & ~FEATURES_OK)


@function("case_r3_no_mount_tag", "It does not offer MOUNT_TAG.")
class _:
    offered = Function.offered & ~F_MOUNT_TAG


@function("case_r4_all_features", "It offers every feature bit, and looks which of them are taken.")
class _:
    offered = (1 << 64) - 1

    def set_status(self, value):
        if value & FEATURES_OK and not self.values["device_status"] & FEATURES_OK:
            self.log(f"accepted {self.accepted:#018x}")
        super().set_status(value & ~DRIVER_OK)


@function("case_r5_no_queues", "num_queues is 0, and the queue of index 0 is of no size.")
class _:
    num_queues = 0


for name, size in ("case_r6", 0), ("case_r7", 3), ("case_r7", 48), ("case_r8", 32768), ("case_r8", 65535):
    @function(f"{name}_queue_size_{size}", f"It says that its queue has {size} entries; what the driver makes of it is told.")
    class _:
        queue_max = size

        def write_register(self, name, value):
            super().write_register(name, value)
            if name == "queue_size":
                self.log(f"queue size {value}")


@function("case_r9_queue_is_enabled_already", "queue_enable is 1 before the driver set it.")
class _:
    def register(self, name):
        return 1 if name == "queue_enable" else super().register(name)


@function("case_r10_reset_never_ends", "The status never becomes 0 after a reset.")
class _:
    def register(self, name):
        return super().register(name) or 1 if name == "device_status" else super().register(name)


@function("case_r26_generation_never_settles", "The configuration's generation is another one at each read.")
class _:
    def register(self, name):
        self.values["config_generation"] = self.values["config_generation"] + 1 & 255
        return super().register(name)


def tag_lie(length, text, real=None):
    @function(f"case_r27_tag_len_{length}{'_beyond_its_end' if real is not None else ''}", text)
    class _:
        def config(self):
            return struct.pack("<H", length) + (b"t" * length if real is None else b"t" * real)

        def capabilities(self):
            return super().capabilities() if real is None else self.change(DEVICE, lambda cap: virtio_cap(DEVICE, Place(0, 0x2000, 2 + real)))


tag_lie(0, "The mount tag is of no length.")
tag_lie(1, "The mount tag has one byte.")
tag_lie(31, "The mount tag has 31 bytes.")
tag_lie(65535, "The mount tag has 65535 bytes, more than the structure.")
tag_lie(20, "The mount tag is said to have 20 bytes; the configuration ends behind 5 of them.", 5)


@function("case_r28_interrupts_never_come", "Two MSI-X vectors that take everything and never fire; each answer comes ten milliseconds late.")
class _:
    vectors = 2

    def finish(self, queue, chain, reply):
        self.loop.later(0.01, lambda: queue.alive() and Function.finish(self, queue, chain, reply))


@function("case_r29_vectors_refused", "MSI-X is there, and each vector that is set reads back 0xffff.")
class _:
    vectors = 2

    def write_register(self, name, value):
        super().write_register(name, 0xffff if name.endswith("msix_vector") else value)


# ---- rings ----

class Dead:
    """A function that may have gone: all that is read of it is ones."""
    dead = False

    def read_bar(self, pa, size):
        return (1 << 8 * size) - 1 if self.dead else super().read_bar(pa, size)

    def write_bar(self, pa, size, value):
        if not self.dead:
            super().write_bar(pa, size, value)


@at_read("case_r11_gone_during_a_request", "At the read every register becomes all ones, for ever.", base=Dead)
def _(self, queue, reply):
    self.dead = True


@at_read("case_r12_used_id_out_of_range", "The used id is 32767.")
def _(self, queue, reply):
    queue.put(32767, truth(queue, reply))


@at_read("case_r12_used_id_out_of_range_once", "The used id is 32767, the first time.", times=1)
def _(self, queue, reply):
    queue.put(32767, truth(queue, reply))


@at_read("case_r13_used_id_not_in_flight", "The used id is one that no request has.")
def _(self, queue, reply):
    queue.put(reply.chain.head + queue.size // 2 & queue.size - 1, truth(queue, reply))


@at_read("case_r14_used_id_twice", "The same request is used twice.")
def _(self, queue, reply):
    queue.put(reply.chain.head, truth(queue, reply))
    queue.put(reply.chain.head, truth(queue, reply))


class Direct:
    """Requests are chains in the ring itself."""
    offered = Function.offered & ~F_INDIRECT


@at_read("case_r15_used_id_in_the_middle_of_a_chain", "The used id is that of the request's second descriptor.", base=Direct)
def _(self, queue, reply):
    queue.put(queue.descriptor(reply.chain.head)[3], truth(queue, reply))


@at_read("case_r16_used_len_beyond_the_room", "The used length is two GiB.")
def _(self, queue, reply):
    truth(queue, reply)
    queue.put(reply.chain.head, 0x7fffffff)


@at_read("case_r16_used_len_one_too_many", "The used length is one byte more than the buffers have.")
def _(self, queue, reply):
    truth(queue, reply)
    queue.put(reply.chain.head, reply.chain.room + 1)


for length in 0, 4:
    @at_read(f"case_r17_used_len_{length}", f"The reply is there, and the used length is {length}.")
    def _(self, queue, reply, length=length):
        truth(queue, reply)
        queue.put(reply.chain.head, length)


@at_read("case_r18_used_index_jumps", "The used index runs ahead by 100.")
def _(self, queue, reply):
    truth(queue, reply)
    queue.publish(queue.used + 100)


@at_read("case_r19_used_index_goes_back", "The used index goes back by one.")
def _(self, queue, reply):
    queue.publish(queue.used - 1)


@at_read("case_r21_never_answers", "The read is never answered.")
def _(self, queue, reply):
    pass


class Late:
    late = None

    def set_status(self, value):
        if value == 0 and self.late:
            queue, reply = self.late
            queue.put(reply.chain.head, truth(queue, reply))
            self.late = None
            self.log("answered late")
        super().set_status(value)


@at_read("case_r22_answers_when_it_is_reset", "The read is answered when the driver has given up and resets the device.", base=Late)
def _(self, queue, reply):
    self.late = queue, reply


@at_read("case_r23_needs_reset_once", "It sets NEEDS_RESET in the place of an answer, the first time.", times=1)
def _(self, queue, reply):
    self.values["device_status"] |= NEEDS_RESET


@at_read("case_r23_needs_reset_each_time", "It sets NEEDS_RESET in the place of each answer.")
def _(self, queue, reply):
    self.values["device_status"] |= NEEDS_RESET


@at_read("case_r24_descriptors_and_ring_overwritten", "With the answer all descriptors and the driver's ring, but for its index, are overwritten.")
def _(self, queue, reply):
    length = truth(queue, reply)
    if self.memory.get(queue.driver + 2, "<H") == queue.taken:
        self.memory.write(queue.desc, DESC.pack(0, ONES, 0xffff, 0xffff) * queue.size)
        self.memory.write(queue.driver, b"\xff\xff")
        self.memory.write(queue.driver + 4, b"\xff\xff" * (queue.size + 1))
    queue.put(reply.chain.head, length)


@at_read("case_r25_answer_rewritten_after_completion", "While the driver looks at the answer it is written again and again, right and wrong.")
def _(self, queue, reply):
    queue.put(reply.chain.head, truth(queue, reply))
    good = reply.encode()
    rewrite(self, queue, reply, good[:11], b"\xff" * min(11, len(good)))


def rewrite(self, queue, reply, good, bad):
    """For some milliseconds."""
    def scribble(left):
        for _ in range(50):
            reply.chain.write(bad)
            reply.chain.write(good)
        if left and queue.alive():
            self.loop.later(0, functools.partial(scribble, left - 1))
    self.loop.later(0, functools.partial(scribble, 20))


def rewritten(word, message, what, make):
    """All of the answer, and what is in its pages stays in them: nobody else's may be there by then."""
    class Rewritten:
        def finish(self, queue, chain, reply):
            super().finish(queue, chain, reply)
            if reply.name == message and reply.node and reply.node.lie is LIES[word]:
                good = reply.encode()
                rewrite(self, queue, reply, good, good[:11] + b"\xff" * (len(good) - 11))
    Lie(word, f"While the driver looks at {what} it is written again and again, right and wrong, with all of its pages.", Rewritten, make=make)


rewritten("case_r25_listing_rewritten_after_completion", "readdir", "a listing", lambda: Node({b"%03d" % i: Node(bytearray()) for i in range(500)}))
rewritten("case_r25_link_rewritten_after_completion", "readlink", "a link's target", lambda: Node(b"x" * 4000))


@at_read("case_h14_slow_answer", "The read is answered after a second.")
def _(self, queue, reply):
    self.loop.later(1, lambda: queue.put(reply.chain.head, truth(queue, reply)))


class Flushed:
    """Of the reads that are in flight together the first fails, and the others are answered some time after they were flushed. Once."""
    held, failed = None, False

    def finish(self, queue, chain, reply):
        if reply.name == "read" and reply.node and reply.node.lie is LIES["case_p40_answers_to_what_was_flushed"] and (self.held is None or self.held):
            if self.held is None:
                self.held = {0: None}
                reply.type, reply.body = server.RLERROR, struct.pack("<I", 5)
            else:
                self.held[reply.tag] = reply
                return
        super().finish(queue, chain, reply)
        if reply.name == "flush" and self.held:
            late = self.held.pop(reply.request.get("H"))
            self.log("flushed")
            self.loop.later(0.02, lambda: queue.alive() and Function.finish(self, queue, late.chain, late))
            if len(self.held) == 1:
                self.held = {}


Lie("case_p40_answers_to_what_was_flushed", " ".join(Flushed.__doc__.split()), Flushed, make=lambda: Node(bytearray(CONTENT * 700)))


# ---- replies: their head ----

@reply("case_p1_reply_without_a_body", "Rgetattr has its seven bytes of header and nothing else.", "getattr")
def _(r):
    r.body = b""


@reply("case_p1_reply_of_four_bytes", "The reply to Tgetattr is four bytes long.", "getattr")
def _(r):
    r.written = 4


@reply("case_p2_size_beyond_what_arrived", "The reply's size says 2 GiB.", "getattr")
def _(r):
    r.size = 0x7fffffff


@reply("case_p3_size_below_what_arrived", "The reply's size says 7, but all of it came.", "getattr")
def _(r):
    r.size = 7


@reply("case_p4_wrong_tag", "The reply has another request's tag.", "getattr")
def _(r):
    r.tag ^= 0x55


@reply("case_p5_wrong_type", "Rclunk answers Tgetattr.", "getattr")
def _(r):
    r.type = server.T["clunk"] + 1


for kind in 24, 0, 255:
    @reply(f"case_p6_type_{kind}", f"The reply to Tgetattr is of type {kind}.", "getattr")
    def _(r, kind=kind):
        r.type = kind


@reply("case_p8_one_byte_short", "Rgetattr lacks its last byte.", "getattr")
def _(r):
    r.body = r.body[:-1]


@reply("case_p8_one_byte_long", "Rgetattr has one byte too many.", "getattr")
def _(r):
    r.body += b"!"


for number in 0, 512, 0x7fffffff, 0xffffffff:
    @reply(f"case_{'p10' if number else 'p9'}_error_number_{number:#x}", f"The read fails with error number {number:#x}.", "read")
    def _(r, number=number):
        r.type, r.body = server.RLERROR, struct.pack("<I", number)


@reply("case_p11_enosys_for_a_read", "The read fails with ENOSYS.", "read")
def _(r):
    r.type, r.body = server.RLERROR, struct.pack("<I", 38)


@reply("case_h6_read_fails", "The first read fails with EIO.", "read")
def _(r):
    r.node.reads = getattr(r.node, "reads", 0) + 1
    if r.node.reads == 1:
        r.type, r.body = server.RLERROR, struct.pack("<I", 5)


@reply("case_p12_rerror_of_another_dialect", "Rerror of 9P2000 answers a read.", "read")
def _(r):
    r.type, r.body = 107, text(b"no such sheep")


# ---- replies: the session ----

@session("case_p13_msize_beyond_what_was_asked", "Rversion offers a larger message size than was asked for.", "version")
def _(r):
    r.put(0, "I", r.request.get("I") + 1)


for msize in 0, 23, 100, 4095:
    @session(f"case_p14_msize_{msize}", f"Rversion grants messages of {msize} bytes.", "version")
    def _(r, msize=msize):
        r.put(0, "I", msize)


for word, version in {"unknown": b"unknown", "other_dialect": b"9P2000.u", "longer": b"9P2000.Lx", "empty": b""}.items():
    @session(f"case_p15_version_{word}", f"Rversion's version is {version.decode()!r}.", "version")
    def _(r, version=version):
        r.body = r.body[:4] + text(version)


@session("case_p16_version_with_nul", "Rversion's version has a NUL behind it.", "version")
def _(r):
    r.body = r.body[:4] + text(b"9P2000.L\0")


@session("case_p17_root_is_a_file", "Rattach's qid is that of a file.", "attach")
def _(r):
    r.put(0, "B", 0)


# ---- replies: walk, attributes, open ----

@reply("case_p18_walked_further_than_asked", "Rwalk has 65535 qids, it says.", "walk")
def _(r):
    r.put(0, "H", 65535)


@reply("case_p19_walked_nothing", "Rwalk has no qid, where names were asked for.", "walk")
def _(r):
    r.body = struct.pack("<H", 0)


@reply("case_p20_walked_a_part", "Rwalk stops one name before the end.", "walk")
def _(r):
    n = struct.unpack_from("<H", r.body)[0]
    if n:
        r.body = struct.pack("<H", n - 1) + r.body[2:2 + 13 * (n - 1)]


@reply("case_p21_directory_and_file", "Rgetattr's qid is a directory's and its mode a file's.", "getattr")
def _(r):
    r.put(8, "B", 0x80)


@reply("case_p22_qid_changes", "Rlopen's qid has another path each time.", "lopen")
def _(r):
    r.put(5, "Q", next(Node.numbers))


for iounit in 1, ONES:
    @reply(f"case_p23_iounit_{iounit:#x}", f"Rlopen's iounit is {iounit:#x}.", "lopen")
    def _(r, iounit=iounit):
        r.put(13, "I", iounit)


@reply("case_p36_size_above_2_63", "Rgetattr's size is 2^64-1.", "getattr")
def _(r):
    r.put(49, "Q", (1 << 64) - 1)


@reply("case_p36_size_2_63_minus_1", "Rgetattr's size is the largest that there is; what is read is less.", "getattr")
def _(r):
    r.put(49, "Q", (1 << 63) - 1)


@reply("case_p36_nothing_valid", "Rgetattr says that none of its fields is valid.", "getattr")
def _(r):
    r.put(0, "Q", 0)


for bsize in 0, ONES:
    @reply(f"case_p39_block_size_{bsize:#x}", f"Rstatfs says blocks of {bsize:#x} bytes.", "statfs")
    def _(r, bsize=bsize):
        r.put(4, "I", bsize)


# ---- replies: data ----

@reply("case_p24_more_read_than_asked", "Rread's count is one more than was asked for.", "read")
def _(r):
    r.put(0, "I", r.request.get("IQI")[2] + 1)


@reply("case_p25_more_read_than_arrived", "Rread's count is what was asked for; three bytes of it came.", "read")
def _(r):
    r.body = struct.pack("<I", r.request.get("IQI")[2]) + b"baa"


@reply("case_p26_nothing_to_read", "Rread has no bytes, of a file that has a size.", "read")
def _(r):
    r.body = struct.pack("<I", 0)


@reply("case_p27_more_written_than_sent", "Rwrite's count is one more than was sent.", "write")
def _(r):
    r.put(0, "I", r.request.get("IQI")[2] + 1)


@reply("case_p27_everything_written", "Rwrite's count is 0xffffffff.", "write")
def _(r):
    r.put(0, "I", ONES)


@reply("case_p28_nothing_written", "Rwrite's count is 0, each time.", "write")
def _(r):
    r.put(0, "I", 0)


# ---- replies: names ----

def one_entry(r, name, length=None, offset=None):
    """A listing of one file at the start, nothing behind it."""
    start = r.request.get("IQI")[1]
    offset = start + 1 if offset is None else offset
    entry = Node.qid(r.node) + struct.pack("<QBH", offset, 8, len(name) if length is None else length) + name
    r.body = struct.pack("<I", 0) if start else struct.pack("<I", len(entry)) + entry


def listing(name, text):
    return reply(name, text, "readdir", make=lambda: Node({b"one": Node(bytearray(b"1"))}))


@listing("case_p29_more_entries_than_arrived", "Rreaddir's count is 65535, with three entries.")
def _(r):
    r.put(0, "I", 65535)


@listing("case_p29_more_entries_than_asked", "Rreaddir's count is 2^32-1, with three entries.")
def _(r):
    r.put(0, "I", ONES)


@listing("case_p30_name_overruns_the_reply", "The length of a directory entry's name is 65535.")
def _(r):
    one_entry(r, b"sheep", 65535)


@listing("case_p31_entry_cut_short", "The listing ends in the middle of an entry.")
def _(r):
    r.body = struct.pack("<I", 10) + r.body[4:14]


for word, name in {"case_p32_name_with_slash": b"../etc", "case_p32_name_with_nul": b"she\0ep", "case_p33_empty_name": b"", "case_p33_name_of_256": b"n" * 256}.items():
    @listing(word, f"A directory entry's name is {name[:8]!r}, of {len(name)} bytes.")
    def _(r, name=name):
        one_entry(r, name)


@listing("case_p34_dot_many_times", "The listing has '.', '..' and '.' again as children.")
def _(r):
    if r.request.get("IQI")[1] == 0:
        entries = b"".join(r.node.qid() + struct.pack("<QB", i + 1, 4) + text(n) for i, n in enumerate((b".", b"..", b".", b"one")))
        r.body = struct.pack("<I", len(entries)) + entries
    else:
        r.body = struct.pack("<I", 0)


@listing("case_p35_offset_stands_still", "Each entry's offset is the one that the listing was asked from.")
def _(r):
    start = r.request.get("IQI")[1]
    entry = r.node.qid() + struct.pack("<QB", start, 8) + text(b"again")
    r.body = struct.pack("<I", len(entry)) + entry


@listing("case_p35_offset_goes_to_and_fro", "The entries' offsets are 1 and 2 by turns, without an end.")
def _(r):
    start = r.request.get("IQI")[1]
    entry = r.node.qid() + struct.pack("<QB", 2 if start == 1 else 1, 8) + text(b"again")
    r.body = struct.pack("<I", len(entry)) + entry


def link(name, text, target=b"one"):
    return reply(name, text, "readlink", make=lambda: Node(target))


@link("case_p37_empty_link", "The target of a symbolic link is empty.")
def _(r):
    r.body = text(b"")


@link("case_p37_link_of_64_kib", "The target of a symbolic link has 65535 bytes, it says.")
def _(r):
    r.body = struct.pack("<H", 65535) + r.body[2:]


@link("case_p37_link_with_nul", "There is a NUL in the target of a symbolic link.")
def _(r):
    r.body = text(b"o\0ne")


@link("case_p38_link_to_itself", "A symbolic link leads to itself.", b"case_p38_link_to_itself")
def _(r):
    pass


@link("case_p38_link_above_the_root", "A symbolic link climbs far above the share.", b"../" * 20 + b"etc/shadow")
def _(r):
    pass
