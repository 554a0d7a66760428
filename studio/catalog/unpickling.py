"""Pickles read as data: tensors are described, containers built, and nothing else happens.

A pickle is a program for a small stack machine that names classes and functions, calls them and
hands objects their state. This machine does not import what is named and calls nothing: of all
names a handful are known, and for these it notes itself what would have been built. Whatever else
a file names, calls or fills becomes `INERT`.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

from studio.catalog.header import TORCH_NAMES

MAX_BYTES = 32 * 2**20
"""Of one pickle, weights apart. Those of SDXL take 1 MB, with a trainer's own books 5 MB."""

_MAX_STEPS = 4_000_000


class Named(NamedTuple):
    """A class or function that the file names; it is not looked for."""

    module: str
    name: str


class Inert:
    """In the place of everything that is neither a tensor nor a plain container."""

    __slots__ = ()


INERT = Inert()


class Storage(NamedTuple):
    """Numbers somewhere in the file. `dtype` as in `header.BITS`, "" where each tensor says it;
    `count` numbers, bytes where `dtype` is ""."""

    dtype: str
    key: str
    count: int


class Described(NamedTuple):
    """A tensor: where it begins in its storage, and its steps, in numbers."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Parameters(dict):
    """A ParameterDict, whose tensors arrive with its state."""


class Unpickled(NamedTuple):
    """value     what was pickled
    foreign   names that the file would have called and that are not known, each once
    storages  key -> every storage it mentions
    """

    value: Any
    foreign: tuple[str, ...]
    storages: dict[str, Storage]


def unpickle(file: BinaryIO) -> Unpickled:
    """One pickle, from where `file` stands, which then stands behind it. Raises ValueError for a
    damaged or monstrous one."""
    machine = _Machine()
    for step, (opcode, arg, _) in enumerate(pickletools.genops(_Bounded(file))):
        if step >= _MAX_STEPS:
            raise ValueError("it goes on without end")
        if opcode.name == "STOP":
            break
        try:
            machine.do(opcode.name, arg)
        except (IndexError, KeyError, TypeError) as error:
            raise ValueError(f"{opcode.name} makes no sense there") from error
    if not machine.stack:
        raise ValueError("it holds nothing")
    return Unpickled(machine.stack[-1], tuple(machine.foreign), machine.storages)


class _Bounded:
    """At most MAX_BYTES of a file, read from where it stands."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, MAX_BYTES

    def read(self, count: int) -> bytes:
        return self._taken(self._file.read(min(count, self._left + 1)))

    def readline(self) -> bytes:
        return self._taken(self._file.readline(self._left + 1))

    def _taken(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it is longer than {MAX_BYTES:,} bytes before its weights")
        return data


_PLAIN = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
))  # fmt: skip
"""Opcodes that push their argument."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NOTHING = frozenset(("PROTO", "FRAME", "READONLY_BUFFER"))


class _Machine:
    """stack     what lies above the last mark
    foreign   names that were called without being known, in order, each once
    storages  as in `Unpickled`
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.foreign: dict[str, None] = {}
        self.storages: dict[str, Storage] = {}
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def do(self, opcode: str, arg: Any) -> None:
        """Raises IndexError, KeyError or TypeError where it makes no sense."""
        if opcode in _PLAIN:
            self.stack.append(arg)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            self.stack.append(_EMPTY[opcode]())
        elif opcode not in _NOTHING:
            getattr(self, f"_{opcode.lower()}", self._unknown)(arg)

    def _unknown(self, _: Any) -> None:
        """Extension codes and buffers of the reading program's own."""
        self.stack.append(INERT)

    def _marked(self) -> list[Any]:
        """What was pushed since the last mark, taken away."""
        items, self.stack = self.stack, self._below.pop()
        return items

    def _mark(self, _: Any) -> None:
        self._below.append(self.stack)
        self.stack = []

    def _pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, number: int) -> None:
        self._memo[number] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def _get(self, number: int) -> None:
        self.stack.append(self._memo[number])

    _binget = _long_binget = _get

    def _tuple(self, _: Any) -> None:
        items = tuple(self._marked())
        self.stack.append(items)

    _frozenset = _tuple

    def _last(self, count: int) -> list[Any]:
        """The last `count` objects, taken away."""
        if len(self.stack) < count:
            raise IndexError(count)
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def _tuple1(self, _: Any) -> None:
        self.stack.append(tuple(self._last(1)))

    def _tuple2(self, _: Any) -> None:
        self.stack.append(tuple(self._last(2)))

    def _tuple3(self, _: Any) -> None:
        self.stack.append(tuple(self._last(3)))

    def _list(self, _: Any) -> None:
        items = self._marked()
        self.stack.append(items)

    def _dict(self, _: Any) -> None:
        mapping: dict = {}
        _fill(mapping, self._marked())
        self.stack.append(mapping)

    def _append(self, _: Any) -> None:
        item = self.stack.pop()
        if isinstance(self.stack[-1], list):
            self.stack[-1].append(item)

    def _appends(self, _: Any) -> None:
        items = self._marked()
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    _additems = _appends

    def _setitem(self, _: Any) -> None:
        pair = self._last(2)
        _fill(self.stack[-1], pair)

    def _setitems(self, _: Any) -> None:
        items = self._marked()
        _fill(self.stack[-1], items)

    def _global(self, arg: str) -> None:
        self.stack.append(Named(*arg.split(" ", 1)))

    def _stack_global(self, _: Any) -> None:
        module, name = self._last(2)
        self.stack.append(Named(str(module), str(name)))

    def _persid(self, _: Any) -> None:
        self.stack.append(INERT)

    def _binpersid(self, _: Any) -> None:
        storage = _stored(self.stack.pop())
        if isinstance(storage, Storage):
            self.storages[storage.key] = storage
        self.stack.append(storage)

    def _reduce(self, _: Any) -> None:
        function, args = self._last(2)
        self.stack.append(self._result(function, args))

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        cls, args, _ = self._last(3)
        self.stack.append(self._result(cls, args))

    def _inst(self, arg: str) -> None:
        args = tuple(self._marked())
        self.stack.append(self._result(Named(*arg.split(" ", 1)), args))

    def _obj(self, _: Any) -> None:
        cls, *args = self._marked()
        self.stack.append(self._result(cls, tuple(args)))

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], _Parameters) and isinstance(state, dict):
            kept = state.get("_parameters")
            self.stack[-1].update(kept if isinstance(kept, dict) else {})

    def _result(self, function: Any, args: Any) -> Any:
        """What a call would give, where that is known here; nothing of the file's is called."""
        if not isinstance(function, Named):
            return INERT
        name = ".".join(function)
        if name not in _KNOWN:
            self.foreign.setdefault(name[:80])
            return INERT
        return _KNOWN[name](*args) if isinstance(args, tuple) else INERT


