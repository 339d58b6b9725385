"""Data sets by name, and what is wrong with the files of some."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `real`")

from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from nasbench_sim.errors import UserError
from nasbench_sim.real.data import load
from nasbench_sim.real.device import device
from nasbench_sim.real.feeding import feed
from nasbench_sim.real.metrics import auc, metrics


def medmnist(path, n=20, channels=3, classes=2, **changes):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", n), ("val", 6), ("test", 8)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, 28, 28, channels)).astype(np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % classes).astype(np.uint8)[:, None]
    np.savez(path, **(arrays | changes))
    return str(path)


def cifar10(folder, records=10):
    rng = np.random.default_rng(0)
    for name in [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]:
        content = rng.integers(0, 256, (records, 3073)).astype(np.uint8)
        content[:, 0] = np.arange(records) % 10
        (folder / name).write_bytes(content.tobytes())
    return f"cifar10:{folder}"


def test_digits_are_split_the_same_way_every_time_without_overlap():
    one, other = load("digits"), load("digits")
    assert one.fingerprint == other.fingerprint
    assert (len(one.train), len(one.validation), len(one.test)) == (1079, 359, 359)
    assert one.classes == 10
    assert one.train.images.shape[1:] == (1, 8, 8)
    from sklearn.datasets import load_digits

    every = np.concatenate([split.images for split in (one.train, one.validation, one.test)]).reshape(1797, -1)
    assert sorted(map(bytes, every)) == sorted(map(bytes, load_digits().data.astype(np.uint8)))
    assert min(np.bincount(one.test.labels)) > 20


def test_medmnist_keeps_its_publishers_split(tmp_path):
    found = load(medmnist(tmp_path / "someMNIST.npz"))
    assert (found.name, found.classes, found.inputs) == ("someMNIST", 2, 3)
    assert [len(split) for split in (found.train, found.validation, found.test)] == [20, 6, 8]
    assert found.train.images.shape == (20, 3, 28, 28)


def test_published_medical_images_are_read(data):
    found = load(str(data("breastmnist.npz")))
    assert [len(split) for split in (found.train, found.validation, found.test)] == [546, 78, 156]
    assert (found.classes, found.inputs) == (2, 1)


def test_cifar_comes_in_its_binary_version(tmp_path):
    found = load(cifar10(tmp_path))
    assert [len(split) for split in (found.train, found.validation, found.test)] == [40, 10, 10]
    first = np.fromfile(tmp_path / "test_batch.bin", np.uint8)[1:3073].reshape(3, 32, 32)
    assert (found.test.images[0] == first).all()
    fine = np.zeros((10, 3074), np.uint8)
    fine[:, 0], fine[:, 1] = 7, np.arange(90, 100)
    fine[0, 1] = 99
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(np.repeat(fine, 5, axis=0).tobytes())
    assert load(f"cifar100:{tmp_path}").classes == 100


def test_a_folder_per_class_and_own_npz_files(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow reads images")
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(0, 256, (12 + number % 2, 12, 3)).astype(np.uint8)
            image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    found = load(str(tmp_path / "pets"))
    assert found.train.images.shape == (12, 3, 32, 32)
    assert (found.classes, len(found.validation), len(found.test)) == (2, 4, 4)
    np.savez(tmp_path / "own.npz", images=rng.random((50, 9, 9)), labels=np.arange(50) % 3)
    own = load(str(tmp_path / "own.npz"))
    assert own.train.images.shape == (30, 1, 9, 9)
    assert own.classes == 3


def test_images_of_more_than_8_bits_keep_them(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, low in (("one", 1000), ("other", 30_000)):
        (tmp_path / "deep" / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.full((4, 4), low + number, np.uint16)
            image.fromarray(pixels).save(tmp_path / "deep" / name / f"{number}.png")
    found = load(str(tmp_path / "deep"))
    values = np.concatenate([split.images.ravel() for split in (found.train, found.validation, found.test)])
    assert sorted(set(values.tolist())) == [*range(1000, 1010), *range(30_000, 30_010)]
    image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "deep/one/flat.png")
    with pytest.raises(UserError, match=r"flat.png has 8 bits a value and other images have more"):
        load(str(tmp_path / "deep"))


def test_a_copy_of_one_channel_has_the_strides_of_any_other():
    """Those of an axis of length 1 differ between an array and its pickle, and torch's kernels with them."""
    found = load("digits")
    again = pickle.loads(pickle.dumps(found))
    one, other = (feed(data, device("cpu")).train.images for data in (found, again))
    assert one.stride() == other.stride() == (64, 64, 8, 1)


