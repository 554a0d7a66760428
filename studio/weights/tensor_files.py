"""Tensors out of files into host memory, for little more than reading the bytes costs.

What is read is ours: no tensor stays mapped onto its file, so that a file replaced or cut short
under a live model neither changes its pictures nor kills the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch

from studio.catalog.header import TORCH_NAMES, Header, TensorInfo, read_header
from studio.catalog.ncnn_header import is_ncnn, read_ncnn_header
from studio.catalog.pickle_header import SUFFIXES as PICKLES
from studio.catalog.pickle_header import read_pickle_header
from studio.catalog.quantized import Quantization, quantization
from studio.domain.errors import CheckpointError
from studio.domain.files import open_file

GROUP_BYTES = 64 * 2**20
"""Tensors that lie side by side are read together, up to about so many bytes at once: few calls,
yet progress to show, and little memory twice where the number format must be changed."""


Own = Callable[[torch.Tensor, torch.dtype], torch.Tensor]
"""Makes a tensor of ours, in that dtype, out of one whose memory is about to be used again."""


def own(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A plain contiguous copy."""
    return tensor.to(dtype, copy=True)


class TensorFile(Protocol):
    """A file of named tensors.

    shapes    name -> shape
    metadata  strings that its writer left
    """

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]

    def size_bytes(self, names: Iterable[str]) -> int:
        """How much there is to read for these tensors."""

    def read(
        self, names: Iterable[str], dtype: torch.dtype | None, own: Own = own
    ) -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
        """Yields (bytes read, tensors) group by group; floating-point tensors in `dtype`, None as
        they are stored; each made by `own`. Raises `CheckpointError`."""


def open_tensors(path: Path, *more: Path) -> TensorFile:
    """Safetensors, by its suffix an old file of PyTorch's, or one half of ncnn's pair; `more` are
    the other shards of one part. Weights that were quantised with scales beside them come out as
    what they stand for.

    Raises `CheckpointError` if it cannot be used.
    """
    headers = [(each, _read_header(each)) for each in (path, *more)]
    quantised = quantization(headers)
    if quantised.problem:
        raise CheckpointError(f"{path.name} {quantised.problem}")
    files = [TensorsOnDisk(each, header) for each, header in headers]
    file = Shards(files) if more else files[0]
    return Dequantised(file, quantised) if quantised.companions else file


