"""Data sets of images, by name: digits, MedMNIST files, CIFAR in its binary format, folders of images, any ``.npz``.

Nothing is downloaded.  The test split is never used for training or choosing, and what has no validation split of its
own gives up a fifth of its training images, the same ones every time.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import stream

if TYPE_CHECKING:
    from PIL.Image import Image

HELP = (
    "digits; cifar10:DIR or cifar100:DIR (the published binary version); the path of an .npz file (MedMNIST's, or with "
    "arrays images and labels); or the path of a folder with one folder of images per class"
)
VALIDATION, TEST = 0.2, 0.2  # of all images, where a data set brings no split of its own
PARTS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
"""Of a folder that is split already, and what each may be called."""
FEW = 4  # as many channels has an axis that can be nothing else
MOST_CLASSES = 1_000_000
LARGEST = 1e18  # whose square is still a number in single precision
APART = 20.0  # times as large values in one split as in training: two scales
SIDE = 32  # to which images of a folder are scaled where their sizes differ


@dataclass(frozen=True)
class Split:
    """Images ``[n, c, h, w]`` in the type of their file, and classes ``int64[n]``."""

    images: npt.NDArray[Any]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """A data set of images with one class each.

    Attributes:
        name: short, as in tasks and tables.
        train: to learn from.
        validation: what a search sees.
        test: what a report shows.
        classes: how many there are.
        about: how it was split, in words.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int
    about: str

    @property
    def inputs(self) -> int:
        """Channels of an image."""
        return int(self.train.images.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hexadecimal) of all images and labels."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for array in (split.images, split.labels):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def load(name: str = "digits") -> Data:
    """A data set by name, see ``HELP``.

    Raises:
        UserError: an unknown name, or a file that is missing, damaged, or not of the form it should have.
    """
    if name == "digits":
        return digits()
    family, colon, place = name.partition(":")
    if colon and place and family in FAMILIES:
        return FAMILIES[family](Path(place))
    path = Path(name)
    if path.suffix == ".npz":
        return npz(path)
    if name and path.is_dir():
        return folder(path)
    raise UserError(f"no data set {name!r}; --data takes {HELP}")


def digits() -> Data:
    """1,797 images of handwritten digits, 8 x 8, which come with scikit-learn (Alpaydin and Kaynak 1998, UCI)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UserError("the digits need scikit-learn: pip install 'nasbench-sim[real]'") from error
    found = load_digits()
    images = found.images.astype(np.uint8)[:, None]
    return _split("digits", images, found.target.astype(np.int64), "of scikit-learn's digits", shuffled=True)


def npz(path: Path) -> Data:
    """A file of MedMNIST (``train_images``, ``val_images``, ...), of Keras (``x_train``, ...) or of one's own.

    Raises:
        UserError: missing, damaged, with pickled objects, without the arrays, or with several labels an image.
    """
    try:
        # Opened here, since numpy leaves a file open that it cannot read.
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise UserError(f"there is no data file {path}") from error
    except (OSError, ValueError, KeyError, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise UserError(f"cannot read {path}: {error.strerror}") from error
        raise UserError(f"{path} cannot be read as .npz without pickled objects: it is damaged or unsafe") from error
    except Exception as error:  # zipfile and zlib have errors of their own
        raise UserError(f"{path} is damaged ({type(error).__name__}): get it again") from error
    for keys in (
        {"train": ("train_images", "train_labels"), "val": ("val_images", "val_labels"),
         "test": ("test_images", "test_labels")},
        {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")},
        {"all": ("images", "labels")},
    ):  # fmt: skip
        if all(key in arrays for pair in keys.values() for key in pair):
            return _from_parts(path, {part: (arrays[a], arrays[b]) for part, (a, b) in keys.items()})
    raise UserError(
        f"{path} holds {', '.join(arrays) or 'nothing'}: it needs images and labels, or MedMNIST's train_images, "
        "train_labels, val_images, ..."
    )


def _from_parts(path: Path, parts: Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> Data:
    splits = {part: Split(_images(path, images), _labels(path, labels, len(images)))
              for part, (images, labels) in parts.items()}  # fmt: skip
    name = path.stem
    if "all" in splits:
        return _split(name, splits["all"].images, splits["all"].labels, f"of {path.name}", shuffled=True)
    return _given(name, splits, "as its publisher split it", path)


def cifar(path: Path, classes: int) -> Data:
    """CIFAR-10 or CIFAR-100 in the binary version of its publisher; the Python version is pickled and not read.

    Raises:
        UserError: files missing, or not of the published length.
    """
    name = f"cifar{classes}"
    parts = (
        ([f"data_batch_{number}.bin" for number in range(1, 6)], ["test_batch.bin"], 1)
        if classes == 10
        else (["train.bin"], ["test.bin"], 2)
    )
    train, test = (Split(*_joined([_records(path / file, parts[2], classes) for file in files])) for files in parts[:2])
    train, validation = _held_out(name, train)
    return _checked(name, train, validation, test, "a fifth of its training images validate", path, classes)


def _records(path: Path, labels: int, classes: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Records of labels (the last one counts) and 3 x 32 x 32 bytes."""
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        hint = f"; download the binary version of CIFAR-{classes} (cifar-{classes}-binary.tar.gz) and unpack it there"
        raise UserError(f"cannot read {path}: {error.strerror}{hint}") from error
    length = labels + 3 * 32 * 32
    if not len(content) or len(content) % length:
        raise UserError(f"{path} is not of CIFAR's binary version: its length is no multiple of {length} bytes")
    records = content.reshape(-1, length)
    if records[:, labels - 1].max() >= classes:
        raise UserError(f"{path} holds a label of {records[:, labels - 1].max()}: it is not of CIFAR-{classes}")
    return records[:, labels:].reshape(-1, 3, 32, 32), records[:, labels - 1].astype(np.int64)


