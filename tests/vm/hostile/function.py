# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""function - a virtio device as a PCI function: configuration space, capabilities, registers, queues (virtio 1.x, 4.1). Lies override its methods."""
import struct
import sys
from collections import namedtuple

from .rings import PackedQueue, SplitQueue
from .watch import Watch

VIRTIO_9P = 9
F_MOUNT_TAG, F_INDIRECT, F_EVENT_IDX, F_VERSION_1, F_PACKED = (1 << n for n in (0, 28, 29, 32, 34))
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET, FAILED = 1, 2, 4, 8, 64, 128
COMMON, NOTIFY, ISR, DEVICE, PCI_CFG = range(1, 6)
ONES = 0xffffffff

# Registers of the common structure: offset -> name, size.
REGISTERS = {0: ("device_feature_select", 4), 4: ("device_feature", 4), 8: ("driver_feature_select", 4), 12: ("driver_feature", 4),
             16: ("config_msix_vector", 2), 18: ("num_queues", 2), 20: ("device_status", 1), 21: ("config_generation", 1),
             22: ("queue_select", 2), 24: ("queue_size", 2), 26: ("queue_msix_vector", 2), 28: ("queue_enable", 2), 30: ("queue_notify_off", 2),
             32: ("queue_desc", 8), 40: ("queue_driver", 8), 48: ("queue_device", 8), 56: ("queue_notif_config_data", 2), 58: ("queue_reset", 2)}

# One capability of the list: its id, the type of structure (0: none), and the bytes behind id and next.
Cap = namedtuple("Cap", "id type body")
Place = namedtuple("Place", "bar offset length")
HOME = {COMMON: Place(0, 0, 56), NOTIFY: Place(0, 0x3000, 0x1000), ISR: Place(0, 0x1000, 1), DEVICE: Place(0, 0x2000, 0x100)}


def virtio_cap(type, place, *, length=None, extra=b""):
    """cap_len, cfg_type, bar, id, padding, offset, length; extra: what follows for some types."""
    length = 16 + len(extra) if length is None else length
    return Cap(9, type, struct.pack("<BBBBHII", length, type, place.bar, 0, 0, place.offset, place.length) + extra)


class Bar:
    def __init__(self, size, io=False, wide=False):
        self.size, self.flags, self.value = size, (1 if io else 4 if wide else 0), 0
        self.mask = ~(size - 1) & ONES & ~(3 if io else 15) if size else 0

    def move(self, value):
        self.value = value & self.mask


