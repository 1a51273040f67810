"""The packages that ship: those that requirements.txt pins, by their hashes, for Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalice.deploy.packager import PipRunner, SubprocessPip

from infra.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Sequence

MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
"""The machine in the tags of wheels, by `lambda_architecture`."""


def tags(architecture: str, python: str) -> list[str]:
    """Return the platform tags of the wheels that a runtime can load, the newest first.

    Args:
        architecture: `x86_64` or `arm64`.
        python: the version of Python, such as `3.12`. Up to 3.11 the runtime is Amazon Linux 2
            with glibc 2.26, then Amazon Linux 2023 with 2.34
            (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html).
    """
    machine = MACHINES[architecture]
    newest = 26 if python in ("3.10", "3.11") else 34
    # pip takes each tag as it is: it does not know that an older glibc will do (PEP 600).
    since_2014 = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 16, -1)]
    return [*since_2014, f"manylinux2014_{machine}"]


class PinnedPip(PipRunner):
    """A pip for Chalice that fetches the pinned wheels for Lambda and no others.

    Chalice's own fetches wheels for the machine it runs on, then those for Lambda by name and
    version alone, with no hash checked, and leaves out the packages that it has not found.

    Args:
        architecture: `x86_64` or `arm64`.
        python: the version of the runtime's Python, such as `3.12`.
    """

    def __init__(self, architecture: str, python: str) -> None:
        super().__init__(SubprocessPip())
        self._target = f"Python {python} on {architecture}"
        self._options = ["--implementation", "cp", "--python-version", python]
        for tag in tags(architecture, python):
            self._options += ["--platform", tag]

    def download_all_dependencies(self, requirements_filename: str, directory: str) -> None:
        """Fetch the wheel of each line of a requirements.txt.

        Raises:
            DeployError: a package has no such wheel, or its hash is another one.
        """
        which = ["--requirement", requirements_filename, "--require-hashes", "--no-deps"]
        where = ["--only-binary=:all:", "--dest", directory, "--quiet"]
        code, _, errors = self._execute("download", [*which, *where, *self._options])
        if code:
            raise DeployError(
                f"What requirements.txt pins can't be fetched for {self._target}:\n"
                f"{errors.decode().strip()}"
            )

    def download_manylinux_wheels(
        self,
        abi: str,  # noqa: ARG002
        packages: Sequence[str],
        directory: str,  # noqa: ARG002
        platforms: Sequence[str] | None = None,  # noqa: ARG002
    ) -> None:
        """Refuse packages whose wheels Chalice does not take, since it would go on without them.

        Raises:
            DeployError: naming them.
        """
        if packages:
            raise DeployError(
                f"Chalice takes no wheel that pip has found of {', '.join(packages)} for"
                f" {self._target}: pin a version in requirements.in whose wheel it takes."
            )