def _read_header(path: Path) -> Header:
    if is_ncnn(path):
        return read_ncnn_header(path)
    is_pickle = path.suffix.lower() in PICKLES
    return read_pickle_header(path) if is_pickle else read_header(path)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All that `open_tensors` finds, as it is stored. Raises `CheckpointError`."""
    file = open_tensors(path)
    groups = (group for _, group in file.read(file.shapes, None))
    return {name: tensor for group in groups for name, tensor in group.items()}


class TensorsOnDisk:
    """A file of which only the header was read, until `read` is called."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._header = header
        self.shapes = header.shapes
        self.metadata = header.metadata

    def size_bytes(self, names: Iterable[str]) -> int:
        return sum(info.end - info.start for info in map(self._header.tensors.get, names))

    def read(
        self, names: Iterable[str], dtype: torch.dtype | None, own: Own = own
    ) -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
        wanted = [(name, self._header.tensors[name]) for name in names]
        wanted.sort(key=lambda item: item[1].start)
        groups = list(_groups(wanted))
        # One piece of memory for all groups: touching fresh memory costs as much as reading.
        space = torch.empty(max(map(_length, groups), default=0), dtype=torch.uint8)
        try:
            with open_file(self.path, buffering=0) as file:
                for group in groups:
                    tensors = self._read_group(file, group, space)
                    yield (
                        _length(group),
                        {
                            name: own(tensor, dtype if _changes(tensor, dtype) else tensor.dtype)
                            for name, tensor in tensors.items()
                        },
                    )
        except OSError as error:
            raise CheckpointError(
                f"{self.path.name} cannot be read: {error.strerror or error}. Check the file."
            ) from None

    def _read_group(
        self, file, group: list[tuple[str, TensorInfo]], buffer: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Views into `buffer`, which is filled anew."""
        begin = group[0][1].start
        space = memoryview(buffer.numpy())[: _length(group)]
        file.seek(self._header.data_offset + begin)
        filled = 0
        while filled < len(space):  # the system reads at most 2 GB at once
            got = file.readinto(space[filled:])
            if not got:
                raise CheckpointError(
                    f"{self.path.name} became shorter while it was read. Copy or download it again."
                )
            filled += got
        return {
            name: _tensor(buffer[info.start - begin : info.end - begin], info, self.path)
            for name, info in group
        }


def _changes(tensor: torch.Tensor, dtype: torch.dtype | None) -> bool:
    return dtype is not None and tensor.is_floating_point() and tensor.dtype != dtype


def _length(group: list[tuple[str, TensorInfo]]) -> int:
    return group[-1][1].end - group[0][1].start


def _groups(wanted: list[tuple[str, TensorInfo]]) -> Iterator[list[tuple[str, TensorInfo]]]:
    """Runs of tensors that follow each other without a gap."""
    group: list[tuple[str, TensorInfo]] = []
    for item in wanted:
        if group:
            full = group[-1][1].end - group[0][1].start >= GROUP_BYTES
            if full or item[1].start != group[-1][1].end:
                yield group
                group = []
        group.append(item)
    if group:
        yield group


def _tensor(raw: torch.Tensor, info: TensorInfo, path: Path) -> torch.Tensor:
    """The bytes `raw` as the tensor that `info` describes."""
    dtype = getattr(torch, TORCH_NAMES.get(info.dtype, ""), None)
    if dtype is None:
        raise CheckpointError(f"{path.name} has numbers of the format {info.dtype}, unknown here.")
    if raw.storage_offset() % dtype.itemsize:
        raw = raw.clone()  # some writers do not align their tensors
    numbers = raw.view(dtype)
    if info.stride is not None:
        return numbers.as_strided(info.shape, info.stride).contiguous()
    return numbers.reshape(info.shape)


class Shards:
    """Several files as one; its path is that of the first."""

    def __init__(self, files: Sequence[TensorsOnDisk]) -> None:
        self.path = files[0].path
        self.metadata = {key: text for file in files for key, text in file.metadata.items()}
        self._file_of = {name: file for file in files for name in file.shapes}
        self.shapes = {name: file.shapes[name] for name, file in self._file_of.items()}

    def _by_file(self, names: Iterable[str]) -> dict[TensorsOnDisk, list[str]]:
        names_of: dict[TensorsOnDisk, list[str]] = {}
        for name in names:
            names_of.setdefault(self._file_of[name], []).append(name)
        return names_of

    def size_bytes(self, names: Iterable[str]) -> int:
        return sum(file.size_bytes(each) for file, each in self._by_file(names).items())

    def read(
        self, names: Iterable[str], dtype: torch.dtype | None, own: Own = own
    ) -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
        for file, each in self._by_file(names).items():
            yield from file.read(each, dtype, own)


class Dequantised:
    """A file whose scaled weights come out multiplied, in float32 before the change to the dtype
    asked for (and in float32 where none is); their companions are not to be seen."""

    def __init__(self, file: TensorsOnDisk | Shards, scaled: Quantization) -> None:
        self.path, self.metadata = file.path, file.metadata
        self.shapes = {n: shape for n, shape in file.shapes.items() if n not in scaled.companions}
        self._file, self._scales = file, scaled.scales

    def size_bytes(self, names: Iterable[str]) -> int:
        return self._file.size_bytes(names)

    def read(
        self, names: Iterable[str], dtype: torch.dtype | None, own: Own = own
    ) -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
        names = list(names)
        yield from self._file.read([n for n in names if n not in self._scales], dtype, own)
        scaled = [name for name in names if name in self._scales]
        wanted = {self._scales[name] for name in scaled}
        scales: dict[str, torch.Tensor] = {}
        for _, group in self._file.read(wanted, torch.float32):
            scales.update(group)
        for size, group in self._file.read(scaled, None, _in_float32):
            for name, tensor in group.items():
                tensor.mul_(_beside(scales[self._scales[name]], tensor))
            yield size, {name: own(t, dtype or torch.float32) for name, t in group.items()}


def _in_float32(tensor: torch.Tensor, _: torch.dtype) -> torch.Tensor:
    return tensor.to(torch.float32, copy=True)


def _beside(scale: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """One number, or one a row, in as many dimensions as the weight has."""
    return scale.reshape(-1, *[1] * (weight.ndim - 1)) if weight.ndim else scale.reshape(())
