"""Old PyTorch files are read as data: tensors come out as they went in, and nothing is run,
imported or called, whatever a file names."""

from __future__ import annotations

import argparse
import builtins
import os
import pickle
import pickletools
import struct
import sys
import zipfile
from collections import OrderedDict
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy
import pytest
import torch

from studio.catalog import unpickling
from studio.catalog.pickle_header import read_pickle, read_pickle_header
from studio.catalog.probe import probe
from studio.domain.errors import CheckpointError
from studio.families.stable_diffusion.family import SD1
from studio.weights.tensor_files import read_tensors

TENSORS = {
    "float32": torch.randn(3, 4),
    "float16": torch.randn(5).half(),
    "bfloat16": torch.randn(2, 2, 2, 2).bfloat16(),
    "float64": torch.randn(2).double(),
    "int64": torch.arange(7),
    "bool": torch.tensor([True, False]),
    "one number": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "transposed": torch.arange(12.0).reshape(3, 4).t(),
    "every second": torch.arange(12.0)[1::2],
    "repeated": torch.ones(1).expand(4),
    "parameter": torch.nn.Parameter(torch.randn(3)),
    "float8": torch.randn(6).to(torch.float8_e4m3fn),
}
TENSORS["tied"] = TENSORS["float32"]


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        wanted = expected[name].detach()
        assert tensor.dtype == wanted.dtype and tensor.shape == wanted.shape, name
        assert torch.equal(tensor.float(), wanted.float()), name


each_layout = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "chain"])


def saved(content, path: Path, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@each_layout
@pytest.mark.parametrize("nest", ["", "state_dict", "params_ema"])
def test_every_tensor_comes_out_as_it_went_in(zipped, nest, tmp_path):
    path = saved({nest: TENSORS, "epoch": 3} if nest else TENSORS, tmp_path / "x.pt", zipped)
    assert_same(read_tensors(path), TENSORS)
    header = read_pickle_header(path)
    assert header.shapes == {name: tuple(tensor.shape) for name, tensor in TENSORS.items()}


class Callback:
    """Stands for a class of a training library that is not installed here."""

    def __init__(self) -> None:
        self.best, self.monitor = torch.zeros(3), "loss"

    def __setstate__(self, state) -> None:
        raise AssertionError("it was filled")

    def __reduce__(self):
        return _refuse_to_be_called, (Callback,), vars(self)


def _refuse_to_be_called(*_):
    raise AssertionError("it was called")


BOOKS = {
    "a callback": {"ModelCheckpoint": Callback()},
    "a class as key": {Callback: {"best": 1}},
    "a numpy scalar": numpy.float64(0.25),
    "a numpy array": numpy.arange(4),
    "options": argparse.Namespace(lr=1e-4, out=Path("x")),
    "a module": torch.nn.Linear(2, 2),
    "an optimizer": torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]).state_dict(),
    "a sparse tensor": torch.eye(2).to_sparse(),
    "a set and a device": {torch.device("cpu"), 1, frozenset((2,))},
}


@each_layout
@pytest.mark.parametrize("book", BOOKS)
def test_what_a_trainer_leaves_beside_the_tensors_does_not_matter(book, zipped, tmp_path):
    for order in (["books", "state_dict"], ["state_dict", "books"]):
        content = {"books": BOOKS[book], "state_dict": TENSORS}
        path = saved({name: content[name] for name in order}, tmp_path / "x.ckpt", zipped)
        assert_same(read_tensors(path), TENSORS)


@each_layout
def test_a_parameter_dict_is_a_dict(zipped, tmp_path):
    vectors = torch.randn(2, 768)
    parameters = torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})
    content = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": parameters}
    path = saved(content | {"name": "x"}, tmp_path / "x.pt", zipped)
    assert_same(read_tensors(path), {"*": vectors})
    found = probe(path)
    assert (found.kind, found.family, found.vectors) == ("embedding", SD1, 2)


class Calls:
    """Unpickled as a program, it calls `function`."""

    def __init__(self, function, *args, state=None) -> None:
        self.parts = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.parts


