"""torchvision imports beside this torch, silently; where it needs no help it gets none."""

import subprocess
import sys

IMPORT = """
import warnings
warnings.simplefilter("error")
from balent.models import torchvision_ops
{before}
torchvision = torchvision_ops.import_torchvision()
assert torchvision is torchvision_ops.import_torchvision()
torchvision.datasets.MNIST, torchvision.models.resnet18
import torch
{after}
"""


def run(before="", after=""):
    code = IMPORT.format(before=before, after=after)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_torchvision_imports_without_a_word():
    done = run(after="torch.ops.torchvision.nms, torch.ops.torchvision.qnms")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_where_the_extension_loads_nothing_is_declared():
    """A CUDA build is imitated: its extension declares the operators, and they are left alone."""
    before = """
import torch
loaded = torch.library.Library("torchvision", "DEF")
def load(folders):
    for schema in torchvision_ops.SCHEMAS:
        loaded.define(schema)
    return True
torchvision_ops._load_extension = load
"""
    done = run(before, "assert not torchvision_ops._declared")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
