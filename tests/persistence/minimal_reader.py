"""A reader of onebox files without onebox, as docs/file_format.rst describes them."""

import io
import json
import struct
import zipfile

import numpy as np
import zstandard


def unzstd(data):
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


CODECS = {"zstd": (unzstd, ".zst")}  # and lz4, with a library for it


def unfilter(data, name, unit, size):
    if name == "none":
        return data
    if name == "decimal":
        exponent, width, data = data[0], data[1], data[2:]
        if width == 0:
            return data
        integers = np.frombuffer(unfilter(data, "shuffle", width, 0), f"<i{width}")
        numbers = (integers / float(10**exponent)).astype(f"<f{unit}")
        for code, special in enumerate((-0.0, np.nan, -np.nan)):
            numbers[integers == code - 2 ** (8 * width - 1)] = special
        return numbers.tobytes()
    if name == "dictionary":
        count, data = int.from_bytes(data[:4], "little"), data[4:]
        if count == 0:
            return data
        values, planes = np.frombuffer(data[: count * unit], f"<u{unit}"), data[count * unit :]
        width = 1 if count <= 256 else 2
        codes = unfilter(planes, "shuffle", width, size // unit * width)
        return values[np.frombuffer(codes, f"<u{width}")].tobytes()
    numbers = np.frombuffer(data, np.uint8).reshape(unit, -1).T.copy().view(f"<u{unit}").ravel()
    return (np.cumsum(numbers, dtype=numbers.dtype) if name == "delta" else numbers).tobytes()


def read(path):
    members = {}
    with zipfile.ZipFile(path) as archive:
        for entry in json.loads(archive.read("index.json")):
            name, content = entry["name"], archive.read(entry["name"])
            if entry["codec"] != "raw":
                unpack, suffix = CODECS[entry["codec"]]
                at = len(content) - (entry["end"] - entry["data"])
                parts = [unpack(content[:at])] if at else []
                for number, length in enumerate(entry["lengths"]):
                    size = min(2**20, entry["size"] - number * 2**20)
                    data, at = unpack(content[at : at + length]), at + length
                    parts.append(unfilter(data, entry["filter"], entry["unit"], size))
                name, content = name.removesuffix(suffix), b"".join(parts)
            members[name.removesuffix("." + entry.get("filter", ""))] = content
    document = json.loads(members.pop("object.json"))
    return document, {n.removesuffix(".npy"): np.load(io.BytesIO(c)) for n, c in members.items()}


def build(node, arrays):
    if not isinstance(node, dict):
        return node
    make = {
        "list": lambda: [build(item, arrays) for item in node["items"]],
        "tuple": lambda: tuple(build(item, arrays) for item in node["items"]),
        "dict": lambda: {key: build(item, arrays) for key, item in node["items"].items()},
        "array": lambda: arrays[node["member"]],
        "float": lambda: struct.unpack(">d", bytes.fromhex(node["bits"]))[0],
    }
    return make[node["$"]]()