def _joined(parts: list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]) -> tuple[Any, Any]:
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def folder(path: Path) -> Data:
    """A folder per class, or ``train``, ``test`` and perhaps ``val`` with a folder per class each.

    Images are read as RGB, or as grey where all are; where their sizes differ they are scaled to 32 x 32.

    Raises:
        UserError: no classes, one that a split lacks images of, an unreadable image, or Pillow is missing.
    """
    inside = sorted(_folders(path))
    found = {part: [name for name in inside if name.lower() in names] for part, names in PARTS.items()}
    twice = next((names for names in found.values() if len(names) > 1), [])
    parts = {part: names[0] for part, names in found.items() if names}
    if "train" not in parts or (len(parts) == 1 and len(inside) > 1):  # train is the name of a class, too
        files, labels = _files(path, _classes(path))
        return _split(path.name, _loaded(files), labels, f"of the folder {path.name}", shuffled=True)
    if "test" not in parts:
        raise UserError(f"{path} has a folder train and none called test: it needs both, or neither")
    if twice:
        raise UserError(f"{path} has folders {' and '.join(twice)}, which are one split: leave one of them")
    others = sorted(set(inside) - set(parts.values()))
    if others:
        raise UserError(f"{path / others[0]} is neither train, val nor test, which lie beside it: move it elsewhere")
    classes = _classes(path / parts["train"])
    for name in parts.values():
        more = sorted(_folders(path / name) - set(classes))
        if more:
            raise UserError(f"{path / name / more[0]} is a class that {path / parts['train']} has no folder of")
    read = {part: _files(path / name, classes) for part, name in parts.items()}
    loaded = _loaded([file for files, _ in read.values() for file in files])
    ends = np.cumsum([len(files) for files, _ in read.values()])[:-1]
    splits = {
        part: Split(images, labels)
        for part, images, (_, labels) in zip(read, np.split(loaded, ends), read.values(), strict=True)
    }
    return _given(path.name, splits, "as its folders split it", path)


def _folders(path: Path) -> set[str]:
    """Names of the folders within, without hidden ones, which editors and version control leave behind."""
    try:
        return {one.name for one in path.iterdir() if one.is_dir() and not one.name.startswith(".")}
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _classes(path: Path) -> list[str]:
    found = sorted(_folders(path))
    if len(found) < 2:
        raise UserError(f"{path} holds {len(found)} folders: a data set needs one folder per class, at least two")
    return found