class Function:
    device_id, revision, header = 0x1040 + VIRTIO_9P, 1, 0
    offered = F_MOUNT_TAG | F_INDIRECT | F_EVENT_IDX | F_VERSION_1
    num_queues, queue_max = 1, 128
    multiplier = 4
    vectors = 0  # of MSI-X; nothing ever comes over them

    def __init__(self, server, memory, loop, tag="hostile", packed=False):
        self.server, self.memory, self.loop, self.tag = server, memory, loop, tag.encode()
        self.offered |= F_PACKED if packed else 0
        self.watch = Watch(self.log)
        self.bars = self.make_bars()
        self.space = bytearray(256)
        self.writable = bytearray(256)
        self.probed = False  # QEMU looks at the function first, when it makes it; then the guest
        self.build()
        self.reset()

    def log(self, text):
        print(f"{self.tag.decode(errors='replace')}: {text}", file=sys.stderr, flush=True)

    # ---- configuration space ----

    def make_bars(self):
        bars = {0: Bar(0x4000)}
        if self.vectors:
            bars[1] = Bar(0x1000)
            self.table = bytearray(0x1000)
        return bars

    def capabilities(self):
        """The list, in its order."""
        caps = [virtio_cap(COMMON, HOME[COMMON]), virtio_cap(NOTIFY, HOME[NOTIFY], extra=struct.pack("<I", self.multiplier)),
                virtio_cap(ISR, HOME[ISR]), virtio_cap(DEVICE, HOME[DEVICE]), virtio_cap(PCI_CFG, Place(0, 0, 0), extra=bytes(4))]
        if self.vectors:
            caps.append(Cap(0x11, 0, struct.pack("<HII", self.vectors - 1, 1, 1 | 0x800)))
        return caps

    def change(self, type, change):
        """The list in which change(cap) stands in place of each structure of that type: a capability, a list of them."""
        caps = []
        for cap in Function.capabilities(self):
            new = change(cap) if cap.type == type else cap
            caps += new if isinstance(new, list) else [new]
        return caps

    def build(self):
        struct.pack_into("<HHHHBBHBBBB", self.space, 0, 0x1af4, self.device_id, 0, 0x10, self.revision, 0, 0x0002, 0, 0, self.header, 0)
        struct.pack_into("<HH", self.space, 0x2c, 0x1af4, 0x40 + VIRTIO_9P)
        self.space[0x3d] = 1
        self.writable[4:6] = b"\xff\xff"
        self.writable[0x3c] = 0xff
        self.list_capabilities(self.capabilities())

    def list_capabilities(self, caps):
        at, self.caps, self.listed, self.window = 0x40, [], caps, None
        self.space[0x34] = at if caps else 0
        for i, cap in enumerate(caps):
            self.caps.append(at)
            end = at + 2 + len(cap.body)
            follows = (end + 3) & ~3
            self.space[at:end] = bytes([cap.id, follows if i + 1 < len(caps) else 0]) + cap.body
            if cap.id == 0x11:
                self.writable[at + 3] = 0xc0
            if cap.type == PCI_CFG:
                self.window = at
                self.writable[at + 4] = 0xff
                self.writable[at + 8:at + 20] = b"\xff" * 12
            at = follows

    def in_window(self, addr):
        """BAR, offset and size of an access through the PCI_CFG capability's data; None: it is none (4.1.4.9)."""
        if self.window is None or addr != self.window + 16:
            return None
        bar, (offset, size) = self.space[self.window + 4], struct.unpack_from("<II", self.space, self.window + 8)
        self.watch.window(bar, offset, size, HOME.values())
        return (bar, offset, size) if bar in self.bars and size in (1, 2, 4) and offset + size <= self.bars[bar].size else None

    def read_config(self, addr, size):
        window = self.in_window(addr)
        if window:
            return self.read_at(*window)
        space = bytearray(self.space)
        for i, bar in self.bars.items():
            struct.pack_into("<I", space, 0x10 + 4 * i, bar.value | bar.flags if bar.size else 0)
            if bar.flags == 4 and i < 5:
                space[0x14 + 4 * i:0x18 + 4 * i] = bytes(4)
        return int.from_bytes(space[addr:addr + size].ljust(size, b"\xff"), "little")

    def write_config(self, addr, size, value):
        self.watch.write_space(addr, size, self)
        i, rest = divmod(addr - 0x10, 4)
        if i in self.bars and rest == 0 and size == 4:
            self.bars[i].move(value)
            return
        for n, byte in enumerate(value.to_bytes(8, "little")[:size]):
            if addr + n < 256:
                mask = self.writable[addr + n]
                self.space[addr + n] = self.space[addr + n] & ~mask | byte & mask
        window = self.in_window(addr)
        if window:
            self.write_at(*window, value & (1 << 8 * window[2]) - 1)

    def power_on(self):
        """QEMU's reset of the machine; with it the guest's time begins."""
        self.probed = True
        self.watch.clear()
        self.reset()

    # ---- registers ----

    def locate(self, pa):
        """The BAR that holds an address, and the offset in it."""
        for i, bar in self.bars.items():
            if bar.size and bar.value <= pa < bar.value + bar.size:
                return i, pa - bar.value
        return None, 0

    def read_bar(self, pa, size):
        return self.read_at(*self.locate(pa), size)

    def write_bar(self, pa, size, value):
        self.write_at(*self.locate(pa), size, value)

    def read_at(self, bar, offset, size):
        if bar == 1 and self.vectors:
            return int.from_bytes(self.table[offset:offset + size], "little")
        if bar != 0:
            return ONES
        if offset < 0x1000:
            return self.read_common(offset, size)
        if HOME[DEVICE].offset <= offset < HOME[NOTIFY].offset:
            offset -= HOME[DEVICE].offset
            self.watch.read_tag(offset, size)
            return int.from_bytes(self.config()[offset:offset + size].ljust(size, b"\0"), "little")
        return 0

    def write_at(self, bar, offset, size, value):
        if bar == 1 and self.vectors:
            self.table[offset:offset + size] = value.to_bytes(size, "little")
        elif bar == 0 and offset < 0x1000:
            self.write_common(offset, size, value)
        elif bar == 0 and offset >= HOME[NOTIFY].offset:
            self.watch.notify(size, value, self)
            self.notified(value & 0xffff)

    def find_register(self, offset, size):
        """Name and width of the register, and by how many bits the access is off its start."""
        start = max((o for o in REGISTERS if o <= offset), default=0)
        name, width = REGISTERS[start]
        return (name, width, 8 * (offset - start)) if offset - start + size <= width else (None, 0, 0)

    def read_common(self, offset, size):
        name, width, shift = self.find_register(offset, size)
        self.watch.access(name, width, size, shift)
        value = self.register(name) >> shift & (1 << 8 * size) - 1 if name else 0
        self.watch.read(name, value)
        return value

    def write_common(self, offset, size, value):
        name, width, shift = self.find_register(offset, size)
        self.watch.access(name, width, size, shift)
        if not name:
            return
        self.watch.write(name, value, self)
        mask = (1 << 8 * size) - 1
        self.write_register(name, self.register(name) & ~(mask << shift) | value << shift)

    def register(self, name):
        """What a register says."""
        if name == "device_feature":
            return self.offered >> 32 * self.values["device_feature_select"] & ONES if self.values["device_feature_select"] < 2 else 0
        if name == "driver_feature":
            select = self.values["driver_feature_select"]
            return self.accepted >> 32 * select & ONES if select < 2 else 0
        if name == "num_queues":
            return self.num_queues
        queue = self.queues.get(self.values["queue_select"])
        if name == "queue_msix_vector":
            return queue.vector if queue else 0xffff
        if name.startswith("queue_") and name != "queue_select":
            return getattr(queue, name[6:], 0) if queue else 0
        return self.values.get(name, 0)

    def write_register(self, name, value):
        select = self.values["driver_feature_select"]
        queue = self.queues.get(self.values["queue_select"])
        if name == "driver_feature" and select < 2:
            self.accepted = self.accepted & ~(ONES << 32 * select) | value << 32 * select
        elif name == "device_status":
            self.set_status(value)
        elif name == "queue_msix_vector":
            queue.vector = value if value < self.vectors else 0xffff
        elif name.startswith("queue_") and name != "queue_select":
            if queue:
                setattr(queue, name[6:], value)
        elif name == "config_msix_vector":
            self.values[name] = value if value < self.vectors else 0xffff
        elif name in self.values:
            self.values[name] = value

    def set_status(self, value):
        if value == 0:
            self.reset()
            return
        if value & FEATURES_OK and self.accepted & ~self.offered:
            self.watch.fault("DR-FB-1", f"it accepts {self.accepted & ~self.offered:#x}")
            value &= ~FEATURES_OK
        if value & FEATURES_OK and not self.values["device_status"] & FEATURES_OK and self.accepted & F_PACKED:
            self.queues = {i: PackedQueue(self, i) for i in self.queues}
        self.values["device_status"] = value

    def reset(self):
        self.accepted = 0
        self.queues = {i: SplitQueue(self, i) for i in range(min(self.num_queues, 1))}
        self.values = dict.fromkeys(("device_feature_select", "driver_feature_select", "device_status", "config_generation", "queue_select"), 0)
        self.values["config_msix_vector"] = 0xffff
        self.server.forget()

    def config(self):
        """Device configuration: the mount tag."""
        return struct.pack("<H", len(self.tag)) + self.tag if self.offered & F_MOUNT_TAG else b""

    # ---- requests ----

    def notified(self, index):
        queue = self.queues.get(index)
        if not queue or not queue.enable or not self.values["device_status"] & DRIVER_OK:
            return
        for chain in queue.take():
            self.serve(queue, chain)

    def serve(self, queue, chain):
        request = chain.request()
        self.watch.chain(chain, request)
        self.finish(queue, chain, self.server.answer(request, chain))

    def finish(self, queue, chain, reply):
        """The reply into the driver's buffers, and the request is used."""
        data = reply.encode()
        chain.write(data)
        queue.put(chain.head, len(data) if reply.written is None else reply.written)
