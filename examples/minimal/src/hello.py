"""Prints the sum of the column y."""
import csv
import sys

with open(sys.argv[1], newline="") as file:
    print(sum(float(row["y"]) for row in csv.DictReader(file)))
