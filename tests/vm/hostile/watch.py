# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""watch - what a device can see a driver do wrong: each fault once, by the id of the clause (virtio 1.x; docs/conformance.md). It goes by what the driver wrote and
was told, so that it holds for devices that lie as well."""

ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, FAILED = 1, 2, 4, 8, 128
STEPS = (ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK)
READ_ONLY = {"device_feature", "num_queues", "config_generation", "queue_notify_off", "queue_notif_config_data"}
QUEUE = {"queue_size", "queue_msix_vector", "queue_desc", "queue_driver", "queue_device"}
F_PACKED, F_NOTIFICATION_DATA, F_NOTIF_CONFIG_DATA = 1 << 34, 1 << 38, 1 << 39
TREAD, TWRITE, TREADDIR = 116, 118, 40


class Watch:
    def __init__(self, tell):
        self.tell, self.told = tell, set()
        self.failed = False
        self.clear()

    def clear(self):
        """A reset."""
        self.status, self.enabled, self.read_back, self.zero = 0, set(), False, False

    def fault(self, clause, what):
        if clause not in self.told:
            self.told.add(clause)
            self.tell(f"the driver breaks {clause}: {what}")

    # ---- registers ----

    def access(self, name, width, size, shift):
        """Offset from the register's start in bits."""
        if not name or size != min(width, 4) or shift % 32:
            self.fault("DR-PL-1", f"{size} bytes at bit {shift} of {name}")

    def read(self, name, value):
        if name == "device_status":
            self.read_back |= bool(self.status & FEATURES_OK)
            self.zero |= value == 0

    def write(self, name, value, function):
        if name == "device_status":
            self.write_status(value)
        elif name in READ_ONLY:
            self.fault("DR-CC-1", f"writes {name}")
        elif name == "driver_feature":
            if self.status & FEATURES_OK:
                self.fault("DR-IN-3", "takes features behind FEATURES_OK")
        elif name in QUEUE or name == "queue_enable":
            self.write_queue(name, value, function)

    def write_status(self, value):
        if value == 0:
            self.clear()
            return
        new = value & ~self.status
        if self.status & FAILED:
            self.fault("DR-ST-3", f"status {value:#x} behind FAILED")
        if self.status & ~value:
            self.fault("DR-ST-2", f"status {value:#x} behind {self.status:#x}")
        if new & new - 1:
            self.fault("DR-ST-1", f"status {value:#x} behind {self.status:#x}")
        if not self.zero and value != FAILED:
            self.fault("DR-CC-4", "goes on without having read a status of 0")
        for i, step in enumerate(STEPS):
            if new & step and any(not value & before for before in STEPS[:i]):
                self.fault("DR-IN-1", f"status {value:#x}")
        if new & DRIVER_OK and not self.read_back:
            self.fault("DR-IN-4", "FEATURES_OK was not read back")
        self.status = value

    def write_queue(self, name, value, function):
        select = function.values["queue_select"]
        if name == "queue_enable":
            if value == 0:
                self.fault("DR-CC-5", "writes 0 to queue_enable")
            self.enabled.add(select)
        elif select in self.enabled:
            self.fault("DR-CC-3", f"writes {name} of a queue that is enabled")
        elif name == "queue_size" and (value == 0 or value & value - 1 and not function.accepted & F_PACKED):
            self.fault("DR-CC-2", f"queue size {value}")

    def write_space(self, addr, size, function):
        """Configuration space."""
        for at, cap in zip(function.caps, function.listed):
            if cap.type and cap.type != 5 and addr < at + 2 + len(cap.body) and at < addr + size:
                self.fault("DR-CP-6", f"writes {addr:#x} of the capability at {at:#x}")

    def window(self, bar, offset, size, places):
        """An access through the PCI_CFG capability; places: of the structures that the others name."""
        inside = any(bar == p.bar and p.offset <= offset and offset + size <= p.offset + p.length for p in places)
        if size not in (1, 2, 4) or offset % size or not inside:
            self.fault("DR-PC-1", f"{size} bytes at {offset:#x} of BAR {bar} through the window")

    def read_tag(self, offset, size):
        if offset >= 2 and size != 1:
            self.fault("DR-9P-1", f"{size} bytes at {offset} of the configuration")

    # ---- requests ----

    def notify(self, size, value, function):
        if not self.status & DRIVER_OK:
            self.fault("DR-IN-6", "notifies before DRIVER_OK")
        if not function.accepted & (F_NOTIFICATION_DATA | F_NOTIF_CONFIG_DATA) and (size != 2 or value not in self.enabled):
            self.fault("DR-NT-1", f"{size} bytes of {value:#x} as a notification")

    def chain(self, chain, request):
        type = request[4] if len(request) > 4 else 0
        if chain.mixed:
            self.fault("DR-SQ-2", "what is readable comes after what is writable")
        if len(request) < 7 or int.from_bytes(request[:4], "little") != len(request):
            self.fault("DR-9P-3", f"{len(request)} bytes are no message")
        room = 11 + int.from_bytes(request[19:23], "little") if type in (TREAD, TREADDIR) else 11
        if chain.room < room:
            self.fault("DR-9P-2", f"{chain.room} bytes for the reply to type {type}")
        head = 23 if type == TWRITE else 7
        if not chain.readable or chain.readable[0][1] < head or not chain.writable or chain.writable[0][1] < 11:
            self.fault("DR-9P-5", f"the head of type {type} or of its reply is split")
