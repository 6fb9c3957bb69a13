"""Print what share of the lines and branches of each package the tests reach, and fail if it is too small."""

import json
import sys
from collections import Counter

LEAST = 90  # per cent of lines, and of branches, of each package
KINDS = {"lines": ("covered_lines", "num_statements"), "branches": ("covered_branches", "num_branches")}


def main(path: str) -> int:
    """Read coverage's JSON report; return the exit code."""
    with open(path, encoding="utf-8") as file:
        files = json.load(file)["files"]
    sums: dict[str, Counter[str]] = {}
    for name, told in files.items():
        sums.setdefault(name.replace("\\", "/").split("/")[0], Counter()).update(told["summary"])
    too_few = []
    for package in ("netsparse", "analysis", "training", "figures"):
        shares = {kind: 100 * sums[package][done] / sums[package][all_] for kind, (done, all_) in KINDS.items()}
        print(f"coverage of {package}: " + ", ".join(f"{share:.1f} % of {kind}" for kind, share in shares.items()))
        too_few += [f"{kind} of {package}" for kind, share in shares.items() if share < LEAST]
    if too_few:
        print(f"coverage: less than {LEAST} % of {', '.join(too_few)}", file=sys.stderr)
    return 1 if too_few else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
