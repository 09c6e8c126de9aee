# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""server - 9P2000.L over a tree in memory, and how a reply can be a lie: each file of the tree may have one of its own."""
import errno
import itertools
import os
import stat
import struct
import time

T = {name: number for number, name in {
    7: "lerror", 8: "statfs", 12: "lopen", 14: "lcreate", 16: "symlink", 22: "readlink", 24: "getattr", 26: "setattr", 40: "readdir", 50: "fsync",
    52: "lock", 54: "getlock", 72: "mkdir", 74: "renameat", 76: "unlinkat", 100: "version", 104: "attach", 108: "flush", 110: "walk", 116: "read",
    118: "write", 120: "clunk"}.items()}
NAMES = {number: name for name, number in T.items()}
RLERROR = 7
O_TRUNC = 0o1000


class Fields:
    """A message's body, field by field."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def text(self):
        n = self.get("H")
        self.at += n
        return self.data[self.at - n:self.at]

    def rest(self):
        return self.data[self.at:]


def text(data):
    return struct.pack("<H", len(data)) + data


class Node:
    """Content: a dict (directory), a bytearray (file), bytes (symbolic link)."""
    numbers = itertools.count(1)

    def __init__(self, content, mode=0):
        self.content, self.path, self.version, self.mtime = content, next(self.numbers), 0, time.time_ns()
        kind = {dict: stat.S_IFDIR | 0o755, bytearray: stat.S_IFREG | 0o644, bytes: stat.S_IFLNK | 0o777}[type(content)]
        self.mode = kind if not mode else stat.S_IFMT(kind) | mode
        self.lie = None  # Lie of this file

    @property
    def folder(self):
        return isinstance(self.content, dict)

    def qid(self):
        kind = {stat.S_IFDIR: 0x80, stat.S_IFLNK: 2}.get(stat.S_IFMT(self.mode), 0)
        return struct.pack("<BIQ", kind, self.version, self.path)

    def size(self):
        return 4096 if self.folder else len(self.content)

    def touched(self):
        self.version, self.mtime = self.version + 1, time.time_ns()


def copy_of(path):
    """A host's folder as a tree; what is neither file, folder nor link is left out."""
    content = {}
    for entry in os.scandir(path):
        name = os.fsencode(entry.name)
        if entry.is_symlink():
            content[name] = Node(os.fsencode(os.readlink(entry.path)))
        elif entry.is_dir():
            content[name] = copy_of(entry.path)
        elif entry.is_file():
            with open(entry.path, "rb") as f:
                content[name] = Node(bytearray(f.read()), stat.S_IMODE(entry.stat().st_mode))
    return Node(content)


class Reply:
    """A message on its way back. size and written: what its header and its used element say, None: the truth."""

    def __init__(self, chain, type, tag, body):
        self.chain, self.type, self.tag, self.body = chain, type, tag, body
        self.size = self.written = None

    def encode(self):
        return struct.pack("<IBH", 7 + len(self.body) if self.size is None else self.size, self.type & 255, self.tag) + self.body

    def put(self, offset, form, *values):
        """Other values into its body."""
        form = "<" + form
        self.body = self.body[:offset] + struct.pack(form, *values) + self.body[offset + struct.calcsize(form):]


class Fid:
    def __init__(self, node, parents=()):
        self.node, self.parents, self.open = node, parents, False