def attacks(mark: Path) -> dict[str, bytes]:
    """Pickles that create the file `mark` when they are run, or change the running program, each in
    another way."""
    command = f"touch {mark}"
    text, touch = (
        b"V" + command.encode() + b"\n",
        f"__import__('pathlib').Path({str(mark)!r}).touch()",
    )
    storage = b"(Vstorage\ncos\nsystem\n"
    return {
        "os.system": pickle.dumps(Calls(os.system, command)),
        "eval": pickle.dumps(Calls(builtins.eval, touch)),
        "exec": pickle.dumps(Calls(builtins.exec, touch), 0),
        "a chain of calls": pickle.dumps(Calls(os.system, Calls(str, Calls(str, command)))),
        "getattr": b"c__builtin__\ngetattr\n(c__builtin__\n__import__\n(Vos\ntRVsystem\ntR("
        + text
        + b"tR.",
        "a subprocess": b"csubprocess\ncheck_call\n((lVtouch\naV" + str(mark).encode() + b"\natR.",
        "inst": b"(" + text + b"ios\nsystem\n.",
        "obj": b"(cos\nsystem\n" + text + b"o.",
        "newobj": b"\x80\x02cos\nsystem\n" + text + b"\x85\x81.",
        "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93" + text + b"\x85R.",
        "a dotted name": b"\x80\x04\x8c\x08builtins\x8c\x0deval.__call__\x93" + text + b"\x85R.",
        "setstate": pickle.dumps(
            Calls(argparse.Namespace, state={"__setstate__": Calls(os.system, command)})
        ),
        "state of a known class": b"\x80\x02ctorch.nn.modules.container\nParameterDict\n)\x81}"
        b"V_parameters\ncos\nsystem\n" + text + b"\x85Rsb.",
        "setstate of a module": b"\x80\x02cstudio.catalog.unpickling\nunpickle\n}V__setstate__\n"
        b"cos\nsystem\nsb" + text + b"b.",
        "an item of the environment": b"\x80\x02cos\nenviron\nVPATH\nV/evil\ns.",
        "an entry of the path": b"\x80\x02csys\npath\nV/evil\na.",
        "an extension code": b"\x80\x02\x82\x01.",
        "nested identities": storage + storage + b"V0\nVcpu\nK\x01tQVcpu\nK\x01tQ.",
        "a storage of its own": b"(Vstorage\ncevil\nFloatStorage\nV../../x\nVcpu\nK\x01tQ.",
        "a tensor out of nothing": b"ctorch._utils\n_rebuild_tensor_v2\n(cos\nsystem\nK\x00))tR.",
        "a type of tensor": b"ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\ncos\nsystem\n("
        + text
        + b"t}tR.",
    }


WHOLE = (
    "os.system", "eval", "exec", "a chain of calls", "getattr", "a subprocess", "inst", "obj",
    "stack global", "setstate", "state of a known class",
)  # fmt: skip
"""Those that a careless reader runs to the end, without `evil` and without tensors."""


ATTACKS = list(attacks(Path("x")))


