"""ImageNet weights: hash, no code from files, no fallback."""

import os
import urllib.error
import urllib.request

import pytest
import torch

from balent.data import weights
from balent.data.weights import WEIGHTS, Weights, fetch_weights
from balent.errors import ConfigError, DataError
from balent.files import load_tensors, save_tensors, sha256_file
from balent.models.torchvision_ops import import_torchvision


def state():
    generator = torch.Generator().manual_seed(0)
    return {
        "conv1.weight": torch.randn(4, 3, 7, 7, generator=generator),
        "bn1.num_batches_tracked": torch.tensor(7),
        "fc.weight": torch.randn(1000, 512, generator=generator),
    }


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Put an object into a .pth under torchvision's naming and make it the known ResNet-18."""

    def put(value):
        folder = tmp_path / "server"
        folder.mkdir(exist_ok=True)
        torch.save(value, folder / "new.pth")
        path = folder / f"resnet18-{sha256_file(folder / 'new.pth')[:8]}.pth"
        os.replace(folder / "new.pth", path)
        monkeypatch.setitem(weights.WEIGHTS, "resnet18", Weights(path.as_uri(), 512))
        return path

    return put


def check(path):
    got = load_tensors(path)
    assert got.keys() == state().keys()
    for name, tensor in state().items():
        assert torch.equal(got[name], tensor)


def test_downloaded_weights_become_safetensors(publish, tmp_path):
    publish(state())
    fetch_weights("resnet18", tmp_path / "raw" / "w.safetensors")
    check(tmp_path / "raw" / "w.safetensors")
    assert [p.name for p in (tmp_path / "raw").iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize("theirs", [False, True])
def test_weights_from_a_mirror_need_no_network(publish, tmp_path, monkeypatch, theirs):
    path = publish(state())
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    os.replace(path, mirror / (path.name if theirs else "resnet18.pth"))
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a: pytest.fail("network"))
    fetch_weights("resnet18", tmp_path / "w.safetensors", mirror)
    check(tmp_path / "w.safetensors")


def test_a_mirrors_safetensors_are_taken(tmp_path):
    save_tensors(tmp_path / "resnet18.safetensors", state())
    fetch_weights("resnet18", tmp_path / "w.safetensors", tmp_path)
    check(tmp_path / "w.safetensors")


def test_weights_of_another_network_are_refused(tmp_path):
    save_tensors(tmp_path / "resnet50.safetensors", state())
    with pytest.raises(DataError, match=r"fc\.weight has shape \(1000, 512\), but resnet50's"):
        fetch_weights("resnet50", tmp_path / "w.safetensors", tmp_path)
    save_tensors(tmp_path / "resnet18.safetensors", {"weight": torch.zeros(2)})
    with pytest.raises(DataError, match=r"fc\.weight has shape None"):
        fetch_weights("resnet18", tmp_path / "w.safetensors", tmp_path)


def test_a_file_with_another_hash_is_refused(publish, tmp_path):
    path = publish(state())
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"sha256 .* is not the recorded"):
        fetch_weights("resnet18", tmp_path / "w.safetensors")
    assert not (tmp_path / "w.safetensors").exists()


class Trap:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_code_in_a_file_does_not_run(publish, tmp_path):
    marker = tmp_path / "ran"
    publish({"fc.weight": Trap(marker)})  # with a valid hash: the reader itself must refuse
    with pytest.raises(DataError, match="holds more than tensors") as caught:
        fetch_weights("resnet18", tmp_path / "w.safetensors")
    assert "\n" not in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize("value", [[torch.zeros(2)], {"fc.weight": 3}])
def test_something_else_than_a_state_dict_is_refused(publish, tmp_path, value):
    publish(value)
    with pytest.raises(DataError, match="is not a state dict"):
        fetch_weights("resnet18", tmp_path / "w.safetensors")


def test_without_network_there_are_no_weights(tmp_path, monkeypatch):
    def urlopen(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(
        DataError, match=r"no route to host.*two ways to provide them: put resnet50"
    ):
        fetch_weights("resnet50", tmp_path / "raw" / "w.safetensors")
    assert list((tmp_path / "raw").iterdir()) == []


def test_an_unknown_network_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"'vgg' \(known: resnet18, resnet50\)"):
        fetch_weights("vgg", tmp_path / "w.safetensors")


def test_addresses_are_torchvisions():
    models = import_torchvision().models
    assert WEIGHTS["resnet18"].url == models.ResNet18_Weights.IMAGENET1K_V1.url
    assert WEIGHTS["resnet50"].url == models.ResNet50_Weights.IMAGENET1K_V1.url
    assert (WEIGHTS["resnet18"].sha256, WEIGHTS["resnet50"].sha256) == ("f37072fd", "0676ba61")