class Server:
    """lies: what falsifies replies of the whole session, by T-type's name."""

    msize = 1 << 20

    def __init__(self, root):
        self.root, self.fids, self.lies = root, {}, {}

    def forget(self):
        self.fids.clear()

    def answer(self, request, chain):
        size, type, tag = struct.unpack_from("<IBH", request)
        name, fields = NAMES.get(type), Fields(request[7:size])
        self.node = None
        try:
            handler = getattr(self, "do_" + str(name), None)
            if not handler:
                raise OSError(errno.EOPNOTSUPP, "")
            reply = Reply(chain, type + 1, tag, handler(fields))
        except OSError as e:
            reply = Reply(chain, RLERROR, tag, struct.pack("<I", e.errno))
        except (struct.error, KeyError, IndexError):
            reply = Reply(chain, RLERROR, tag, struct.pack("<I", errno.EINVAL))
        reply.request, reply.name, reply.node = Fields(request[7:size]), name, self.node
        self.falsify(reply)
        return reply

    def falsify(self, reply):
        lie = reply.node.lie if reply.node else None
        for lies in (self.lies, lie.replies if lie else {}):
            if reply.name in lies:
                lies[reply.name](reply)

    def fid(self, fields):
        number = fields.get("I")
        if number not in self.fids:
            raise OSError(errno.EBADF, "")
        self.node = self.fids[number].node
        return self.fids[number]

    # ---- session ----

    def do_version(self, fields):
        msize, version = fields.get("I"), fields.text()
        self.fids.clear()
        return struct.pack("<I", min(msize, self.msize)) + text(b"9P2000.L" if version == b"9P2000.L" else b"unknown")

    def do_attach(self, fields):
        self.fids[fields.get("I")] = Fid(self.root)
        return self.root.qid()

    def do_flush(self, fields):
        return b""

    def do_clunk(self, fields):
        number = fields.get("I")
        self.node = self.fids[number].node
        del self.fids[number]
        return b""

    # ---- look ----

    def do_walk(self, fields):
        fid = self.fid(fields)
        newfid, count = fields.get("IH")
        node, parents, qids = fid.node, fid.parents, b""
        for i in range(count):
            name = fields.text()
            if name == b"..":
                node, parents = (parents[-1], parents[:-1]) if parents else (node, parents)
            elif node.folder and name in node.content:
                node, parents = node.content[name], parents + (node,)
            elif i == 0:
                raise OSError(errno.ENOENT if node.folder else errno.ENOTDIR, "")
            else:
                return struct.pack("<H", i) + qids
            qids += node.qid()
        self.fids[newfid] = Fid(node, parents)
        self.node = node
        return struct.pack("<H", count) + qids

    def do_getattr(self, fields):
        node = self.fid(fields).node
        times = struct.pack("<QQ", *divmod(node.mtime, 10**9)) * 3
        return struct.pack("<Q", 0x7ff) + node.qid() + struct.pack("<IIIQQQQQ", node.mode, 0, 0, 1, 0, node.size(), 4096, (node.size() + 511) // 512) + times + bytes(32)

    def do_lopen(self, fields):
        fid = self.fid(fields)
        if fields.get("I") & O_TRUNC and not fid.node.folder:
            fid.node.content.clear()
            fid.node.touched()
        fid.open = True
        return fid.node.qid() + struct.pack("<I", 0)

    def do_read(self, fields):
        node = self.fid(fields).node
        offset, count = fields.get("QI")
        if not isinstance(node.content, bytearray):
            raise OSError(errno.EISDIR, "")
        data = bytes(node.content[offset:offset + min(count, self.msize - 11)])
        return struct.pack("<I", len(data)) + data

    def do_readlink(self, fields):
        node = self.fid(fields).node
        if not isinstance(node.content, bytes):
            raise OSError(errno.EINVAL, "")
        return text(node.content)

    def do_readdir(self, fields):
        fid = self.fid(fields)
        offset, count = fields.get("QI")
        return self.listing(self.entries(fid), offset, count)

    def entries(self, fid):
        up = fid.parents[-1] if fid.parents else fid.node
        return [(b".", fid.node), (b"..", up), *fid.node.content.items()]

    def listing(self, entries, offset, count):
        out = b""
        for i, (name, node) in enumerate(entries[offset:], offset):
            entry = node.qid() + struct.pack("<QB", i + 1, stat.S_IFMT(node.mode) >> 12) + text(name)
            if len(out) + len(entry) > count:
                break
            out += entry
        return struct.pack("<I", len(out)) + out

    def do_statfs(self, fields):
        self.fid(fields)
        return struct.pack("<IIQQQQQQI", 0x01021997, 4096, 1000, 500, 500, 100, 50, 1, 255)

    # ---- change ----

    def do_write(self, fields):
        node = self.fid(fields).node
        offset, count = fields.get("QI")
        data = fields.rest()[:count]
        node.content.extend(bytes(max(0, offset - len(node.content))))
        node.content[offset:offset + len(data)] = data
        node.touched()
        return struct.pack("<I", len(data))

    def do_setattr(self, fields):
        node = self.fid(fields).node
        valid, mode, _, _, size = fields.get("IIIIQ")
        if valid & 1:
            node.mode = stat.S_IFMT(node.mode) | mode & 0o7777
        if valid & 8:
            del node.content[size:]
            node.content.extend(bytes(size - len(node.content)))
        node.touched()
        return b""

    def make(self, folder, name, content, mode=0):
        if name in folder.content:
            raise OSError(errno.EEXIST, "")
        folder.content[name] = node = Node(content, mode & 0o7777)
        folder.touched()
        return node

    def do_lcreate(self, fields):
        fid, name = self.fid(fields), fields.text()
        _, mode = fields.get("II")
        node = self.make(fid.node, name, bytearray(), mode)
        fid.parents, fid.node, fid.open = fid.parents + (fid.node,), node, True
        return node.qid() + struct.pack("<I", 0)

    def do_mkdir(self, fields):
        fid, name = self.fid(fields), fields.text()
        return self.make(fid.node, name, {}, fields.get("I")).qid()

    def do_symlink(self, fields):
        fid, name = self.fid(fields), fields.text()
        return self.make(fid.node, name, bytes(fields.text())).qid()

    def do_unlinkat(self, fields):
        folder, name = self.fid(fields).node, fields.text()
        if name not in folder.content:
            raise OSError(errno.ENOENT, "")
        if folder.content[name].folder and folder.content[name].content:
            raise OSError(errno.ENOTEMPTY, "")
        del folder.content[name]
        folder.touched()
        return b""

    def do_renameat(self, fields):
        old, old_name = self.fid(fields).node, fields.text()
        new, new_name = self.fid(fields).node, fields.text()
        if old_name not in old.content:
            raise OSError(errno.ENOENT, "")
        new.content[new_name] = old.content.pop(old_name)
        return b""

    def do_fsync(self, fields):
        self.fid(fields)
        return b""

    def do_lock(self, fields):
        self.fid(fields)
        return b"\0"
