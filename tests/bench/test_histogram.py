"""The histogram's percentiles are those of the sorted values, to one part in 64."""

import math
import random
import subprocess
from pathlib import Path

import pytest

from bench.build import HERE, compile_program

pytestmark = pytest.mark.needs_program("cc")

PROGRAM = """
#include <stdio.h>
#include "histogram.h"

int main(void)
{
    static struct histogram histogram;
    unsigned long long value;
    while (scanf("%llu", &value) == 1)
        histogram_record(&histogram, value);
    const double fractions[] = {0.5, 0.99, 0.999, 1.0};
    for (int index = 0; index < 4; index++)
        printf("%llu ", (unsigned long long)histogram_percentile(&histogram, fractions[index]));
    printf("%llu %llu", (unsigned long long)histogram.count, (unsigned long long)histogram.largest);
}
"""

FRACTIONS = (0.5, 0.99, 0.999, 1.0)


@pytest.fixture(scope="module")
def histogram(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("histogram")
    source = directory / "main.c"
    source.write_text(PROGRAM)
    return compile_program(directory / "main", [source], f"-I{HERE / 'load'}")


def percentiles(histogram: Path, values: list[int]) -> tuple[list[int], int, int]:
    text = " ".join(map(str, values))
    done = subprocess.run([histogram], input=text, capture_output=True, text=True, check=True)
    *found, count, largest = map(int, done.stdout.split())
    return found, count, largest


def exact(values: list[int]) -> list[int]:
    ordered = sorted(values)
    return [ordered[math.ceil(fraction * len(values)) - 1] for fraction in FRACTIONS]


def test_small_values_are_exact(histogram: Path) -> None:
    values = [*range(1, 101)]
    found, count, largest = percentiles(histogram, values)
    assert found == exact(values) == [50, 99, 100, 100]
    assert (count, largest) == (100, 100)


@pytest.mark.parametrize("seed", range(5))
def test_large_values_are_within_one_part_in_64(histogram: Path, seed: int) -> None:
    generator = random.Random(seed)
    values = [int(generator.lognormvariate(11, 2)) for _ in range(5000)]
    found, count, largest = percentiles(histogram, values)
    assert found == [pytest.approx(value, rel=1 / 64) for value in exact(values)]
    assert (count, largest) == (len(values), max(values))


@pytest.mark.parametrize("bit", range(64))
def test_every_power_of_two_and_its_neighbours_have_a_bucket(histogram: Path, bit: int) -> None:
    for value in (2**bit - 1, 2**bit, 2**bit + 1):
        found, _, largest = percentiles(histogram, [value])
        assert found == [pytest.approx(value, rel=1 / 64)] * 4
        assert largest == value


def test_an_empty_histogram_says_zero(histogram: Path) -> None:
    assert percentiles(histogram, []) == ([0, 0, 0, 0], 0, 0)