def pickled(path):
    np.savez(path, images=np.array([{"a": 1}], object), labels=np.zeros(1, int))


def broken(path):
    path.write_bytes(b"PK\x03\x04 no archive")


WRONG = {
    "pickled": (pickled, "without pickled objects"),
    "broken": (broken, "damaged|cannot be read"),
    "empty": (lambda path: path.write_bytes(b""), "damaged|cannot be read"),
    "other": (lambda path: np.savez(path, a=1), "needs images and labels"),
    "labels": (lambda path: medmnist(path, train_labels=np.zeros((20, 14), np.uint8)), "one class an image"),
    "short": (lambda path: medmnist(path, train_labels=np.zeros(3, np.uint8)), "20 images and 3 labels"),
    "shape": (lambda path: medmnist(path, val_images=np.full((6, 3, 3, 3), 100, np.uint8)), "differ in shape"),
    "unseen": (
        lambda path: medmnist(path, val_labels=np.full(6, 5, np.uint8)),
        "class 5 is in val and no training image",
    ),
    "from one": (lambda path: own(path, labels=np.arange(20) % 2 + 1), "numbered 1 to 2: number them 0 to 1"),
    "far": (
        lambda path: own(path, labels=np.where(np.arange(20) % 2, 1000, 0)),
        "numbered 0 to 1000: number them 0",
    ),
    "farther": (lambda path: own(path, labels=np.where(np.arange(20) % 2, 10**12, 0)), "not 0 to 1000000000000"),
    "unsigned": (lambda path: own(path, labels=np.full(20, 2**63 + 5, np.uint64)), "not 9223372036854775813"),
    "one class": (lambda path: own(path, labels=np.zeros(20, int)), "nothing to tell apart"),
    "volumes": (lambda path: own(path, images=np.ones((20, 8, 8, 8))), "volumes are no images"),
    "huge": (lambda path: own(path, images=np.full((20, 8, 8), 1e300)), "scale the images"),
    "scales": (lambda path: medmnist(path, val_images=np.full((6, 28, 28, 3), 0.5)), "bring them to one scale"),
}


def own(path, images=None, labels=None):
    images = np.ones((20, 8, 8)) if images is None else images
    np.savez(path, images=images, labels=np.arange(20) % 2 if labels is None else labels)


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_told_in_one_line(what, tmp_path):
    make, message = WRONG[what]
    make(tmp_path / "x.npz")
    with pytest.raises(UserError, match=message) as found:
        load(str(tmp_path / "x.npz"))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((8, 8, 2), 2), ((2, 8, 8), 2), ((8, 8), 1), ((9, 8, 6), 6), ((6, 9, 8), 6), ((3, 8, 2), 2), ((8, 8, 1), 1)],
)
def test_channels_are_the_axis_that_is_short(shape, channels, tmp_path):
    own(tmp_path / "x.npz", images=np.random.default_rng(0).random((20, *shape)))
    found = load(str(tmp_path / "x.npz"))
    assert found.inputs == channels
    assert found.train.images.shape[2:] == tuple(side for side in shape if side != channels)[:2]


def folders(path, *names, count=6):
    image = pytest.importorskip("PIL.Image", reason="Pillow reads images")
    for number, name in enumerate(names):
        (path / name).mkdir(parents=True)
        for place in range(count):
            image.fromarray(np.full((8, 8), 20 * number + place + 50, np.uint8)).save(path / name / f"{place}.png")
    return path