def _files(path: Path, classes: list[str]) -> tuple[list[Path], npt.NDArray[np.int64]]:
    files: list[Path] = []
    labels: list[int] = []
    for number, name in enumerate(classes):
        here = sorted(one for one in (path / name).glob("*") if one.is_file() and not one.name.startswith("."))
        if not here:
            raise UserError(f"{path / name} holds no image")
        files += here
        labels += [number] * len(here)
    return files, np.array(labels, np.int64)


def _loaded(files: list[Path]) -> npt.NDArray[Any]:
    """``[n, c, h, w]``: ``uint8``, or ``float32`` of images with more bits."""
    try:
        from PIL.Image import Resampling
        from PIL.Image import open as opened
    except ImportError as error:
        raise UserError("folders of images need Pillow: pip install 'nasbench-sim[real]'") from error
    images = []
    for file in files:
        try:
            with warnings.catch_warnings(action="ignore"), opened(file) as image:
                images.append(_plain(image))
        except Exception as error:  # Pillow raises many
            if isinstance(error, OSError) and error.errno is not None:
                raise UserError(f"cannot read {file}: {error.strerror}") from error
            how = type(error).__name__
            raise UserError(f"{file} is no image that can be read ({how}): remove it, or convert it to PNG") from error
    modes = {image.mode for image in images}
    if "F" in modes and len(modes) > 1:
        odd = files[next(place for place, image in enumerate(images) if image.mode != "F")]
        raise UserError(f"{odd} has 8 bits a value and other images have more: convert them to one depth")
    for file, plain in zip(files, images, strict=True):
        if plain.mode == "F" and not np.abs(np.asarray(plain)).max() <= LARGEST:
            raise UserError(f"{file} holds a value that is no number, or beyond {LARGEST:g}: mend it, or remove it")
    grey = "RGB" not in modes
    if len({image.size for image in images}) > 1:
        images = [image.resize((SIDE, SIDE), Resampling.BILINEAR) for image in images]
    kind = np.float32 if "F" in modes else np.uint8
    arrays = np.stack([np.asarray(image if grey else image.convert("RGB"), kind) for image in images])
    return arrays[:, None] if grey else arrays.transpose(0, 3, 1, 2)


def _plain(image: Image) -> Image:
    """Grey of up to 8 bits as L, of more as F, which keeps them, and all else as RGB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return (image if image.mode == "F" else image.convert("I")).convert("F")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _images(path: Path, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """``[n, c, h, w]`` from images with channels last, first or without any."""
    if images.dtype.kind not in "uif" or images.ndim not in (3, 4) or 0 in images.shape:
        raise UserError(f"{path}: images are numbers [n, h, w] or [n, h, w, c], not {images.dtype}{list(images.shape)}")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise UserError(f"{path}: an image holds a value that is no number")
    if _largest(images) > LARGEST:
        raise UserError(f"{path}: an image holds a value beyond {LARGEST:g}: scale the images")
    if images.ndim == 3:
        return images[:, None]
    return images.transpose(0, 3, 1, 2) if _channels_last(path, images.shape) else images


def _largest(images: npt.NDArray[Any]) -> float:
    return max(abs(float(images.min())), abs(float(images.max())))


def _channels_last(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether the last axis is that of the channels: the one that is short, or shorter than both others."""
    _, first, middle, last = shape
    if last <= FEW or first <= FEW:
        return last <= FEW
    if last < min(first, middle) or first < min(middle, last):
        return last < first
    raise UserError(
        f"{path}: which axis of images {list(shape)} holds the channels cannot be told, and volumes are no images: "
        "store [n, h, w] or [n, h, w, c]"
    )


