"""Files made with bad intent: nothing runs, nothing crashes, the message says what was asked."""

from __future__ import annotations

import sys
import zipfile

import numpy as np
import pytest

import onebox
from onebox.errors import CorruptFile, MissingDependency, NotTrusted
from onebox.storage import container
from onebox.storage.zip_index import add_member, finish, index_text


@pytest.fixture
def write(tmp_path):
    """Write a well-formed container around any document."""
    path = tmp_path / "hostile.onebox"

    def run(node, names=(), arrays=None, **changes):
        document = {
            "format": "onebox object", "version": 1, "written_by": {"onebox": "0.1.0"},
            "names": list(names), "object": node,
        }  # fmt: skip
        container.write(path, document | changes, arrays or {})
        return path

    return run


def test_the_table_of_names_says_all_that_is_imported(tmp_path, models):
    onebox.save([models.Model(), models.Colour.RED, models.Model()], tmp_path / "x")
    document, _ = container.read(tmp_path / "x")
    assert document["names"] == [f"{models.__name__}:Model", f"{models.__name__}:Colour"]
    assert document["kind"] == "builtins:list"
    assert document["written_by"]["onebox"] == onebox.__version__
    assert document["written_by"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    "name",
    [
        "builtins:eval",
        "os:system",
        "posix:system",
        "subprocess:Popen",
        "sklearn.linear_model._ridge:Ridge",
        "onebox_evil:Model",
        "oneboxes:Model",
        "__main__:main",
        "pickle:loads",
        "onebox.persistence:load",
        "onebox.storage.atomic:remove_orphans",
        "onebox.storage.spill:SpillFolder",
        "onebox.models_of_a_test:function",
        "onebox.models_of_a_test:WithDestructor",
        "onebox.models_of_a_test:NotStorable",
        "onebox.models_of_a_test:Outer",
    ],
)
@pytest.mark.parametrize("node", [{"$": "named", "named": 0}, {"$": "object", "class": 0}, 1])
def test_foreign_names_are_listed_and_refused(write, models, name, node):
    path = write(node, ["onebox.models_of_a_test:Model", name])
    with pytest.raises(NotTrusted) as caught:
        onebox.load(path)
    assert f"needs 1 names that are not classes of models in onebox: {name}." in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "onebox.models_of_a_test:system",
        "onebox.models_of_a_test:os.system",
        "onebox.models_of_a_test:os",
        "onebox.models_of_a_test:alias",
        "onebox.models_of_a_test:threading.Lock",
        "onebox.models_of_a_test:Model.__class__",
        "onebox.models_of_a_test:Model.__init__.__globals__",
        "onebox.models_of_a_test:Locked.get_params",
        "onebox.models_of_a_test:__builtins__",
        "onebox.models_of_a_test:__builtins__.eval",
        "onebox.models_of_a_test:dataclass",
        "onebox.models_of_a_test:Any",
        "onebox.models_of_a_test:Missing",
        "onebox.missing:Model",
        "onebox.os:system",
        "onebox.__main__:main",
        "onebox.cli.__main__:main",
        "onebox:models_of_a_test.Model",
        "onebox:importlib.import_module",
    ],
)
@pytest.mark.parametrize("trust", [False, True])
def test_names_of_onebox_reach_nothing_else(write, models, name, trust):
    path = write({"$": "named", "named": 0}, [name])
    with pytest.raises(CorruptFile, match=r"names what is not in onebox|not one that save|needs"):
        onebox.load(path, trust=trust)


@pytest.mark.parametrize(
    "name",
    ["", "os", "os:", ":system", "os:system;x", "os :system", "../os:system", "os:a:b", ".os:x",
     "os..path:x", "os:\x1b[2J", "ös:system", 1, None, ["os:system"], "os:system\n"],
)  # fmt: skip
@pytest.mark.parametrize("trust", [False, True])
def test_names_of_another_form_are_refused(write, name, trust):
    with pytest.raises(CorruptFile, match="not module:name"):
        onebox.load(write(1, [name]), trust=trust)