def test_hidden_folders_are_no_classes_and_validation_has_several_names(tmp_path):
    names = ("train/a", "train/b", "Valid/a", "Valid/b", "test/a", "test/b", "train/.ipynb_checkpoints", ".git/x")
    found = load(str(folders(tmp_path / "split", *names)))
    assert (found.classes, len(found.train), len(found.validation), len(found.test)) == (2, 12, 12, 12)
    assert load(str(folders(tmp_path / "flat", "a", "b", ".git", count=10))).classes == 2


def test_a_pixel_that_is_no_number_is_told_with_its_file(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow reads images")
    for name in ("a", "b"):
        (tmp_path / "x" / name).mkdir(parents=True)
        for place in range(6):
            pixels = np.ones((8, 8), np.float32)
            pixels[0, 0] = np.nan if (name, place) == ("b", 3) else 0
            image.fromarray(pixels).save(tmp_path / "x" / name / f"{place}.tiff")
    with pytest.raises(UserError, match=r"3\.tiff holds a value that is no number"):
        load(str(tmp_path / "x"))


def test_a_class_may_be_called_train_and_may_be_rare(tmp_path):
    assert load(str(folders(tmp_path / "voc", "bicycle", "bus", "train"))).classes == 3
    labels = np.arange(400) % 100  # four images each, of which a draw may leave none to train
    own(tmp_path / "many.npz", images=np.ones((400, 8, 8)), labels=labels)
    assert load(str(tmp_path / "many.npz")).classes == 100


def test_a_class_of_one_split_alone_and_a_missing_test_are_told(tmp_path):
    with pytest.raises(UserError, match=r"c is a class that .*train has no folder of"):
        load(str(folders(tmp_path / "more", "train/a", "train/b", "test/a", "test/b", "test/c")))
    with pytest.raises(UserError, match="extra is neither train, val nor test"):
        load(str(folders(tmp_path / "extra", "train/a", "train/b", "test/a", "test/b", "extra/a")))
    with pytest.raises(UserError, match="none called test"):
        load(str(folders(tmp_path / "untested", "train/a", "train/b", "val/a", "val/b")))
    with pytest.raises(UserError, match="val and valid, which are one split"):
        load(str(folders(tmp_path / "twice", "train/a", "train/b", "test/a", "test/b", "val/a", "valid/a")))
    with pytest.raises(UserError, match="no data set ''"):
        load("")


def test_a_wrong_name_or_folder_is_told_in_one_line(tmp_path):
    for name, message in (
        ("imagenet", "no data set 'imagenet'; --data takes"),
        (str(tmp_path / "none.npz"), "there is no data file"),
        (f"cifar10:{tmp_path}", "binary version of CIFAR-10"),
        (str(tmp_path), "one folder per class"),
    ):
        with pytest.raises(UserError, match=message):
            load(name)
    (tmp_path / "data_batch_1.bin").write_bytes(pickle.dumps({"data": 1}))
    with pytest.raises(UserError, match="no multiple of 3073"):
        load(f"cifar10:{tmp_path}")


def test_accuracy_auc_and_loss_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    for classes in (2, 5):
        labels = rng.integers(0, classes, 200)
        logits = rng.standard_normal((200, classes)).round(1)  # with ties
        logits[np.arange(200), labels] += 0.7
        found = metrics(logits, labels)
        probabilities = softmax(logits, axis=1)
        if classes == 2:
            expected = roc_auc_score(labels, probabilities[:, 1])
        else:
            expected = np.mean([roc_auc_score(labels == one, probabilities[:, one]) for one in range(classes)])
        assert found["auc"] == pytest.approx(expected, abs=1e-12)
        assert found["error"] == (logits.argmax(axis=1) != labels).mean()
        assert found["loss"] == pytest.approx(-np.log(probabilities[np.arange(200), labels]).mean())
    assert np.isnan(auc(np.full((3, 2), 0.5), np.zeros(3, np.int64)))
