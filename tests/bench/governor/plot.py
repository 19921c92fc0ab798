#!/usr/bin/env python3
"""Draws docs/governor-*.png from the samples of bench_governor_laws. Needs python3-matplotlib.

usage: bench_governor_laws DIRECTORY && tests/bench/governor/plot.py DIRECTORY docs
"""

import csv
import os
import sys
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"off": "#888888", "naive": "#d62728", "memory": "#9467bd", "vegas": "#2ca02c", "model": "#ff7f0e",
           "pipec": "#1f77b4"}
PICTURES = {
    "load": ["saturated, cheap", "saturated, commit 100 us", "saturated, commit 2 ms", "far sink", "paced 80 %", "burst"],
    "trouble": ["slow sink", "sink 100 x slower", "sink stalls", "outside pressure", "balloon", "small memory"],
}
MIB = 1 << 20
COLUMNS = [("budget", "budget, MiB", MIB, "log"), ("in_flight", "in flight, MiB", MIB, "log"),
           ("memory", "memory / limit", 1, "linear"), ("throughput", "MB/s", 1e6, "log")]
WINDOW = 10  # samples that a throughput is averaged over: batches are coarse


def smoothed(values):
    sums, result = 0.0, []
    for i, value in enumerate(values):
        sums += value - (values[i - WINDOW] if i >= WINDOW else 0)
        result.append(sums / min(i + 1, WINDOW))
    return result


def read(path):
    samples = defaultdict(lambda: defaultdict(list))
    with open(path, encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter=";"):
            samples[row["scenario"], row["law"]]["time"].append(float(row["time"]))
            for name, *_ in COLUMNS:
                samples[row["scenario"], row["law"]][name].append(float(row[name]))
    return samples


def draw(samples, scenarios, path):
    figure, axes = plt.subplots(len(scenarios), len(COLUMNS), figsize=(15, 2.4 * len(scenarios)), squeeze=False)
    for line, (row, scenario) in enumerate(zip(axes, scenarios)):
        for axis, (name, title, unit, scale) in zip(row, COLUMNS):
            for law, colour in COLOURS.items():
                data = samples[scenario, law]
                values = [value / unit for value in data[name]]
                if name == "throughput":
                    values = smoothed(values)
                if scale == "log":
                    values = [max(value, 1e-3) for value in values]
                axis.plot(data["time"], values, color=colour, label=law, linewidth=2 if law == "pipec" else 1,
                          zorder=3 if law == "pipec" else 2)
            axis.set_yscale(scale)
            axis.grid(alpha=0.3)
            axis.tick_params(labelsize=7)
            if line == 0:
                axis.set_title(title, fontsize=10)
            if name == "memory":
                axis.axhline(0.8, color="black", linewidth=0.6, linestyle=":")
                axis.axhline(1.0, color="red", linewidth=0.6, linestyle=":")
        row[0].set_ylabel(scenario, fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("seconds", fontsize=8)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncol=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path, dpi=75)
    plt.close(figure)


def main():
    directory, target = sys.argv[1:]
    samples = read(os.path.join(directory, "samples.csv"))
    for name, scenarios in PICTURES.items():
        draw(samples, scenarios, os.path.join(target, f"governor-{name}.png"))


if __name__ == "__main__":
    main()
