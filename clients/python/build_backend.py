"""Builds the package from a checkout: with the generated code inside, and in a temporary folder, so that the checkout stays as it is."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from setuptools import build_meta

HERE = Path(__file__).resolve().parent
OWN = ("onar_client", "README.md", "LICENSE", "pyproject.toml", "build_backend.py")
#: In a checkout; what comes from there as a source distribution has it beside.
GENERATED = [HERE / "onar", HERE.parent.parent / "gen/python/onar"]


@contextmanager
def _staged():
    generated = next((path for path in GENERATED if path.is_dir()), None)
    if generated is None:
        raise RuntimeError("the generated code is missing: build this in a checkout of Onar, which has it in gen/python")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    with tempfile.TemporaryDirectory() as folder:
        for name in OWN:
            path = HERE / name
            if path.is_dir():
                shutil.copytree(path, Path(folder, name), ignore=ignored)
            else:
                shutil.copy(path, folder)
        shutil.copytree(generated, Path(folder, "onar"), ignore=ignored)
        before = os.getcwd()
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    wheel_directory = os.path.abspath(wheel_directory)
    with _staged():
        return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    sdist_directory = os.path.abspath(sdist_directory)
    with _staged():
        return build_meta.build_sdist(sdist_directory, config_settings)