_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}


def _fill(into: Any, items: list[Any]) -> None:
    """Keys that are no plain text or number are left out: nothing looks for them."""
    if isinstance(into, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, (str, int)):
                into[key] = value


_STORAGES = {
    "HalfStorage": "F16", "BFloat16Storage": "BF16", "FloatStorage": "F32", "DoubleStorage": "F64",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "UntypedStorage": "",
}  # fmt: skip
_DTYPES = {name: dtype for dtype, name in TORCH_NAMES.items()}


def _stored(identity: Any) -> Any:
    """What PyTorch means by a persistent identity: a storage, or the class of a module, which
    older files name with its source code."""
    if not isinstance(identity, tuple) or len(identity) < 2:
        return INERT
    if identity[0] == "module":
        return identity[1]
    if identity[0] != "storage" or len(identity) < 5:
        return INERT
    cls, key, _, count = identity[1:5]
    known = isinstance(cls, Named) and cls.name in _STORAGES
    if not known or not isinstance(key, str) or not _are_counts((count,)):
        return INERT
    return Storage(_STORAGES[cls.name], key, count)


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *more: Any) -> Any:
    """`_rebuild_tensor_v2` and `_v3`: the latter names the number format last but one."""
    if not isinstance(storage, Storage) or not isinstance(shape, tuple):
        return INERT
    if not isinstance(stride, tuple) or len(shape) != len(stride):
        return INERT
    if not _are_counts((offset, *shape, *stride)):
        return INERT
    named = next((each.name for each in more if isinstance(each, Named)), "")
    dtype = storage.dtype or _DTYPES.get(named, "")
    return Described(storage, dtype, offset, shape, stride) if dtype else INERT


def _are_counts(numbers: tuple[Any, ...]) -> bool:
    return all(type(number) is int and 0 <= number < 2**62 for number in numbers)


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _subclass(function: Any, cls: Any, args: Any, *_: Any) -> Any:
    """A tensor with attributes of its own."""
    if not isinstance(function, Named) or not isinstance(args, tuple):
        return INERT
    rebuild = _TENSORS.get(".".join(function))
    return rebuild(*args) if rebuild else INERT


def _pairs(*args: Any) -> dict:
    mapping: dict = {}
    if args and isinstance(args[-1], dict):
        mapping.update(args[-1])
    elif args and isinstance(args[-1], (list, tuple)):
        for pair in args[-1]:
            if isinstance(pair, (list, tuple)) and len(pair) == 2:
                _fill(mapping, list(pair))
    return mapping


def _reconstructed(cls: Any = None, *_: Any) -> Any:
    is_known = isinstance(cls, Named) and ".".join(cls) == _PARAMETER_DICT
    return _Parameters() if is_known else INERT


_PARAMETER_DICT = "torch.nn.modules.container.ParameterDict"
_TENSORS: Mapping[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
}
_KNOWN: Mapping[str, Callable[..., Any]] = {
    **_TENSORS,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch.Size": lambda *args: tuple(args[0]) if args and isinstance(args[0], tuple) else (),
    "collections.OrderedDict": _pairs,
    "collections.defaultdict": _pairs,
    "builtins.dict": _pairs,
    "__builtin__.dict": _pairs,
    "builtins.set": lambda *_: INERT,
    "__builtin__.set": lambda *_: INERT,
    _PARAMETER_DICT: lambda *_: _Parameters(),
    "copyreg._reconstructor": _reconstructed,
    "copy_reg._reconstructor": _reconstructed,
}
"""What a file may name -> what is noted in its place. All of it is defined here."""