@pytest.mark.parametrize("wrapped", ["bare", "zip", "chain", "beside tensors"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_a_hostile_file_asks_for_happens(attack, wrapped, tmp_path, watched):
    """Nor is anything imported: the audit hook of Python itself is asked."""
    mark, path = tmp_path / "executed", tmp_path / "x.pt"
    program, before = attacks(mark)[attack], (dict(os.environ), list(sys.path))
    if wrapped == "bare":
        path.write_bytes(program if program.startswith(b"\x80") else b"\x80\x02" + program)
    elif wrapped == "chain":
        magic = [pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {})]
        path.write_bytes(b"".join(magic) + program + pickle.dumps([], 2))
    elif wrapped == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", program)
    else:
        _smuggle(program, saved(TENSORS, path))
    with watched() as events:
        found = read_pickle(path).header.shapes
    assert not events and not mark.exists()
    assert (dict(os.environ), list(sys.path)) == before
    expected = TENSORS if wrapped == "beside tensors" else {}
    assert found == {name: tuple(tensor.shape) for name, tensor in expected.items()}


def _smuggle(program: bytes, path: Path) -> None:
    """Before the tensors are built, the program runs and its result is dropped."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    main = next(name for name in members if name.endswith("data.pkl"))
    body = b"".join(
        program[at:end]
        for at, end, name in _opcodes(program)
        if name not in ("PROTO", "FRAME", "STOP")
    )
    members[main] = b"\x80\x04" + body + b"0" + members[main][2:]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _opcodes(program: bytes) -> list[tuple[int, int, str]]:
    """(begin, end, name) of each."""
    found = [(at, opcode.name) for opcode, _, at in pickletools.genops(program)]
    ends = [at for at, _ in found[1:]] + [len(program)]
    return [(at, end, name) for (at, name), end in zip(found, ends, strict=True)]


@pytest.fixture(scope="module")
def watched():
    """`with watched() as events`: what Python imports, compiles, starts and unpickles meanwhile."""
    told: list[list[str]] = []
    for codec in ("cp437", "raw_unicode_escape"):
        "".encode(codec)  # Python imports these by itself, when it first reads such names

    def audit(event: str, args: tuple) -> None:
        if told and event in (
            "import",
            "exec",
            "os.system",
            "subprocess.Popen",
            "pickle.find_class",
        ):
            told[-1].append(f"{event} {args}")

    @contextmanager
    def watching():
        told.append([])
        try:
            yield told[-1]
        finally:
            told.pop()

    sys.addaudithook(audit)  # for the rest of the process: there is no way to take one away
    return watching


def test_the_attacks_are_attacks(tmp_path, watched):
    for name in WHOLE:
        mark = tmp_path / name.replace(" ", "-")
        with watched() as events, suppress(Exception):
            pickle.loads(attacks(mark)[name])
        assert mark.exists() and events, name


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04", "damaged"),
        (b"\x80\x02", "damaged"),
        (b"\x80\x02}", "damaged"),
        (b"\x80\x02(((.", "damaged: it holds nothing"),
        (b"\x80\x02t.", "damaged: TUPLE makes no sense"),
        (b"\x80\x02h\x05.", "BINGET makes no sense"),
        (b"\x80\x02\x8d" + struct.pack("<Q", 2**40) + b"x.", "damaged"),
        (b"\x80\x02L" + b"9" * 10_000 + b"L\n.", "damaged"),
    ],
)
def test_damaged_files_say_so(content, says, tmp_path):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=says):
        read_pickle(tmp_path / "x.pt")


@each_layout
def test_every_cut_is_told_and_no_byte_changed_does_harm(zipped, tmp_path):
    whole = saved(TENSORS, tmp_path / "x.pt", zipped).read_bytes()
    path = tmp_path / "cut.pt"
    for end in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match=r"cut\.pt"):
            read_pickle_header(path)
    for at in range(0, len(whole), 41):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        try:
            read_tensors(path)
        except CheckpointError as error:
            assert str(error).startswith("cut.pt")


def test_places_outside_of_the_file_are_refused(tmp_path):
    """A tensor larger than its storage, one repeated without end, a storage that is not there."""
    path = saved({"x": torch.ones(4)}, tmp_path / "x.pt")
    for old, new in (
        (b"K\x04\x85", b"K\x64\x85"),
        (b"K\x04\x85q\x08K\x01\x85", b"J\xff\xff\xff\x7f\x85q\x08K\x00\x85"),
        (b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x009"),
    ):
        _replaced(path, tmp_path / "bad.pt", old, new)
        with pytest.raises(CheckpointError, match="damaged"):
            read_pickle_header(tmp_path / "bad.pt")


def _replaced(source: Path, target: Path, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith("data.pkl"):
                assert old in content
                content = content.replace(old, new)
            other.writestr(name, content)


def test_a_pickle_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(unpickling, "MAX_BYTES", 1000)
    path = saved({f"layer.{k}.weight": torch.ones(1) for k in range(100)}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="longer than 1,000 bytes"):
        read_pickle(path)


def test_what_holds_only_code_is_refused_by_name(tmp_path):
    path = saved({"x": Calls(os.system, "x")}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"posix\.system.*None of it was run.*save_file"):
        read_pickle_header(path)
    path = saved(OrderedDict(epoch=1), tmp_path / "y.pt")
    with pytest.raises(CheckpointError, match="no named tensors"):
        read_pickle_header(path)