def _labels(path: Path, labels: npt.NDArray[Any], n: int) -> npt.NDArray[np.int64]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(f"{path}: labels are one class an image, [n] or [n, 1], not {list(labels.shape)}")
    if len(labels) != n:
        raise UserError(f"{path}: there are {n} images and {len(labels)} labels")
    if labels.dtype.kind not in "ui":
        raise UserError(f"{path}: labels are whole numbers, not {labels.dtype}")
    if labels.min() < 0 or labels.max() > MOST_CLASSES:
        raise UserError(f"{path}: labels are classes counted from 0, not {labels.min()} to {labels.max()}")
    return labels.astype(np.int64)


def _split(name: str, images: npt.NDArray[Any], labels: npt.NDArray[np.int64], of: str, shuffled: bool) -> Data:
    """Three fifths, a fifth and a fifth."""
    order = stream(0, "split", name).permutation(len(labels)) if shuffled else np.arange(len(labels))
    tests, validations = int(TEST * len(order)), int(VALIDATION * len(order))
    parts = np.split(order, [tests, tests + validations])
    test, validation, train = (Split(images[np.sort(part)], labels[np.sort(part)]) for part in parts)
    return _checked(name, train, validation, test, f"three fifths, a fifth and a fifth {of}", Path(name))


def _held_out(name: str, train: Split) -> tuple[Split, Split]:
    order = stream(0, "split", name).permutation(len(train))
    held = np.sort(order[: int(VALIDATION * len(order))])
    kept = np.sort(order[len(held) :])
    return Split(train.images[kept], train.labels[kept]), Split(train.images[held], train.labels[held])


def _checked(
    name: str, train: Split, validation: Split, test: Split, about: str, path: Path, classes: int | None = None
) -> Data:
    """The data set, unless its splits do not go together; ``classes`` where their number is published."""
    splits = (train, validation, test)
    if min(map(len, splits)) == 0:
        raise UserError(f"{path}: {min(map(len, splits))} images are left for one of the splits; it needs more images")
    if len({split.images.shape[1:] for split in splits}) > 1:
        raise UserError(f"{path}: training, validation and test images differ in shape")
    return Data(name, train, validation, test, classes or _count_classes(path, splits), about)


def _count_classes(path: Path, splits: tuple[Split, ...]) -> int:
    """How many classes there are; they are numbered from 0, and few numbers are left out."""
    labels = np.unique(np.concatenate([split.labels for split in splits]))
    classes = int(labels[-1]) + 1
    if labels[0] > 0 or classes > 2 * len(labels):
        raise UserError(
            f"{path}: {len(labels)} classes are numbered {labels[0]} to {labels[-1]}: "
            f"number them 0 to {len(labels) - 1}"
        )
    if len(np.unique(splits[0].labels)) < 2:
        raise UserError(f"{path}: its training images show one class, and there is nothing to tell apart")
    return classes


def _given(name: str, splits: Mapping[str, Split], about: str, path: Path) -> Data:
    """Of the splits that a data set brings: train and test, and perhaps val."""
    _check_given(path, splits)
    if "val" in splits:
        return _checked(name, splits["train"], splits["val"], splits["test"], about, path)
    train, validation = _held_out(name, splits["train"])
    return _checked(name, train, validation, splits["test"], "a fifth of its training images validate", path)


def _check_given(path: Path, splits: Mapping[str, Split]) -> None:
    """Whether splits that a data set brings go together: the same classes, and values on one scale.

    Raises:
        UserError: they do not.
    """
    shown = set(splits["train"].labels.tolist())
    sizes = {part: float(np.abs(split.images.astype(np.float32)).mean()) for part, split in splits.items()}
    for part, split in splits.items():
        unseen = sorted(set(split.labels.tolist()) - shown)
        if unseen:
            raise UserError(f"{path}: class {unseen[0]} is in {part} and no training image shows it: leave it out")
        if not sizes["train"] / APART <= sizes[part] <= sizes["train"] * APART:
            raise UserError(
                f"{path}: values of {part} images are {sizes[part]:.3g} in the mean, and those of training images "
                f"{sizes['train']:.3g}: bring them to one scale"
            )


FAMILIES: Mapping[str, Callable[[Path], Data]] = {
    "cifar10": lambda path: cifar(path, 10),
    "cifar100": lambda path: cifar(path, 100),
}