@pytest.fixture
def foreign_module(tmp_path, monkeypatch):
    """A module that leaves a trace when it is imported."""
    trace = tmp_path / "trace"
    (tmp_path / "foreign_to_onebox.py").write_text(
        f"open({str(trace)!r}, 'w').close()\n"
        "from os import system\n"
        "class Model:\n"
        "    def get_params(self): return {}\n"
        "    def __new__(cls): raise AssertionError\n"
        "    def __setstate__(self, state): raise AssertionError\n"
        "    def __setattr__(self, name, value): raise AssertionError\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield trace
    sys.modules.pop("foreign_to_onebox", None)


def test_nothing_is_imported_without_trust(write, foreign_module):
    node = {"$": "object", "class": 0, "attributes": {"a": 1}}
    path = write(node, ["foreign_to_onebox:Model"])
    with pytest.raises(NotTrusted, match=r"foreign_to_onebox:Model\. Loading would import"):
        onebox.load(path)
    assert not foreign_module.exists()
    assert "foreign_to_onebox" not in sys.modules
    loaded = onebox.load(path, trust=True)  # even then, none of its methods is called
    assert foreign_module.exists()
    assert type(loaded).__name__ == "Model"
    assert vars(loaded) == {"a": 1}


def test_what_is_listed_is_what_is_imported(write, foreign_module):
    path = write({"$": "named", "named": 0}, ["foreign_to_onebox:system"])
    with pytest.raises(NotTrusted, match="foreign_to_onebox:system"):
        onebox.load(path)
    with pytest.raises(MissingDependency, match="foreign_to_onebox does not define system"):
        onebox.load(path, trust=True)  # it is posix:system, and not what the name says


def test_a_trusted_package_that_is_not_installed(write):
    path = write(1, ["not_installed_anywhere.models:Model"])
    with pytest.raises(MissingDependency, match="not_installed_anywhere"):
        onebox.load(path, trust=True)


CLASS = {"$": "object", "class": 0}
BITS = {"$": "bit_generator", "seeds": None}


def as_dict(**items):
    return {"$": "dict", "items": items}


def legacy_state(**changes):
    items = {"has_gauss": 0, "gauss": 0.0, "bit_generator": "MT19937"}
    inner = {"key": {"$": "array", "member": "key"}, "pos": 624} | changes
    return {"$": "random_state", "state": as_dict(**items, state=as_dict(**inner))}


def new_state(**changes):
    inner = {"key": {"$": "array", "member": "key"}, "pos": 624} | changes
    return {**BITS, "state": as_dict(bit_generator="MT19937", state=as_dict(**inner))}


@pytest.mark.parametrize(
    ("kind", "node"),
    [
        ("list", {"$": "list", "id": 1, "items": []}),
        ("dict", {"$": "dict", "pairs": [[1, 2]]}),
        ("ZoneInfo", {"$": "zoneinfo", "key": "Europe/Paris"}),
        ("ndarray", {"$": "array", "member": "x"}),
        ("float64", {"$": "scalar", "dtype": "<f8", "base64": "AAAAAAAAAAA="}),
        ("VoidDType", {"$": "dtype", "dtype": "[('a', '<f8')]"}),
        ("type", {"$": "named", "plain": "builtins:int"}),
        ("type", {"$": "named", "named": 2}),
        ("Colour", {"$": "enum", "class": 1, "name": "RED"}),
        ("Model", {**CLASS, "attributes": {}}),
        ("Slotted", {"$": "object", "class": 2, "attributes": {"a": 1}}),
        ("Locked", {"$": "object", "class": 3, "state": {"$": "dict", "items": {"alpha": 1}}}),
        ("RandomState", legacy_state()),
        ("MT19937", new_state()),
        ("Generator", {"$": "generator", "bits": new_state(pos=0)}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_documents_made_by_hand_can_be_right(write, models, kind, node):
    assert type(onebox.load(write(node, *parts_for(models)))).__name__ == kind


def parts_for(models):
    names = [f"{models.__name__}:{name}" for name in ("Model", "Colour", "Slotted", "Locked")]
    arrays = {"x": np.frombuffer(b"ARROW1" * 20, np.uint8), "key": np.zeros(624, np.uint32)}
    return names, arrays


@pytest.mark.parametrize(
    "node",
    [
        [1],
        {},
        {"$": 1},
        {"$": "ref", "id": 1},
        {"$": "list", "id": 1, "items": [{"$": "ref", "id": 1}]},
        {"$": "list"},
        {"$": "list", "items": 5},
        {"$": "list", "items": {"a": 1}, "id": []},
        {"$": "set", "items": [{"$": "list", "items": []}]},
        {"$": "dict", "pairs": [[{"$": "dict", "items": {}}, 1]]},
        {"$": "dict", "pairs": [1]},
        {"$": "int", "hex": "eval()"},
        {"$": "int", "hex": 5},
        {"$": "float", "bits": "00"},
        {"$": "bytes", "base64": "?"},
        {"$": "date", "iso": "yesterday"},
        {"$": "datetime", "iso": "2025-01-01", "fold": 0, "zone": 5},
        {"$": "timedelta", "fields": [10**30, 0, 0]},
        {"$": "zoneinfo", "key": "../../../etc/passwd"},
        {"$": "zoneinfo", "key": "/etc/localtime"},
        {"$": "zoneinfo", "key": "Europe/Nowhere"},
        {"$": "array"},
        {"$": "array", "member": "missing"},
        {"$": "array", "member": "../x"},
        {"$": "array", "objects": [1, 2], "shape": [3], "order": "C"},
        {"$": "array", "objects": [1, 2], "shape": [2], "order": "eval"},
        {"$": "scalar", "dtype": "|O", "base64": "AAAAAAAAAAA="},
        {"$": "scalar", "dtype": "<f8", "base64": ""},
        {"$": "scalar", "dtype": "[('a', 'O')]", "base64": "AAAAAAAAAAA="},
        {"$": "dtype", "dtype": "[__import__('os').system('true')]"},
        {"$": "dtype", "dtype": "no such type"},
        {"$": "dtype", "dtype": "[" * 5000},
        {"$": "arrow.table", "member": "x"},
        {"$": "arrow.schema", "member": "x"},
        {"$": "named", "plain": "builtins:eval"},
        {"$": "named", "plain": "builtins:type"},
        {"$": "named", "named": 5},
        {"$": "named", "named": "os:system"},
        {"$": "enum", "class": 0, "name": "RED"},
        {"$": "enum", "class": 1, "name": "mro"},
        {"$": "enum", "class": 1, "name": "_member_map_"},
        {"$": "object", "class": 1, "attributes": {}},
        {**CLASS, "class": 9, "attributes": {}},
        {**CLASS, "attributes": 5},
        {**CLASS, "state": 5},
        CLASS,
        {"$": "object", "class": 2, "attributes": {"unknown": 1}},
        {"$": "object", "class": 3, "state": 1},
        {"$": "generator", "bits": {**CLASS, "attributes": {}}},
        {**BITS, "state": as_dict(bit_generator="eval", state=as_dict())},
        {**BITS, "state": as_dict(bit_generator="BitGenerator", state=as_dict())},
        new_state(pos=10**6),
        new_state(pos=625),
        new_state(pos=-5),
        new_state(key=1),
        legacy_state(pos=625),
        legacy_state(pos=-1),
    ],
    ids=lambda node: str(node)[:60],
)
def test_documents_that_describe_nothing(write, models, node):
    path = write(node, *parts_for(models))
    with pytest.raises(CorruptFile, match=r"hostile\.onebox describes no object"):
        onebox.load(path)


@pytest.mark.parametrize("name", ["csr", "csc", "bsr", "coo"])
@pytest.mark.parametrize("is_array", [False, True])
@pytest.mark.parametrize("index", [0, 100, -1, 2**40])
def test_sparse_matrices_with_indexes_outside(write, name, is_array, index):
    parts = {
        "data": np.ones((1, 1, 1) if name == "bsr" else 1),
        "inside": np.array([0, 1]) if name != "coo" else np.array([0]),
        "outside": np.array([index]),
    }
    second = "outside" if name == "coo" else "inside"
    node = {
        "$": "sparse", "format": name, "array": is_array, "shape": [1, 1],
        "data": {"$": "array", "member": "data"},
        "indexes": {
            "$": "tuple", "items": [{"$": "array", "member": part} for part in ("outside", second)]
        },
    }  # fmt: skip
    path = write(node, arrays=parts)
    if index == 0:
        assert onebox.load(path).shape == (1, 1)
    else:
        with pytest.raises(CorruptFile, match="describes no object"):
            onebox.load(path)


def test_deep_nesting_and_long_numbers_do_not_crash(tmp_path):
    path = tmp_path / "x"
    head = '{"format": "onebox object", "version": 1, "names": [], "object": '
    deep = '{"$": "list", "items": [' * 400 + "]}" * 400
    deeper = '{"$": "list", "items": [' * 100_000 + "]}" * 100_000
    for text in (deep, deeper, "9" * 5000, "1e999999"):
        with open(path, "w+b") as file, zipfile.ZipFile(file, "w") as archive:
            frames = [memoryview((head + text + "}").encode()[: 2**20])]
            finish(
                archive, file, index_text([add_member(archive, file, "object.json", b"", frames)])
            )
        try:
            assert onebox.load(path) == np.inf
        except CorruptFile as error:
            assert text != "1e999999", error  # noqa: PT017


def test_a_number_with_a_million_digits_is_read(write):
    assert onebox.load(write({"$": "int", "hex": "0x" + "f" * 1_000_000})) == 2**4_000_000 - 1


@pytest.mark.parametrize(
    "document",
    [None, 1, [], {}, {"format": "other"}, {"format": "onebox object"},
     {"format": "onebox object", "version": "1", "names": []},
     {"format": "onebox object", "version": 1, "names": {}}],
)  # fmt: skip
def test_containers_that_are_no_saved_objects(tmp_path, document):
    container.write(tmp_path / "x", document, {})
    with pytest.raises(CorruptFile, match=r"not one that save has written|no version number"):
        onebox.load(tmp_path / "x")


def test_a_newer_version_of_the_object_is_refused_saying_so(write):
    with pytest.raises(CorruptFile, match=r"version 2 of its format.* up to 1\. Update onebox"):
        onebox.load(write(1, version=2))


def test_pickles_are_not_even_looked_at(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(CorruptFile, match="is not a whole onebox file"):
        onebox.load(tmp_path / "x.pkl", trust=True)
    with pytest.raises(FileNotFoundError, match=r"absent\.onebox"):
        onebox.load(tmp_path / "absent.onebox")


def test_attributes_cannot_run_anything(write, models):
    node = {**CLASS, "attributes": {"__class__": 1, "__dict__": 2, "get_params": 3, "": 4}}
    loaded = onebox.load(write(node, [f"{models.__name__}:Model"]))
    assert type(loaded) is models.Model
    assert vars(loaded)["__class__"] == 1


def test_damage_is_found_on_the_way(tmp_path, models):
    path = tmp_path / "x.onebox"
    model = models.Model()
    model.coef_ = np.random.default_rng(0).random(300_000)
    onebox.save(model, path)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("coef_.npy").header_offset
    content = bytearray(path.read_bytes())
    content[start + 2_000_000] ^= 1
    path.write_bytes(content)
    for how in ({}, {"mmap": True, "verify": True}):
        with pytest.raises(CorruptFile, match=r"x\.onebox: frame 2 of 3 of member coef_\.npy"):
            onebox.load(path, **how)
    onebox.load(path, mmap=True)
