"""Command `apigw-local`, and `python -m apigw_local`."""

import os
import sys

from apigw_local.cli import main


def run() -> int:
    """Run the command line of this process."""
    return main(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(run())
