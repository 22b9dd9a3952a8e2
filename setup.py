"""The directory map: verification/ and deep/ install as subpackages of tabular_marl."""

from setuptools import find_packages, setup

MAPPED = ("verification", "deep")

setup(
    packages=find_packages(include=["tabular_marl", "tabular_marl.*"])
    + [
        f"tabular_marl.{name}{suffix}"
        for name in MAPPED
        for suffix in ["", *(f".{package}" for package in find_packages(name))]
    ],
    package_dir={f"tabular_marl.{name}": name for name in MAPPED},
)
