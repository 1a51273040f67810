"""Known weaknesses of the packages that are pinned: `python -m infra.audit`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

REQUIREMENTS: Final = Path(__file__).parent.parent / "requirements-dev.txt"
"""Everything that ships is among what is pinned there."""

UNKNOWN: Final = (
    "Nothing was looked up: the database of advisories is not there ({reason}).\n"
    "Run `make audit` again where it can be reached."
)


class Verdict(NamedTuple):
    """The text to print, and whether a weakness is known."""

    text: str
    weak: bool


def judge(report: dict[str, Any]) -> Verdict:
    """Judge a report of pip-audit.

    A package that the database does not know is reported as skipped, and pip-audit is content with
    that even when it is all of them, as behind a mirror; so that is looked at here.
    """
    packages = report["dependencies"]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    weak = [
        f"{one['name']} {one['version']}: {advisory['id']}, mended in"
        f" {', '.join(advisory['fix_versions']) or 'no version yet'}"
        for one in packages
        for advisory in one.get("vulns", ())
    ]
    if len(skipped) == len(packages):
        return Verdict(UNKNOWN.format(reason="it knows none of the packages"), weak=False)
    lines = [f"{len(packages) - len(skipped)} packages looked up, {len(weak)} weaknesses known."]
    if skipped:
        lines.append(f"Not known to the database: {', '.join(skipped)}.")
    return Verdict("\n".join([*lines, *weak]), bool(weak))


def main() -> int:
    """Ask the database after every pinned package; return 1 if one is weak."""
    pip_audit = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    which = ["--disable-pip", "--require-hashes", "--requirement", str(REQUIREMENTS)]
    run = subprocess.run(  # noqa: S603 - no word of it comes from outside
        [*pip_audit, *which],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        verdict = judge(json.loads(run.stdout))
    except ValueError:
        reason = (run.stderr.strip() or "no answer").splitlines()[-1]
        verdict = Verdict(UNKNOWN.format(reason=reason), weak=False)
    sys.stdout.write(f"{verdict.text}\n")
    return int(verdict.weak)


if __name__ == "__main__":
    sys.exit(main())
