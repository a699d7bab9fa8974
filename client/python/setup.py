"""Builds the extension against an installed libsluice, which pkg-config finds."""

import glob
import shlex
import subprocess

from setuptools import Extension, setup


def flags(*what):
    done = subprocess.run(["pkg-config", *what, "sluice"], stdout=subprocess.PIPE, text=True,
                          check=True)
    return shlex.split(done.stdout)


setup(
    ext_modules=[Extension(
        "sluice._sluice", sources=sorted(glob.glob("src/*.c")), depends=glob.glob("src/*.h"),
        define_macros=[("Py_LIMITED_API", "0x030b0000")], py_limited_api=True,
        extra_compile_args=flags("--cflags"), extra_link_args=flags("--libs"))],
    options={"bdist_wheel": {"py_limited_api": "cp311"}})
