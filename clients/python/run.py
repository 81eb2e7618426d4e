"""Runs all tests in their order: what refers to something comes after it, and the export comes last.

    python run.py [-k TEXT] [--keep]

Exits with 1 if a test failed.
"""

import argparse
import logging
import os
import sys
import unittest
import warnings

MODULES = ["test_places", "test_assets", "test_components", "test_endpoints", "test_jobs", "test_schedules", "test_export"]


def main():
    parser = argparse.ArgumentParser(description="Drive the emulator with azure-ai-ml, then export with mlsync.")
    parser.add_argument("-k", dest="patterns", action="append", metavar="TEXT", help="only tests with this text in their name")
    parser.add_argument("--keep", action="store_true", help="leave the folders of the run, for a look")
    args = parser.parse_args()
    if args.keep:
        os.environ["KEEP"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    loader = unittest.TestLoader()
    if args.patterns:
        loader.testNamePatterns = [f"*{p}*" for p in args.patterns]
    suite = unittest.TestSuite(loader.loadTestsFromName(name) for name in MODULES)

    import world

    one = world.world()
    try:
        result = unittest.TextTestRunner(verbosity=2, buffer=True, warnings="ignore").run(suite)
    finally:
        one.stop()
    for note in world.notes:
        print(note, file=sys.stderr)
    if args.keep:
        print(f"the folders of the run are in {one.root}", file=sys.stderr)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
